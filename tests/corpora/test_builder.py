"""The builder: what is dropped, what stops a preparation, and that a test set is never shrunk."""

from pathlib import Path

import pytest
import soundfile

from espnet_atat.corpora.builder import Builder, Utterance
from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_noise


def spoken(folder: Path, count: int, **options: int) -> list[Utterance]:
    """Utterances ``s-0 … s-<count - 1>`` with audio and a tree."""
    audio = [str(write_noise(folder / f"{n}.wav", **options)) for n in range(count)]
    trees = [f"[IN:SAY word [SL:NUMBER {n} ] ]" for n in range(count)]
    return [Utterance(f"s-{n}", f"word {n}", trees[n], audio[n], "s", f"list:{n + 1}") for n in range(count)]


def builder(tmp_path: Path, **options: bool) -> Builder:
    return Builder("toy", tmp_path, tmp_path / "data", **options)


def test_a_set_is_written_as_it_is(tmp_path: Path) -> None:
    build = builder(tmp_path)
    data = build.write("train", spoken(tmp_path, 3))
    assert DataDir.load(tmp_path / "data" / "train") == data
    assert data.target["s-1"] == "[IN:SAY word [SL:NUMBER 1 ] ]"
    assert "train: 3 read, 3 kept, 0 dropped" in str(build.report)
    audio = [Utterance(f"s-{n}", "", None, data.wav[f"s-{n}"], "s") for n in range(2)]
    assert build.write("unheard_test", audio).text == {"s-0": "", "s-1": ""}


def bad_utterances(folder: Path) -> list[Utterance]:
    good = spoken(folder, 7)
    cut = write_noise(folder / "cut.flac", 1.0)
    cut.write_bytes(cut.read_bytes()[:9000])
    (folder / "empty.wav").touch()
    return [
        good[0],
        Utterance("s-gone", "a", "[IN:A a ]", str(folder / "gone.wav"), "s"),
        Utterance("s-empty", "a", "[IN:A a ]", str(folder / "empty.wav"), "s"),
        Utterance("s-cut", "a", "[IN:A a ]", str(cut), "s"),
        Utterance("s-short", "a", "[IN:A a ]", str(write_noise(folder / "short.wav", 0.01)), "s"),
        Utterance("s-mute", "", "[IN:A ]", good[1].audio, "s"),
        Utterance("s-tree", "a", "[IN:A a", good[2].audio, "s"),
        Utterance("s-words", "b", "[IN:A a ]", good[3].audio, "s"),
    ]


def test_bad_training_utterances_are_dropped_by_name_with_the_reason(tmp_path: Path) -> None:
    build = builder(tmp_path)
    data = build.write("train", bad_utterances(tmp_path))
    assert data.ids == ["s-0"]
    dropped = read_two_column(tmp_path / "data" / "train" / "dropped")
    assert {key: why.partition(":")[0] for key, why in dropped.items()} == {
        "s-gone": "missing audio",
        "s-empty": "empty audio",
        "s-cut": "truncated audio",
        "s-short": "too short",
        "s-mute": "empty transcript",
        "s-tree": "bad tree",
        "s-words": "the tree's words are 'a', the text 'b'",
    }
    printed = str(build.report)
    assert "train: 8 read, 1 kept, 7 dropped" in printed
    assert all(key in printed for key in dropped)


@pytest.mark.parametrize("number", range(1, 8))
def test_a_test_set_is_never_shrunk(tmp_path: Path, number: int) -> None:
    utterances = bad_utterances(tmp_path)
    with pytest.raises(UserError, match=f"{utterances[number].id}.*never shrunk"):
        builder(tmp_path).write("test", [utterances[0], utterances[number]])
    assert not (tmp_path / "data").exists()


def test_an_unreadable_test_utterance_may_stay_and_be_named(tmp_path: Path) -> None:
    utterances = bad_utterances(tmp_path)
    build = builder(tmp_path, allow_bad_test=True)
    data = build.write("test_clean", utterances[:4])
    assert data.ids == sorted(u.id for u in utterances[:4])
    assert list(read_two_column(tmp_path / "data" / "test_clean" / "unreadable")) == ["s-cut", "s-empty", "s-gone"]
    assert "unreadable, counts as wrong: s-gone: missing audio" in str(build.report)
    with pytest.raises(UserError, match="s-tree"):  # a target that cannot be scored is another matter
        build.write("test_other", [utterances[0], utterances[6]])


def test_a_wrong_rate_and_stereo_are_refused_or_converted_once_for_all_sets(tmp_path: Path) -> None:
    utterances = spoken(tmp_path, 3, rate=8000)
    with pytest.raises(UserError, match=r"0.wav: 8000 Hz where 16000 Hz is expected; --resample.*3 such files of 3"):
        builder(tmp_path).write("train", utterances)
    with pytest.raises(UserError, match="2 channels where one is expected; --mixdown"):
        builder(tmp_path).write("train", spoken(tmp_path / "stereo", 2, channels=2))
    build = builder(tmp_path, resample=True, mixdown=True)
    data = build.write("train", utterances)
    assert data.wav["s-1"] == str(tmp_path / "data" / "audio" / "train" / "s-1.wav")
    other = build.write("test", spoken(tmp_path / "other", 1, rate=8000, channels=2))  # its id is there too
    assert data.wav["s-0"] != other.wav["s-0"]
    for path in (*data.wav.values(), *other.wav.values()):
        assert (soundfile.info(path).samplerate, soundfile.info(path).channels) == (16_000, 1)
    (tmp_path / "0.wav").unlink()
    assert build.write("fold1_train", utterances).ids == ["s-0", "s-1", "s-2"]  # examined already


def test_an_id_that_stands_twice_a_set_of_two_kinds_and_an_empty_set_are_errors(tmp_path: Path) -> None:
    utterances = spoken(tmp_path, 2)
    with pytest.raises(UserError, match="'s-0' occurs twice: list:1 and list:1"):
        builder(tmp_path).write("train", [*utterances, utterances[0]])
    with pytest.raises(UserError, match="row 7: no target"):
        builder(tmp_path).write("train", [*utterances, Utterance("s-7", "x", None, utterances[0].audio, "s", "row 7")])
    with pytest.raises(UserError, match="no utterance is left of 1; the first: missing audio"):
        builder(tmp_path).write("train", [Utterance("s-1", "x", None, str(tmp_path / "gone.wav"), "s")])
    with pytest.raises(UserError, match="the corpus has none"):
        builder(tmp_path).write("train", [])


def test_a_folder_that_no_preparation_made_stays(tmp_path: Path) -> None:
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / "data/train/mine").touch()
    with pytest.raises(UserError, match="data/train holds mine, which no preparation wrote"):
        builder(tmp_path).write("train", spoken(tmp_path, 3))
    assert (tmp_path / "data/train/mine").exists()
