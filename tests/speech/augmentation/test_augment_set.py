"""Augmented data dirs."""

import numpy as np
import pytest
import soundfile

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from tests.speech.making import made


def configure(**options) -> AugmentConfig:
    return read(AugmentConfig, options, "here", seed=0)


def test_speeds_make_copies_named_as_kaldi_names_them(tone_set, tmp_path):
    data = DataDir.load(tone_set(4))
    report = made(augment_set, data, tmp_path / "aug", configure(speeds=[0.9, 1.0, 1.1]))
    copy = DataDir.load(tmp_path / "aug")
    assert len(copy) == 12
    assert report.counts["written"] == 12
    for utt in data.ids:
        assert copy.wav[utt] == data.wav[utt]  # the original keeps its file
        length = soundfile.info(data.wav[utt]).frames
        for factor in (0.9, 1.1):
            faster = f"sp{factor}-{utt}"
            assert copy.text[faster] == data.text[utt]
            assert copy.utt2spk[faster] == f"sp{factor}-{data.utt2spk[utt]}"
            assert soundfile.info(copy.wav[faster]).frames == pytest.approx(length / factor, abs=1)
    seconds = report.counts["seconds"] * (1 / 0.9 + 1 + 1 / 1.1)
    assert report.counts["seconds_written"] == pytest.approx(seconds, rel=1e-3)


def test_random_copies_differ_from_each_other_and_are_drawn_by_seed(tone_set, tmp_path):
    data = DataDir.load(tone_set(3))
    options = {"speeds": [1.0], "copies": 2, "effects": {"noise": {"snr": [0, 20]}, "volume": {"decibels": [-9, 0]}}}
    made(augment_set, data, tmp_path / "a", configure(**options))
    made(augment_set, data, tmp_path / "b", read(AugmentConfig, options, "here", seed=1))
    sets = [DataDir.load(tmp_path / name) for name in "ab"]
    assert sets[0].ids == sets[1].ids == sorted(prefix + utt for utt in data.ids for prefix in ("", "aug1-", "aug2-"))
    first, second, other = (
        soundfile.read(sets[n].wav[f"{prefix}-{data.ids[0]}"])[0]
        for n, prefix in ((0, "aug1"), (0, "aug2"), (1, "aug1"))
    )
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_babble_is_of_the_sets_own_recordings(tone_set, tmp_path):
    """Of two tones, the copies of one contain the other, so much softer as is asked for."""
    data = DataDir.load(tone_set(2))
    for utt, hertz in zip(data.ids, (500, 3000), strict=True):
        soundfile.write(data.wav[utt], 0.3 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000), 16_000)
    options = {"speeds": [1.0], "copies": 8, "effects": {"babble": {"snr": 12, "talkers": [1, 1]}}}
    made(augment_set, data, tmp_path / "aug", configure(**options))
    copy = DataDir.load(tmp_path / "aug")
    heard = []
    for number in range(1, 9):
        samples, _ = soundfile.read(copy.wav[f"aug{number}-{data.ids[0]}"])
        power = np.abs(np.fft.rfft(samples)) ** 2
        heard.append(10 * np.log10(power[500] / power[3000]))
    assert heard == pytest.approx([12] * 8, abs=0.1)  # never its own tone
    assert not (tmp_path / "aug/recordings.scp").exists()
    assert str(tmp_path) not in (tmp_path / "aug/report.json").read_text()
    made(augment_set, data.subset(data.ids[:1]), tmp_path / "one", configure(**options))
    one = DataDir.load(tmp_path / "one").wav
    original, copy = (soundfile.read(one[prefix + data.ids[0]])[0] for prefix in ("", "aug1-"))
    assert np.array_equal(original, copy)  # nobody else is there to talk


def test_preparation_unifies_rate_channels_and_bits_and_trims_originals(tone_set, tmp_path):
    data = DataDir.load(tone_set(2))
    first, second = data.ids
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)
    silence = np.zeros(8000)
    stereo = np.stack([np.concatenate([silence, tone, silence])] * 2, axis=1)
    soundfile.write(data.wav[second], stereo, 8000, subtype="PCM_24")
    options = {"sample_rate": 16_000, "mixdown": True, "bit_depth": 16, "trim_silence": 0.1}
    made(augment_set, data, tmp_path / "aug", configure(prepare=options))
    copy = DataDir.load(tmp_path / "aug")
    assert copy.ids == data.ids
    for utt in data.ids:
        info = soundfile.info(copy.wav[utt])
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert soundfile.info(copy.wav[second]).duration == pytest.approx(1.2, abs=0.03)
    made(augment_set, data.subset([first]), tmp_path / "deep", configure(prepare={"bit_depth": 24}))
    assert soundfile.info(DataDir.load(tmp_path / "deep").wav[first]).subtype == "PCM_24"
    with pytest.raises(UserError, match=rf"{second}: .* has 2 channels"):
        made(augment_set, data, tmp_path / "no", configure(prepare={"sample_rate": 16_000}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"speeds": [5]}, "here: speeds lies between 0.5 and 2, found 5"),
        ({"effects": {"volume": {"decibels": 3}}}, "here: copies is 0, and 1 effects are on"),
        ({"prepare": {"mixdown": 1}}, "here: prepare: mixdown: is true or false, found 1"),
        ({"prepare": {"sample_rate": 8000.5}}, "here: prepare: sample_rate: is a whole number"),
        ([], "here: needs the keys speeds, copies, effects, prepare"),
    ],
)
def test_a_wrong_option_is_named(config, message):
    with pytest.raises(UserError) as error:
        read(AugmentConfig, config, "here", seed=0)
    assert str(error.value).startswith(message)
