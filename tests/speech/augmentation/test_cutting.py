"""Long recordings: cut at pauses with their transcripts, and brought to a length."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.datadir import Clip, DataDir
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.speech.alignment.record import aligned as word
from espnet_atat.speech.alignment.record import not_found
from espnet_atat.speech.audio import probe, read_audio
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from espnet_atat.speech.augmentation.cutting import cut
from tests.speech.making import contents, made
from tests.spoken import spoken

RATE = 16_000


def configure(**prepare: float) -> AugmentConfig:
    return read(AugmentConfig, {"prepare": prepare}, "here", seed=0)


@pytest.mark.parametrize(
    ("words", "longest", "expected"),
    [
        # It fits: the speech with its margins.
        ([word("a", 0.5, 0.9), word("b", 1.0, 1.5)], 300, [(40, 160, "a b")]),
        # Cut in the middle of the pause, where the margins would meet; joined again as far as the pieces fit.
        ([word("a", 0.0, 1.0), word("b", 1.8, 2.5), word("c", 3.3, 4.0), word("d", 4.8, 5.0)], 270,
         [(0, 260, "a b"), (320, 510, "c d")]),
        # Without a long pause, at the longest there is.
        ([word("a", 0.0, 1.0), word("b", 1.1, 2.0), word("c", 2.3, 3.0)], 220, [(0, 210, "a b"), (220, 310, "c")]),
        # What was not found may lie anywhere between its neighbours, so nothing is cut there.
        ([word("a", 0.0, 1.0), not_found("x"), word("b", 2.0, 3.0), word("c", 3.9, 5.0)], 320,
         [(0, 310, "a x b"), (380, 510, "c")]),
        # A stretch that nothing can cut is left out, and nothing is joined across it.
        ([word("a", 0.0, 0.5), word("b", 1.5, 2.0), not_found("x"), word("c", 5.0, 5.5), word("d", 6.5, 7.0)], 150,
         [(0, 60, "a"), (640, 710, "d")]),
        ([not_found("x"), word("a", 1.0, 1.5), word("b", 2.5, 3.0), not_found("y")], 300,
         [(0, 160, "x a"), (240, 510, "b y")]),
        ([not_found("x")], 300, []),
    ],
)  # fmt: skip
def test_pieces_by_the_words(words, longest, expected):
    total = 510
    if words[-1].found and words[-1].end > 5:
        total = round(words[-1].end * 100) + 20
    assert [(first, last, " ".join(said)) for first, last, said in cut(words, total, longest)] == expected


@pytest.fixture
def talk(tmp_path: Path) -> DataDir:
    """Four commands in one recording with pauses of 0.9 seconds, a stretch of a longer file, and a short one."""
    said = spoken("lights_train", 5)
    pause = np.zeros(int(0.9 * RATE))
    parts = [np.zeros(RATE), *(part for one in said[:4] for part in (soundfile.read(one.path)[0], pause))]
    samples = np.concatenate(parts)
    soundfile.write(tmp_path / "talk.flac", samples, RATE)
    end = len(samples) / RATE
    return DataDir(
        text={"s-talk": " ".join(one.words for one in said[:4]), "s-short": said[4].words},
        wav={"s-talk": str(Clip(str(tmp_path / "talk.flac"), 1.0, end)), "s-short": str(said[4].path)},
        utt2spk={"s-talk": "s", "s-short": "s"},
    )


def test_long_audio_is_cut_at_pauses_and_its_transcript_with_it(talk, tmp_path):
    report = made(augment_set, talk, tmp_path / "train_aug", configure(longest=3.0))
    data = DataDir.load(tmp_path / "train_aug")
    pieces = sorted(utt for utt in data.ids if utt != "s-short")
    sentences = [one.words for one in spoken("lights_train", 4)]
    assert " ".join(data.text[utt] for utt in pieces) == " ".join(sentences)
    assert all(any(words.startswith(data.text[utt].split()[0]) for words in sentences) for utt in pieces)
    assert len(pieces) >= 3
    assert data.utt2spk == dict.fromkeys(data.ids, "s")
    assert (data.text["s-short"], data.wav["s-short"]) == (talk.text["s-short"], talk.wav["s-short"])
    lengths = [probe(data.wav[utt]).samples / RATE for utt in pieces]
    assert max(lengths) <= 3.0
    assert report.counts["cut"], report.counts["pieces"] == (1, len(pieces))
    assert not any(name.endswith((".flac", ".wav")) or "cuts" in name for name in contents(tmp_path / "train_aug"))
    # Every piece has the speech of its words: what is cut away is silence.
    kept = sum(float(np.sum(read_audio(data.wav[utt]) ** 2)) for utt in pieces)
    assert kept == pytest.approx(float(np.sum(read_audio(talk.wav["s-talk"]) ** 2)), rel=0.02)


def test_what_cannot_be_cut_is_left_out_by_name_and_a_test_set_or_a_tree_refused(talk, tmp_path):
    talk.text["s-talk"] = "--"
    report = made(augment_set, talk, tmp_path / "train_aug", configure(longest=3.0))
    assert DataDir.load(tmp_path / "train_aug").ids == ["s-short"]
    assert "no pause between two words that were found" in report.counts["left_out"]["s-talk"]
    with pytest.raises(UserError, match=r"test_aug: s-talk: .*a test set is never shrunk"):
        made(augment_set, talk, tmp_path / "test_aug", configure(longest=3.0))
    trees = DataDir(text=talk.text, wav=talk.wav, target=dict.fromkeys(talk.ids, "[IN:X ]"))
    with pytest.raises(UserError, match=r"s-talk lasts \d+\.\d s and has a tree"):
        made(augment_set, trees, tmp_path / "no", configure(longest=3.0))
    with pytest.raises(UserError, match=r"longest is at least 1 s, found 0\.5"):
        configure(longest=0.5)


def test_short_audio_is_padded_to_a_length_after_all_else(talk, tmp_path):
    config = read(AugmentConfig, {"speeds": [0.9, 1], "prepare": {"pad_to": 4.0}}, "x", seed=0)
    made(augment_set, talk, tmp_path / "aug", config)
    data = DataDir.load(tmp_path / "aug")
    original = read_audio(talk.wav["s-short"])
    padded = read_audio(data.wav["s-short"])
    assert len(padded) == len(read_audio(data.wav["sp0.9-s-short"])) == 4 * RATE
    assert np.allclose(padded[: len(original)], original, atol=1e-4)
    assert not padded[len(original) :].any()
    assert probe(data.wav["s-talk"]).samples == probe(talk.wav["s-talk"]).samples  # longer than that
