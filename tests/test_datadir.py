"""A data dir: what is written is read back, and what cannot be read is named by file and line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from espnet_atat.datadir import LONGEST_NAME, DataDir, is_test_set, read_two_column, scan_two_column, write_two_column
from espnet_atat.errors import UserError

UTTERANCES = DataDir(
    text={"b-1": "play it", "a-2": "stop", "B-1": ""},
    target={"b-1": "[IN:PLAY play it ]", "a-2": "[IN:STOP stop ]", "B-1": ""},
    wav={"b-1": "audio/with space.wav", "a-2": "/x/a.flac", "B-1": "y.wav"},
    utt2spk={"b-1": "b", "a-2": "a", "B-1": "B"},
)


def test_what_is_written_is_read_back_and_sorted_as_sort_does_in_the_c_locale(tmp_path: Path) -> None:
    UTTERANCES.write(tmp_path / "data" / "set")
    assert DataDir.load(tmp_path / "data" / "set") == UTTERANCES
    names = sorted(path.name for path in (tmp_path / "data" / "set").iterdir())
    assert names == ["spk2utt", "target", "text", "utt2spk", "wav.scp"]
    data = DataDir(text={"s-2": "x", "s-1": "y", "t-1": "z"}, utt2spk={"s-2": "s", "t-1": "t", "s-1": "s"})
    data.write(tmp_path / "set")
    assert (tmp_path / "set" / "spk2utt").read_text() == "s s-1 s-2\nt t-1\n"
    ids = ["a-10", "a-2", "A-1", "a_1", "é-1", "z", "a-1", "日本", "\U0001f600", "\uffee"]
    write_two_column(tmp_path / "text", dict.fromkeys(ids, "x"))
    written = (tmp_path / "text").read_bytes()
    assert written == subprocess.run(["sort"], input=written, capture_output=True, env={"LC_ALL": "C"}).stdout


def test_writing_replaces_the_old_set_whole_and_what_a_killed_writer_left(tmp_path: Path) -> None:
    UTTERANCES.write(tmp_path / "set")
    DataDir(text={"t1": "hello"}).write(tmp_path / "set")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["text"]
    assert DataDir.load(tmp_path / "set").wav is None
    with pytest.raises(UserError, match="no file 'text'"):
        DataDir.load(tmp_path)
    # What a killed writer left is removed by the next.
    killed = subprocess.Popen(["true"])
    killed.wait()
    shutil.rmtree(tmp_path / "set")
    left = tmp_path / f".set.{killed.pid}.tmp"
    at_work = tmp_path / f".set.{os.getppid()}.tmp"
    for folder in (left, at_work, tmp_path / ".settle.1.tmp"):
        folder.mkdir()
    UTTERANCES.write(tmp_path / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([at_work.name, ".settle.1.tmp", "set"])


def test_tabs_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\thello  there\r\nb \t x \nc\n")
    assert read_two_column(tmp_path / "text") == {"a": "hello  there", "b": "x", "c": ""}
    (tmp_path / "text").write_bytes(b"a x\nb \xff\nc z\n")  # scanning goes on after a bad line
    keys = [(number, key, isinstance(value, str)) for number, key, value in scan_two_column(tmp_path / "text")]
    assert keys == [(1, "a", True), (2, "b", False), (3, "c", True)]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"a x\nb y\na z\n", 3, "'a' a second time"),
        (b"a x\n\nb y\n", 2, "empty line"),
        (b"a x\n b y\n", 2, "begins with white space"),
        (b"a caf\xe9\n", 1, r"not UTF-8"),
        (b"a x\n\x00\xff\n", 2, r"byte 2 of the line is not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, line: int, what: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"text:{line}: .*{what}"):
        read_two_column(path)


def test_what_would_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    for values in ({"a b": "x"}, {"": "x"}, {"a": "x\ny"}):
        with pytest.raises(UserError, match="text"):
            write_two_column(tmp_path / "text", values)
    assert list(tmp_path.iterdir()) == []


def test_files_must_have_the_same_utterances_and_a_subset_keeps_every_column(tmp_path: Path) -> None:
    UTTERANCES.write(tmp_path / "set")
    write_two_column(tmp_path / "set" / "target", {"b-1": "[IN:PLAY ]", "a-2": "[IN:STOP ]"})
    with pytest.raises(UserError, match="target lacks 'B-1'"):
        DataDir.load(tmp_path / "set")
    with pytest.raises(UserError, match="utt2spk has 'zz'"):
        DataDir(text={"a": "x"}, utt2spk={"a": "s", "zz": "s"}).write(tmp_path / "other")
    assert not (tmp_path / "other").exists()
    part = UTTERANCES.subset(["b-1"])
    assert part.columns() == {name: {"b-1": values["b-1"]} for name, values in UTTERANCES.columns().items()}
    with pytest.raises(UserError, match="'zz'"):
        UTTERANCES.subset(["zz"])


def test_names_of_test_sets() -> None:
    assert all(map(is_test_set, ["test", "test_clean", "close_fold1_test", "test1", "TEST", "my.Testset"]))
    assert not any(map(is_test_set, ["train", "dev", "latest", "contest_train", "music_text"]))


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        ("../../evil", "has a slash"),
        ("/etc/evil", "has a slash"),
        (".hidden", "has a dot at its start"),
        ("a\x00b", "has a control character"),
        ("a\x1b[31m", "has a control character"),
        ("é" * LONGEST_NAME, "has 400 bytes"),
    ],
)
@pytest.mark.parametrize("column", ["id", "speaker"])
def test_an_id_or_speaker_that_cannot_name_a_file_is_refused_on_reading_and_writing(tmp_path, bad, found, column):
    utt, speaker = ("u", bad) if column == "speaker" else (bad, "s")
    with pytest.raises(UserError, match=f"utt2spk|text: .*{re.escape(found)}"):
        DataDir(text={utt: "x"}, utt2spk={utt: speaker}).write(tmp_path / "written")
    (tmp_path / "read").mkdir()
    (tmp_path / "read/text").write_text(f"{utt} x\n")
    (tmp_path / "read/utt2spk").write_text(f"{utt} {speaker}\n")
    with pytest.raises(UserError, match=re.escape(found)):
        DataDir.load(tmp_path / "read")
    assert [path.name for path in tmp_path.iterdir()] == ["read"]


def test_the_longest_id_names_a_file(tmp_path):
    DataDir(text={"u" * LONGEST_NAME: "x"}).write(tmp_path / "set")
    (tmp_path / f".{'u' * LONGEST_NAME}.flac.4194304.tmp").touch()  # as ``write_bytes`` names it


@pytest.mark.parametrize("value", ["go \0 home", "\x1b[31mgo", "go\x7f", "go \x9b1m"])
def test_a_value_with_a_control_character_is_an_error_with_its_line(value, tmp_path):
    (tmp_path / "text").write_text(f"a go\nb {value}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"text:2: has a control character, '\\x"):
        read_two_column(tmp_path / "text")
