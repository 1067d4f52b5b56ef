"""Validation: every kind of problem with its file and line, and what --fix does."""

from pathlib import Path

import pytest

from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import fix, validate
from espnet_atat.datadir import DataDir, write_two_column
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_noise
from tests.speech.making import contents


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four sound utterances of two speakers."""
    ids = ["a-1", "a-2", "b-1", "b-2"]
    DataDir(
        text={key: f"say {key[2]}" for key in ids},
        target={key: f"[IN:SAY say [SL:NUMBER {key[2]} ] ]" for key in ids},
        wav={key: str(write_noise(tmp_path / f"{key}.wav")) for key in ids},
        utt2spk={key: key[0] for key in ids},
    ).write(tmp_path / "train")
    return tmp_path / "train"


def problems(data: Path, **options: str) -> list[tuple[str, int, str | None]]:
    return [(p.file, p.line, p.utterance) for p in validate(data, AudioRules(), **options).problems]


def edit(data: Path, file: str, old: str, new: str) -> None:
    text = (data / file).read_text()
    assert old in text
    (data / file).write_text(text.replace(old, new))


def test_what_is_sound_has_no_problem(data: Path, tmp_path: Path) -> None:
    checked = validate(data, AudioRules())
    assert checked.problems == []
    assert checked.seconds == pytest.approx(4 * 0.3)
    (data.parent / "b-2.wav").unlink()
    (data / "unreadable").write_text("b-2 missing audio\n")  # known to be
    assert problems(data) == []
    DataDir(text={"t1": "a"}, target={"t1": "[IN:A a ]"}).write(tmp_path / "set")
    assert problems(tmp_path / "set") == []
    with pytest.raises(UserError, match="no file 'text'"):
        validate(tmp_path, AudioRules())


@pytest.mark.parametrize(
    ("file", "old", "new", "expected", "message"),
    [
        ("text", "a-2 say 2\nb-1 say 1\n", "b-1 say 1\na-2 say 2\n", ("text", 3, None), "LC_ALL=C"),
        ("text", "a-2 say 2\n", "a-2 say 2\na-2 say 3\n", ("text", 3, "a-2"), "first at line 2"),
        ("text", "a-2 say 2\n", "a-2\n", ("text", 2, "a-2"), "empty transcript"),
        ("text", "a-2 say 2\n", "a-2 say  2\n", ("text", 2, "a-2"), "more than one space"),
        ("text", "b-2 say 2\n", "", ("target", 4, "b-2"), "'b-2' is not in text"),
        ("target", "[IN:SAY say [SL:NUMBER 2 ] ]\nb-1", "[IN:SAY say 2\nb-1", ("target", 2, "a-2"), "unclosed"),
        ("target", "2 ] ]\nb-1", "3 ] ]\nb-1", ("target", 2, "a-2"), "words are 'say 3', the text 'say 2'"),
        ("utt2spk", "a-2 a\n", "a-2 c\n", ("utt2spk", 2, None), "does not begin with its speaker's id 'c'"),
        ("utt2spk", "a-2 a\n", "a-2\n", ("utt2spk", 2, "a-2"), "for its speaker"),
        ("spk2utt", "a a-1 a-2\n", "a a-1\n", ("spk2utt", 1, None), "differs from utt2spk in 'a-2'"),
        ("spk2utt", "b b-1 b-2\n", "b b-2 b-1\n", ("spk2utt", 2, None), "unsorted"),
        ("wav.scp", "b-1.wav", "gone.wav", ("wav.scp", 3, "b-1"), "missing audio"),
        ("wav.scp", "b-1.wav", "b-1.wav |", ("wav.scp", 3, "b-1"), "shell pipe"),
    ],
)
def test_every_problem_is_named(data, file, old, new, expected, message):
    edit(data, file, old, new)
    found = validate(data, AudioRules()).problems
    assert expected in [(p.file, p.line, p.utterance) for p in found]
    assert any(message in p.message for p in found if (p.file, p.line, p.utterance) == expected)


def test_segments_are_checked_by_line_and_mended(data: Path) -> None:
    write_noise(data.parent / "b.wav", 1.0)
    recordings = {"a": "a-1.wav", "b": "b.wav", "c": "c.wav"}
    write_two_column(data / "wav.scp", {key: str(data.parent / name) for key, name in recordings.items()})
    (data / "segments").write_text("a-1 a 0 -1\na-2 a 0.1 0.05\nb-1 b 0.2 0.7\nb-2 b 0.5 2\n")
    checked = validate(data, AudioRules())
    found = {(p.file, p.line, p.utterance): p.message for p in checked.problems}
    assert "0 <= start < end" in found.pop(("segments", 2, "a-2"))
    assert "bad segment" in found.pop(("segments", 4, "b-2"))
    assert "recording 'c' has no segment" in found.pop(("wav.scp", 3, None))
    assert {utterance for _, _, utterance in found} == {"a-2"}  # the other files have it
    assert checked.seconds == pytest.approx(0.3 + 0.5)
    assert list(fix(checked, is_test=False)) == ["a-2", "b-2"]
    assert problems(data) == []
    assert (data / "segments").read_text() == "a-1 a-1 0.0 -1\nb-1 b 0.2 0.7\n"


def test_missing_speaker_files_and_bytes_that_are_not_utf8(data: Path) -> None:
    (data / "spk2utt").unlink()
    assert problems(data) == [("spk2utt", 0, None)]
    (data / "utt2spk").unlink()
    assert problems(data) == [("utt2spk", 0, None)]
    (data / "text").write_bytes((data / "text").read_bytes().replace(b"a-2 say", b"a-2 s\xe9y"))
    assert ("text", 2, "a-2") in problems(data)


def test_audio_against_the_rules(data: Path) -> None:
    kinds = {"wrong sample rate": {"rate": 8000}, "several channels": {"channels": 2}, "too short": {"seconds": 0.01}}
    for kind, options in kinds.items():
        write_noise(data.parent / "b-2.wav", **options)
        (problem,) = validate(data, AudioRules()).problems
        assert (problem.line, problem.utterance, kind in problem.message) == (4, "b-2", True)


def test_damage_in_the_middle_is_found_by_the_full_check_alone(data: Path) -> None:
    path = write_noise(data.parent / "b-2.flac", 2.0)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3 : len(raw) // 3 + 9000] = bytes(9000)
    path.write_bytes(raw)
    edit(data, "wav.scp", "b-2.wav", "b-2.flac")
    (problem,) = validate(data, AudioRules()).problems
    assert (problem.file, problem.line, problem.utterance) == ("wav.scp", 4, "b-2")
    assert "truncated audio" in problem.message
    assert problems(data, audio="none") == []


def test_mending_drops_by_name_sorts_and_keeps_the_rest(data: Path) -> None:
    edit(data, "text", "a-1 say 1\na-2 say 2\n", "a-2 say 2\na-1 say 1\n")
    edit(data, "target", "[IN:SAY say [SL:NUMBER 1 ] ]\nb-2", "[IN:SAY\nb-2")
    edit(data, "spk2utt", "a a-1 a-2\n", "")
    (data / "utt2num_frames").write_text("a-1 30\nb-1 30\n")
    (data / "NOTES").write_text("mine")
    dropped = fix(validate(data, AudioRules()), is_test=False)
    assert list(dropped) == ["b-1"]
    assert "unclosed" in dropped["b-1"]
    assert problems(data) == []
    assert DataDir.load(data).ids == ["a-1", "a-2", "b-2"]
    assert (data / "utt2num_frames").read_text() == "a-1 30\n"
    assert (data / "NOTES").read_text() == "mine"
    (data / "text").write_text("a-1\na-2\nb-2\n")
    with pytest.raises(UserError, match="no utterance would be left"):
        fix(validate(data, AudioRules()), is_test=False)


def test_a_test_set_is_sorted_but_never_shrunk(data: Path) -> None:
    edit(data, "text", "a-1 say 1\na-2 say 2\n", "a-2 say 2\na-1 say 1\n")
    assert fix(validate(data, AudioRules()), is_test=True) == {}
    assert DataDir.load(data).ids == ["a-1", "a-2", "b-1", "b-2"]
    (data.parent / "b-1.wav").unlink()
    before = contents(data)
    with pytest.raises(UserError, match="never shrunk, and 1 of its utterances are bad, first 'b-1'"):
        fix(validate(data, AudioRules()), is_test=True)
    assert contents(data) == before
