"""On-the-fly masks: which examples, which epochs, and what is said before training about what cannot be masked."""

import json
from pathlib import Path

import numpy as np
import pytest

from espnet_atat.data.masks import ExampleMasker
from espnet_atat.data.preprocessor import MixturePreprocessor
from espnet_atat.errors import UserError
from espnet_atat.speech.augmentation.chain import Chain
from espnet_atat.train.checkpoint import EpochStart

EXAMPLE = "mlm-train-spk-utt"
RNG = np.random.default_rng(0)
FEATS = RNG.normal(size=(220, 80)).astype(np.float32)
AUDIO = (0.1 * RNG.standard_normal(16_000 * 2)).astype(np.float32)


@pytest.fixture
def alignments(tmp_path) -> Path:
    """Ten words of 0.2 s each of one utterance, and an utterance of which no word was found."""
    words = [{"word": f"w{n}", "start": 0.2 * n, "end": 0.2 * n + 0.2, "case": "success"} for n in range(10)]
    lost = [{"word": "w", "start": None, "end": None, "case": "not-found-in-audio"}]
    path = tmp_path / "train.jsonl"
    lines = [{"utt_id": "spk-utt", "words": words}, {"utt_id": "spk-lost", "words": lost}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def masker(alignments) -> ExampleMasker:
    return ExampleMasker.from_config({"alignments": {"train": str(alignments)}, "ratio": 0.3})


def test_a_mask_is_a_function_of_seed_epoch_and_utterance(masker, alignments):
    masks = [masker(EXAMPLE, FEATS, epoch) for epoch in range(1, 6)]
    assert len({mask.tobytes() for mask in masks}) >= 4
    for epoch, mask in enumerate(masks, 1):
        assert np.array_equal(masker(EXAMPLE, FEATS, epoch), mask)
        assert (mask != FEATS).any(axis=1).sum() in (59, 60)  # three words; the first begins before the first frame
    other = ExampleMasker.from_config({"alignments": {"train": str(alignments)}, "ratio": 0.3, "seed": 1})
    assert any(not np.array_equal(other(EXAMPLE, FEATS, epoch), masks[epoch - 1]) for epoch in range(1, 6))


def test_audio_and_features_lose_the_same_words(masker):
    frames = (masker(EXAMPLE, FEATS, 3) != FEATS).any(axis=1)
    samples = masker(EXAMPLE, AUDIO, 3) == 0
    centres = (np.arange(len(frames)) * 160 + 200).clip(max=len(AUDIO) - 1)
    assert frames.any()
    assert np.mean(samples[centres] == frames) > 0.97  # where a span begins, the audio fades for 5 ms


def test_only_mlm_examples_of_the_named_sets_are_masked(masker):
    for example in ("asr-train-spk-utt", "mlm-other-spk-utt", "slu.mlm-train-spk-utt"):
        assert masker(example, FEATS, 1) is FEATS
    assert not np.array_equal(masker("mlm.asr-train-spk-utt", FEATS, 1), FEATS)  # under another label


def test_examples_are_looked_up_before_training(masker):
    line = masker.check([EXAMPLE, "mlm-train-spk-lost", "asr-train-spk-utt"])
    assert line.startswith("2 mlm examples get fresh masks every epoch; 1 of them have no aligned word")
    with pytest.raises(UserError, match="mlm-train-spk-new has no alignment"):
        masker.check([EXAMPLE, "mlm-train-spk-new"])
    with pytest.raises(UserError, match="the mixture's mlm examples do not come from train"):
        masker.check(["asr-train-spk-utt", "mlm-other-spk-utt"])
    assert masker.check(["asr-train-spk-utt"]).startswith("0 mlm examples")  # as in fine-tuning on text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "the key 'alignments' is missing"),
        ({"alignments": {"train": "none.jsonl"}}, "none.jsonl: No such file or directory; stage 4 makes it"),
        ({"alignments": {"train": "train.jsonl"}, "fil": "mean"}, "unknown key 'fil', perhaps 'fill'; known: ratio"),
        ({"alignments": {"train": "train.jsonl"}, "fill": "beep"}, "unknown fill 'beep'"),
    ],
)
def test_a_wrong_option_is_named(config, message, alignments, monkeypatch):
    monkeypatch.chdir(alignments.parent)
    with pytest.raises(UserError, match=f"^mask_conf: {message}"):
        ExampleMasker.from_config(config)


class Epochs:
    """A factory that gives the preprocessor's work in place of batches."""

    def __init__(self, preprocess):
        self.preprocess = preprocess

    def build_iter(self, _epoch, _shuffle=None):
        return self.preprocess(EXAMPLE, {"speech": FEATS})["speech"]


def test_training_masks_anew_every_epoch_and_validation_keeps_one_mask(masker, tokenizer):
    train, valid = (MixturePreprocessor(flag, tokenizer, masker=masker) for flag in (True, False))
    factory = EpochStart(Epochs(train), train, None)
    for epoch in (1, 2, 1):
        assert np.array_equal(factory.build_iter(epoch), masker(EXAMPLE, FEATS, epoch))
    for _ in range(2):
        assert np.array_equal(valid(EXAMPLE, {"speech": FEATS})["speech"], masker(EXAMPLE, FEATS, None))


def test_audio_is_masked_then_augmented_in_training_alone(masker, tokenizer):
    chain = Chain.from_config({"volume": {"decibels": -6}, "speed": {"factors": [0.9]}}, "here")
    options = {"masker": masker, "waveform_augmentation": chain}
    train, valid = (MixturePreprocessor(flag, tokenizer, **options) for flag in (True, False))
    slow = train(EXAMPLE, {"speech": AUDIO})["speech"]
    assert len(slow) == pytest.approx(len(AUDIO) / 0.9, abs=1)
    masked = masker(EXAMPLE, AUDIO, None) == 0
    there = np.interp(np.arange(len(slow)) * 0.9, np.arange(len(masked)), masked) == 1
    assert np.abs(slow[there]).mean() < 0.002  # resampling rings a little at the edges
    assert np.abs(slow[~there]).std() > 0.02
    assert np.array_equal(valid(EXAMPLE, {"speech": AUDIO})["speech"], masker(EXAMPLE, AUDIO, None))
    with pytest.raises(UserError, match=f"utterance {EXAMPLE}: waveform_augment_conf changes audio"):
        train(EXAMPLE, {"speech": FEATS})
