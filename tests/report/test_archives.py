"""Archives: what goes in comes out byte for byte, whoever writes at the same time; damage is named."""

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.report.archives import Archives, read_archive
from tests.conftest import ROOT

HYP = "music/seed1/decode/music_test/hyp"
#: Hypotheses may hold any character.
TEXTS = {HYP: "a-1 \u2028 tab\there\r\nKöln\n", "music/seed1/training.json": '{\n "a": 0.1\n}\n'}


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(tmp_path / "results")


def write_lines(folder: Path, *lines: object) -> Path:
    folder.mkdir(exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path = folder / "table1.jsonl.xz"
    path.write_bytes(lzma.compress(text.encode()))
    return path


def test_texts_come_back_as_they_were_and_only_of_paths_below_the_recipe(archives):
    assert archives.texts == {}
    file = archives.keep("table1", TEXTS)
    assert archives.texts == Archives(archives.folder).texts == read_archive(file) == TEXTS
    written = file.stat().st_ino
    assert archives.keep("table1", TEXTS).stat().st_ino == written  # not written again
    assert archives.keep("table1", {HYP: "b"}).stat().st_ino != written
    for path in ("", ".", "../x", "/x", "a//b", "a/"):
        with pytest.raises(ValueError, match=r"not a path below exp/<recipe>"):
            archives.keep("table1", {path: ""})


def test_the_same_texts_give_the_same_bytes_in_whatever_order_they_come(tmp_path):
    found = []
    for number, paths in enumerate((sorted(TEXTS), sorted(TEXTS, reverse=True))):
        for path in paths:
            file = Archives(tmp_path / f"results{number}").keep("table1", {path: TEXTS[path]})
        found.append(file.read_bytes())
    assert found[0] == found[1]


def test_a_path_moves_to_the_archive_that_kept_it_last_and_none_removes_it(archives):
    archives.keep("table1", TEXTS)
    archives.keep("table2", {**TEXTS, HYP: "new"})
    assert [file.name for file in archives.folder.glob("*.xz")] == ["table2.jsonl.xz"]
    assert archives.texts[HYP] == "new"
    archives.keep("table1", {HYP: None})
    assert archives.texts.keys() == TEXTS.keys() - {HYP}


def test_two_processes_that_keep_at_once_lose_nothing(archives):
    script = """
import sys
from pathlib import Path
from espnet_atat.report.archives import Archives
for seed in range(15):
    Archives(Path(sys.argv[1])).keep("table1", {f"{sys.argv[2]}/seed{seed}/hyp": "text"})
"""
    command = [sys.executable, "-c", script, str(archives.folder)]
    processes = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("music", "books")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert len(archives.texts) == 30


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], ":1: not JSON at column 2: Expecting property name"),
        (["[" * 100_000], ":1: "),
        ([{"kind": "archive", "form": 1}], ":1: not a path and its text"),
        ([{"path": "a", "text": None}], ":1: not a path and its text"),
        ([{"path": "a", "text": "", "pickle": ""}], ":1: not a path and its text"),
        ([{"path": "a", "text": ""}, {"path": "a", "text": ""}], ":2: not a path and its text, or a path for the"),
        ([{"path": "music/../../x", "text": ""}], ":1: 'music/../../x' is not a path below exp/<recipe>"),
        ([{"path": "/music/x", "text": ""}], ":1: '/music/x' is not a path below exp/<recipe>"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_text_is_named(archives, lines, message):
    file = write_lines(archives.folder, *lines)
    with pytest.raises(UserError) as error:
        _ = archives.texts
    assert str(error.value).startswith(f"{file}{message}")


@pytest.mark.parametrize("damage", [lambda _: b"no archive of xz at all", lambda whole: whole[:-20]])
def test_a_damaged_file_is_refused(archives, damage):
    file = write_lines(archives.folder, {"path": "a", "text": "b"})
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"table1\.jsonl\.xz: damaged"):
        read_archive(file)
