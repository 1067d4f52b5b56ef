"""Common Voice: the tables and durations of its releases, mp3s, and who may be in which set."""

import re
from pathlib import Path

import pytest

from espnet_atat.corpora.common_voice import prepare
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.audio import read_audio
from tests.corpora.conftest import COMMON_VOICE, client, write_common_voice
from tests.spoken import Spoken, spoken

SAID = spoken("sentences_train")


def of_voices(first: int, number: int = 1) -> list[Spoken]:
    """Two utterances of each of some voices."""
    voices = sorted({one.voice for one in SAID})[first : first + number]
    return [one for voice in voices for one in [each for each in SAID if each.voice == voice][:2]]


@pytest.fixture
def parts() -> dict[str, list[Spoken]]:
    return {"train": of_voices(0, 2), "dev": of_voices(2), "test": of_voices(3)}


@pytest.mark.parametrize("release", COMMON_VOICE)
def test_every_release_gives_the_same_sets(release: int, parts: dict[str, list[Spoken]], tmp_path: Path) -> None:
    write_common_voice(tmp_path / "cv-corpus" / "en", parts, release)
    prepare(tmp_path / "cv-corpus", tmp_path / "data", resample=True)
    train = DataDir.load(tmp_path / "data" / "train")
    assert sorted(train.text.values()) == sorted(one.words for one in parts["train"])
    assert sorted(train.spk2utt) == sorted({client(one.voice)[:16] for one in parts["train"]})
    assert len(DataDir.load(tmp_path / "data" / "dev")) == len(DataDir.load(tmp_path / "data" / "test")) == 2
    (path,) = [train.wav[utt] for utt, words in train.text.items() if words == parts["train"][0].words]
    assert path.endswith(".wav")
    assert len(read_audio(path)) == pytest.approx(len(read_audio(parts["train"][0].path)), abs=400)


def test_validated_has_no_voice_and_no_sentence_of_dev_and_test(parts: dict[str, list[Spoken]], tmp_path: Path) -> None:
    echo = Spoken("echo", of_voices(4)[0].voice, parts["test"][0].words)  # another voice says a sentence of test
    write_common_voice(tmp_path / "en", parts)
    columns = (tmp_path / "en" / "train.tsv").read_text().splitlines()[0].split("\t")
    row = dict.fromkeys(columns, "") | {"client_id": client(echo.voice), "sentence": echo.words}
    row["path"] = (tmp_path / "en" / "train.tsv").read_text().splitlines()[1].split("\t")[1]
    lines = [(tmp_path / "en" / f"{part}.tsv").read_text().splitlines()[1:] for part in parts]
    every = ["\t".join(columns), *(line for part in lines for line in part), "\t".join(row.values())]
    (tmp_path / "en" / "validated.tsv").write_text("\n".join(every) + "\n")
    report = prepare(tmp_path, tmp_path / "data", resample=True, validated=True)
    assert "validated: 5 of 9 have a voice or a sentence of dev or test, left out" in str(report)
    assert DataDir.load(tmp_path / "data" / "validated").text == DataDir.load(tmp_path / "data" / "train").text


def test_a_clip_that_was_cut_off_is_dropped_and_one_of_test_an_error(parts, tmp_path):
    root = write_common_voice(tmp_path / "en", parts)
    listed = root / "clip_durations.tsv"
    lines = listed.read_text().splitlines()
    name, milliseconds = lines[1].split("\t")
    listed.write_text("\n".join([lines[0], f"{name}\t{int(milliseconds) + 900}", *lines[2:]]) + "\n")
    (train, _, _) = prepare(root, tmp_path / "data", resample=True).sets
    (why,) = train.dropped.values()
    assert re.fullmatch(r"truncated audio: \d\.\d s of \d\.\d s, by the corpus", why)
    clip = root / "clips" / (root / "test.tsv").read_text().splitlines()[1].split("\t")[1]
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(UserError, match=r"test\.tsv:2.*truncated audio.*a test set is never shrunk"):
        prepare(root, tmp_path / "data", resample=True)


def test_mistakes_are_named(parts: dict[str, list[Spoken]], tmp_path: Path) -> None:
    root = write_common_voice(tmp_path / "de", parts)
    with pytest.raises(UserError, match="32000 Hz where 16000 Hz is expected; --resample"):
        prepare(root, tmp_path / "data")
    write_common_voice(tmp_path / "fr", parts)
    with pytest.raises(UserError, match="several languages, de, fr …: give one's folder"):
        prepare(tmp_path, tmp_path / "data")
    write_common_voice(root, {"dev": parts["train"]})
    with pytest.raises(UserError, match=r"client \w{16}… is in train\.tsv and in dev\.tsv \(2 such\)"):
        prepare(root, tmp_path / "data", resample=True)
