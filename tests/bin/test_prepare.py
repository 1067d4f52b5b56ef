"""The command ``prepare``: dispatch, report, errors, and the recipes' data scripts around it."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.bin import main_guard
from espnet_atat.bin.prepare import get_parser, main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_librispeech
from tests.spoken import spoken

TABLE = "audio,transcript,intent,slots,split\na.wav,go home,go,to=home,train\na.wav,stay here,stay,,test\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two recordings with ids of their own."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 16_000)
    (tmp_path / "mine.csv").write_text(TABLE)
    return tmp_path / "mine.csv"


def test_it_prepares_and_reports(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["custom", str(table), str(tmp_path / "data")])
    out = capsys.readouterr().out
    assert f"custom: read {table}" in out
    assert "custom: wrote 2 sets below" in out
    assert "train: 1 read, 1 kept, 0 dropped" in out
    assert DataDir.load(tmp_path / "data" / "test").target == {"a": "[IN:STAY stay here ]"}


def test_a_second_run_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        main(["custom", str(table), str(tmp_path / "data")])
        runs.append({p: p.read_bytes() for p in sorted((tmp_path / "data").rglob("*")) if p.is_file()})
    assert runs[0] == runs[1]


@pytest.mark.parametrize("corpus", ["librispeech", "an4", "fsc", "snips", "top", "broad", "custom"])
def test_every_corpus_refuses_an_empty_folder_without_a_traceback(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main_guard(main, [corpus, str(tmp_path / "empty"), str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'empty'}")
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


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


def test_what_was_written_is_checked_by_the_limits_of_the_call(table: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16_000 * 61), 16_000)
    with pytest.raises(UserError, match="too long"):
        main(["custom", str(table), str(tmp_path / "data")])
    main(["custom", str(table), str(tmp_path / "data"), "--max_duration", "62"])
    assert len(DataDir.load(tmp_path / "data" / "test")) == 1


def test_a_source_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_guard(main, ["fsc", str(tmp_path / "gone"), str(tmp_path)]) == 2
    assert "gone: no such file or folder" in capsys.readouterr().err


def test_an_unknown_corpus_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        get_parser(["an4"]).parse_args(["nonsense", "a", "b"])
    assert caught.value.code == 2
    assert "an4" in capsys.readouterr().err


def test_preparing_imports_no_heavy_library(table: Path, tmp_path: Path, root: Path) -> None:
    code = (
        "import sys; from espnet_atat.bin.prepare import main; "
        f"main(['custom', {str(table)!r}, {str(tmp_path / 'data')!r}]); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'espnet2')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)


def run_script(
    root: Path, recipe: str, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "python": sys.executable, "PYTHONPATH": str(root), "STOP": "", **environment}
    command = [str(root / "egs2" / "atat" / recipe / "local" / "data.sh"), *arguments]
    return subprocess.run(command, cwd=cwd or root, env=settings, capture_output=True, text=True, check=False)


def test_data_script_of_recordings(root: Path, tmp_path: Path) -> None:
    source = write_librispeech(tmp_path / "LibriSpeech", "test-clean", spoken("sentences_dev", 12))
    done = run_script(root, "librispeech", str(source), str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "test_clean: 12 utterances" in done.stdout
    assert "0 problems" in done.stdout


def test_data_script_passes_options_on(root: Path, table: Path, tmp_path: Path) -> None:
    done = run_script(
        root, "custom", str(table), str(tmp_path / "data"), "--text_form", "official", "--sample_rate", "8"
    )
    assert done.returncode == 2
    assert "16000 Hz where 8 Hz is expected; --resample writes resampled copies" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "what"), [("fsc", "is behind a form"), ("snips", "is behind a form"), ("custom", "set CUSTOM in db.sh")]
)
def test_a_corpus_behind_a_form_says_so_and_stops(root: Path, tmp_path: Path, recipe: str, what: str) -> None:
    done = run_script(root, recipe, "", "data", cwd=tmp_path)
    assert done.returncode == 2
    assert what in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_split_that_does_not_exist_is_not_fetched(root: Path, tmp_path: Path) -> None:
    done = run_script(root, "librispeech", "", "data", cwd=tmp_path, python="false", LIBRISPEECH_SPLITS="dev-clear")
    assert done.returncode == 2
    assert "no split 'dev-clear'; there are" in done.stderr
    assert not (tmp_path / "downloads").exists()


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
def test_splits_that_are_there_asked_for_or_begun_are_wanted(
    root: Path, tmp_path: Path, there: tuple[str, ...], begun: str, asked: str, wanted: str
) -> None:
    folder = tmp_path / "downloads" / "LibriSpeech"
    folder.mkdir(parents=True)
    for split in there:
        (folder / split).mkdir()
    if begun:
        (folder / ".fetching").write_text(f"{begun}\n")
    script = f". {root}/egs2/atat/librispeech/local/splits.sh; wanted_splits downloads/LibriSpeech"
    environment = {**os.environ, "LIBRISPEECH_SPLITS": asked}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{wanted}\n"


def add_audio(archive: tarfile.TarFile, name: str, kind: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(0).normal(0, 0.1, 8000), 16_000, format=kind)
    add_bytes(archive, name, buffer.getvalue())


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_a_public_corpus_is_fetched_checked_and_unpacked(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "an4_sphere.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for part, folder, speakers in (("train", "an4_clstk", "abc"), ("test", "an4test_clstk", "d")):
            for speaker in speakers:
                add_audio(archive, f"an4/wav/{folder}/{speaker}/an1-{speaker}.sph", "NIST")
            ids = "".join(f"{folder}/{speaker}/an1-{speaker}\n" for speaker in speakers)
            words = "".join(f"<s> GO </s> (an1-{speaker})\n" for speaker in speakers)
            add_bytes(archive, f"an4/etc/an4_{part}.fileids", ids.encode())
            add_bytes(archive, f"an4/etc/an4_{part}.transcription", words.encode())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    other = run_script(root, "an4", "", "data", cwd=tmp_path, AN4_URL=path.as_uri())
    assert other.returncode == 2
    assert f"sha256 is {digest}, not a0525579" in other.stderr
    assert not (tmp_path / "downloads" / "an4").exists()
    done = run_script(root, "an4", "", "data", cwd=tmp_path, AN4_URL=path.as_uri(), AN4_CHECKSUM=f"sha256:{digest}")
    assert done.returncode == 0, done.stderr
    assert DataDir.load(tmp_path / "data" / "test").wav == {
        "d-an1-d": "downloads/an4/an4/wav/an4test_clstk/d/an1-d.sph"
    }
