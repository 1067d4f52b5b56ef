"""Archives of kept results: what goes in comes out byte for byte, whoever writes at the same time; damage is named."""

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.report import kept as module
from espnet_atat.report.kept import KeptResults
from tests.conftest import ROOT

PLACE = "music/seed1/decode/music_test"
HEAD = {"kind": "archive", "form": 1}
TRAINING = {"kind": "training", "place": "music/seed1", "training": {"amounts": {}}, "learning": None}


@pytest.fixture
def decoded(tmp_path: Path) -> Path:
    """A folder as decoding and scoring leave it; hypotheses may hold any character."""
    folder = tmp_path / "exp/mini" / PLACE
    folder.mkdir(parents=True)
    (folder / "ref").write_bytes("a-1 [IN:PLAY_MUSIC spiel Köln ]\n".encode())
    (folder / "hyp").write_bytes(b"a-1 \xe2\x80\xa8 tab\there\r\n")
    (folder / "metrics.json").write_bytes(b'{\n  "form": 1,\n  "value": 0.1\n}\n')
    return folder


@pytest.fixture
def results(tmp_path: Path) -> KeptResults:
    return KeptResults(tmp_path / "results")


def archive(folder: Path, *lines: object, name: str = "table1") -> Path:
    folder.mkdir(exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path = folder / f"{name}.jsonl.xz"
    path.write_bytes(lzma.compress(text.encode()))
    return path


def test_a_set_comes_back_byte_for_byte_with_its_stamp_and_training(tmp_path, decoded, results):
    training = {"amounts": {"hours": 0.1 + 0.2, "commits": ["ä"]}, "runs": {"z": {}, "a": {}}}
    results.put(PLACE, "1a2b", decoded, table="table1")
    results.put_training("music/seed1", training, {"exp/runs/x": {"slu": {}}}, table="table1")
    assert results.made_from(PLACE) is None  # nothing is kept before it is saved
    results.save()
    assert (results.made_from(PLACE), results.made_from("music/seed2/decode/music_test")) == ("1a2b", None)
    back = tmp_path / "back" / PLACE
    back.mkdir(parents=True)
    (back / "of an earlier model").touch()
    KeptResults(results.folder).restore(PLACE, back)
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {
        **{path.name: path.read_bytes() for path in decoded.iterdir()},
        "decoded": b"1a2b\n",
    }
    text = json.dumps(training, indent=1, ensure_ascii=False) + "\n"
    assert (tmp_path / "back/music/seed1/training.json").read_text() == text
    assert (tmp_path / "back/music/seed1/learning.json").read_text() == '{"exp/runs/x":{"slu":{}}}\n'


def test_training_without_curves_takes_the_place_of_curves_of_another_model(tmp_path, decoded, results):
    results.put(PLACE, "1a2b", decoded, table="table1")
    results.put_training("music/seed1", {}, {}, table="table1")
    results.save()
    (tmp_path / "back/music/seed1").mkdir(parents=True)
    (tmp_path / "back/music/seed1/learning.json").write_text("{}")
    results.restore(PLACE, tmp_path / "back" / PLACE)
    assert not (tmp_path / "back/music/seed1/learning.json").exists()


def test_what_is_not_kept_is_named(tmp_path, results):
    with pytest.raises(UserError, match=f"results: keeps no results of {PLACE}"):
        results.restore(PLACE, tmp_path / "back")
    assert (results.places(), results.tables(), results.kept_table("table1")) == ([], [], None)


def test_the_same_results_give_the_same_bytes_in_whatever_order_they_come(tmp_path, decoded):
    others = [PLACE.replace("seed1", f"seed{seed}") for seed in (3, 1, 2)]
    found = []
    for number, places in enumerate((others, sorted(others))):
        results = KeptResults(tmp_path / f"results{number}")
        for place in places:
            results.put(place, "1a2b", decoded, table="table1")
            results.save()
        results.put_table("table1", {"title": "ä", "rows": []})
        results.save()
        found.append((results.folder / "table1.jsonl.xz").read_bytes())
    assert found[0] == found[1]
    lines = lzma.decompress(found[0]).splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["archive", "table", "reference", "hypotheses", "hypotheses", "hypotheses"]


def test_an_archive_whose_results_are_the_same_is_not_written_again(decoded, results):
    versions = []
    for made_from in ("1a2b", "1a2b", "3c4d"):
        results.put(PLACE, made_from, decoded, table="table1")
        results.save()
        versions.append((results.folder / "table1.jsonl.xz").stat().st_ino)
    assert versions[0] == versions[1] != versions[2]


def test_a_row_that_moves_to_another_table_is_kept_there_only(decoded, results):
    for table in ("table1", "table2"):
        results.put(PLACE, "1a2b", decoded, table=table)
        results.put_training("music/seed1", {}, None, table=table)
        results.save()
    assert [path.name for path in results.folder.glob("*.xz")] == ["table2.jsonl.xz"]
    results.put_table("table1", {"rows": []})
    results.save()
    assert (results.places(), results.tables()) == ([PLACE], ["table1"])


def test_two_processes_that_keep_at_once_lose_nothing(decoded, results):
    script = """
import sys
from pathlib import Path
from espnet_atat.report.kept import KeptResults
folder, decoded, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for seed in range(15):
    kept = KeptResults(folder)
    kept.put(f"{name}/seed{seed}/decode/music_test", "1a2b", decoded, table="table1")
    kept.save()
"""
    command = [sys.executable, "-c", script, str(results.folder), str(decoded)]
    processes = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("music", "books")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert len(results.places()) == 30


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds nothing"),
        ([TRAINING], ":1: no archive of kept results"),
        ([{**HEAD, "form": 2}], ":1: kept results of form 2, and this version reads form 1"),
        ([HEAD, "{"], ":2: Expecting property name"),
        ([HEAD, "[" * 100_000], ":2: "),
        ([HEAD, {"kind": "pickle", "place": "music/seed1"}], ":2: a line that is no record"),
        ([HEAD, {**TRAINING, "training": None}], ":2: a line that is no record"),
        ([HEAD, {**TRAINING, "place": "../seed1"}], ":2: '../seed1' is no place of 2 folders"),
        ([HEAD, TRAINING, TRAINING], ":3: a line that is no record, or one for the second time"),
        ([HEAD, {"kind": "reference", "digest": "0" * 16, "text": "a-1 changed\n"}], ":2: a line that is no record"),
        (
            [HEAD, {"kind": "hypotheses", "place": PLACE, "made_from": "1", "ref": "0" * 16, "hyp": "", "metrics": ""}],
            ":2: a line that is no record",
        ),
    ],
)
def test_a_line_that_is_no_record_is_named(results, lines, message):
    path = archive(results.folder, *lines)
    with pytest.raises(UserError) as error:
        results.places()
    assert str(error.value).startswith(f"{path}{message}" if message.startswith(":") else f"{path}: {message}")


def test_a_damaged_file_and_one_that_unpacks_to_too_much_are_refused(results, monkeypatch):
    whole = archive(results.folder, HEAD, TRAINING).read_bytes()
    path = results.folder / "table1.jsonl.xz"
    for content, message in (
        (b"no archive of xz at all", "damaged"),
        (whole[:-20], "cut short"),
        (whole + b"more", "too long"),
        (lzma.compress(b"", preset=9), "holds nothing"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"table1\.jsonl\.xz: .*{message}"):
            results.places()
    monkeypatch.setattr(module, "LARGEST", 1000)
    path.write_bytes(lzma.compress(b"[" * 1001))
    with pytest.raises(UserError, match="unpacks to more than 1000 bytes"):
        results.places()
    path.unlink()
    results.put_table("table1", {"title": "long " * 200, "rows": []})
    with pytest.raises(UserError, match="more than one archive holds"):
        results.save()


@pytest.mark.parametrize("place", ["music/seed1/decode", "/music/seed1/decode", "music/seed1/../x", "a/b/c/d/e"])
def test_a_place_has_four_parts(results, decoded, place):
    with pytest.raises(ValueError, match="is no place of 4 folders"):
        results.put(place, "1a2b", decoded, table="table1")
