"""The command ``prepare``: dispatch, report, errors, and the recipes' data scripts around it."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.prepare import main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_an4, write_noise
from tests.shell import run_script
from tests.spoken import spoken

TABLE = "audio,transcript,intent,slots,split\na.wav,go home,go,to=home,train\nb.wav,stay here,stay,,test\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two recordings with ids of their own."""
    for seed, name in enumerate("ab"):
        write_noise(tmp_path / f"{name}.wav", 0.5, seed=seed)
    (tmp_path / "mine.csv").write_text(TABLE)
    return tmp_path / "mine.csv"


def test_it_prepares_and_reports(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["custom", str(table), str(tmp_path / "data")])
    out = capsys.readouterr().out
    assert f"custom: read {table}" in out
    assert "custom: wrote 2 sets below" in out
    assert "train: 1 read, 1 kept, 0 dropped" in out
    assert DataDir.load(tmp_path / "data" / "test").target == {"b": "[IN:STAY stay here ]"}
    first = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    main(["custom", str(table), str(tmp_path / "data")])
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == first


def test_a_set_that_is_not_made_any_more_is_removed_on_request(table: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    main(["custom", str(table), str(data)])
    (data / "by_hand").mkdir()
    table.write_text(TABLE.replace(",train\n", ",dev\n"))
    main(["custom", str(table), str(data)])
    assert sorted(path.name for path in data.iterdir()) == ["by_hand", "dev", "prepared", "test", "train"]
    main(["custom", str(table), str(data), "--replace"])
    assert sorted(path.name for path in data.iterdir()) == ["by_hand", "dev", "prepared", "test"]
    assert (data / "prepared").read_text() == "dev\ntest\n"


def test_a_set_that_no_preparation_made_is_not_replaced(table: Path, tmp_path: Path, capsys) -> None:
    """Though it has no other files than one has; nor is what is read."""
    mine = DataDir(text={"a": "by hand"})
    mine.write(tmp_path / "data/train")
    for source, data_dir in ((table, "data"), (tmp_path / "data", "data"), (tmp_path / "data/train", "data")):
        assert main_guard(main, ["custom", str(source), str(tmp_path / data_dir)]) == 2
        assert "train holds text, which no preparation wrote; move or delete" in capsys.readouterr().err
    assert DataDir.load(tmp_path / "data/train") == mine


def test_a_set_with_a_file_of_somebody_is_not_removed(table: Path, tmp_path: Path, capsys) -> None:
    main(["custom", str(table), str(tmp_path / "data")])
    (tmp_path / "data/train/notes").write_text("mine")
    table.write_text(TABLE.replace(",train\n", ",dev\n"))
    assert main_guard(main, ["custom", str(table), str(tmp_path / "data"), "--replace"]) == 2
    assert "data/train/notes: put there after" in capsys.readouterr().err
    assert (tmp_path / "data/train/notes").read_text() == "mine"


def test_what_was_written_is_checked_by_the_limits_of_the_call(table: Path, tmp_path: Path) -> None:
    write_noise(tmp_path / "a.wav", 61)
    with pytest.raises(UserError, match="too long"):
        main(["custom", str(table), str(tmp_path / "data")])
    main(["custom", str(table), str(tmp_path / "data"), "--max_duration", "62"])
    assert len(DataDir.load(tmp_path / "data" / "test")) == 1


def test_preparing_imports_no_heavy_library(table: Path, tmp_path: Path) -> None:
    script = """
import sys
from espnet_atat.bin.prepare import main
main(["custom", *sys.argv[1:]])
assert not {"torch", "espnet2"} & sys.modules.keys()
"""
    run_script(script, table, tmp_path / "data")


def run_data_script(root: Path, recipe: str, *arguments: str, cwd: Path | None = None, **environment: str):
    settings = {**os.environ, "python": sys.executable, "PYTHONPATH": str(root), **environment}
    command = [str(root / "egs2" / "atat" / recipe / "local" / "data.sh"), *arguments]
    return subprocess.run(command, cwd=cwd or root, env=settings, capture_output=True, text=True, check=False)


def test_data_script_passes_options_on(root: Path, table: Path, tmp_path: Path) -> None:
    done = run_data_script(root, "custom", str(table), str(tmp_path / "data"), "--sample_rate", "8")
    assert done.returncode == 2
    assert "16000 Hz where 8 Hz is expected; --resample writes resampled copies" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "what"),
    [
        ("fsc", "is behind a form"),
        ("snips", "is behind a form"),
        ("slurp", "clone https://github.com/pswietojanski/slurp"),
        ("stop", "under a licence that you have to agree to"),
        ("custom", "set CUSTOM in db.sh"),
        ("common_voice", "is behind a form"),
        ("mls", "get mls_english from"),
        ("switchboard", "set SWITCHBOARD in db.sh"),
        ("librispeech", "no split 'dev-clear'; there are"),
    ],
)
def test_what_cannot_be_fetched_is_said(root, tmp_path, recipe, what):
    done = run_data_script(root, recipe, "", "data", cwd=tmp_path, python="false", LIBRISPEECH_SPLITS="dev-clear")
    assert done.returncode == 2
    assert what in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "begun", "asked", "wanted"),
    [
        ((), "", "", "dev-clean dev-other test-clean test-other train-clean-100 train-clean-360 train-other-500"),
        ((), "", "test-clean dev-clean", "dev-clean test-clean"),
        (("dev-clean", "dev-clean-small"), "", "", "dev-clean"),
        (("dev-clean",), "", "train-clean-100", "dev-clean train-clean-100"),
        (("dev-clean",), "dev-clean test-clean", "", "dev-clean test-clean"),
    ],
)
def test_splits_that_are_there_asked_for_or_begun_are_wanted(root, tmp_path, there, begun, asked, wanted):
    folder = tmp_path / "downloads" / "LibriSpeech"
    folder.mkdir(parents=True)
    for split in there:
        (folder / split).mkdir()
    if begun:
        (folder / ".fetching").write_text(f"{begun}\n")
    script = f". {root}/egs2/atat/librispeech/local/splits.sh; wanted_splits downloads/LibriSpeech"
    environment = {**os.environ, "LIBRISPEECH_SPLITS": asked}
    found = subprocess.check_output(["bash", "-euc", script], cwd=tmp_path, env=environment, text=True)
    assert found == f"{wanted}\n"


def test_a_public_corpus_is_fetched_checked_and_unpacked(root: Path, tmp_path: Path) -> None:
    said = {"train": spoken("sentences_train", 20), "test": spoken("music_test", 1)}
    path = tmp_path / "an4.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(write_an4(tmp_path / "made/an4", said), "an4")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    other = run_data_script(root, "an4", "", "data", cwd=tmp_path, AN4_URL=path.as_uri())
    assert other.returncode == 2
    assert f"sha256 is {digest}, not a0525579" in other.stderr
    assert not (tmp_path / "downloads" / "an4").exists()
    source = {"AN4_URL": path.as_uri(), "AN4_CHECKSUM": f"sha256:{digest}"}
    done = run_data_script(root, "an4", "", "data", cwd=tmp_path, **source)
    assert done.returncode == 0, done.stderr
    (recording,) = DataDir.load(tmp_path / "data" / "test").wav.values()
    assert recording.startswith("downloads/an4/an4/wav/an4test_clstk/")
