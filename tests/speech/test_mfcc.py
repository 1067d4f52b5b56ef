"""MFCC against another implementation of Kaldi's definition, and as log mels seen otherwise."""

import kaldi_native_fbank
import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import compute_deltas

from espnet_atat.config.encoder_input import Cepstra, cepstra_of, input_of
from espnet_atat.data.feature_augmentation import FeatureAugmentation
from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.decode.vad import find_segments
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import digest
from espnet_atat.speech.arks import read_features
from espnet_atat.speech.fbank import fbank
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.mfcc import SIZES, MfccConfig, features_of, like, log_mels, mfcc, silence_of
from tests.speech.making import made
from tests.spoken import spoken


def speech(number: int = 3) -> list[np.ndarray]:
    return [soundfile.read(one.path, dtype="float32")[0] for one in spoken("sentences_train", number)]


def by_kaldi_native_fbank(samples: np.ndarray, num_ceps: int, mels: int) -> np.ndarray:
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = mels
    options.num_ceps = num_ceps
    options.use_energy = False
    computer = kaldi_native_fbank.OnlineMfcc(options)
    computer.accept_waveform(16_000, samples * 32768)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


@pytest.mark.parametrize(("num_ceps", "mels"), [(13, 23), (40, 40)])
def test_agrees_with_kaldi_native_fbank(num_ceps, mels):
    for samples in speech():
        difference = np.abs(mfcc(samples, num_ceps) - by_kaldi_native_fbank(samples, num_ceps, mels))
        assert (difference.max() < 0.05, difference.mean() < 5e-4) == (True, True)  # of values up to 100


def test_deltas_are_kaldi_s():
    (samples,) = speech(1)
    static, first, second = np.split(mfcc(samples, 13, deltas=True), 3, axis=1)
    assert np.array_equal(static, mfcc(samples, 13))
    by_torch = compute_deltas(torch.from_numpy(static.T)[None], win_length=5)[0].numpy().T
    assert np.allclose(first, by_torch, atol=1e-4)
    again = compute_deltas(torch.from_numpy(first.T)[None], win_length=5)[0].numpy().T
    assert np.allclose(second[2:-2], again[2:-2], atol=1e-4)  # Kaldi repeats the edge frames for both orders at once
    ramp = np.arange(20, dtype=np.float32)[:, None] * 3
    assert np.allclose(like(ramp, np.zeros((20, 80))), ramp)


@pytest.mark.parametrize("size", SIZES)
def test_mfcc_are_changed_and_silenced_by_way_of_their_log_mels(size):
    (samples,) = speech(1)
    features = features_of(samples, size)
    assert features.shape == (len(fbank(samples)), size)
    assert np.allclose(like(log_mels(features), features), features, atol=1e-3)
    if SIZES[size][0] == 40:
        assert np.allclose(log_mels(features), fbank(samples, 40), atol=1e-3)
    same = FeatureAugmentation()(features, np.random.default_rng(0))
    assert np.allclose(same, features, atol=1e-3)
    silent = FeatureAugmentation(level=1e6)(features, np.random.default_rng(0))
    expected = features_of(np.zeros(1600, np.float32), size)[3]
    assert np.allclose(silent[5], expected, atol=1e-2)
    assert np.allclose(silence_of(size), expected, atol=1e-3)
    quiet = np.concatenate([np.zeros(16_000, np.float32), samples, np.zeros(16_000, np.float32)])
    (segment,) = find_segments(features_of(quiet, size), "energy")
    (by_mels,) = find_segments(fbank(quiet), "energy")
    assert abs(segment.first - by_mels.first) + abs(segment.last - by_mels.last) < 30


def test_a_dump_of_mfcc_lies_beside_that_of_log_mels_and_moves_no_key(tone_set, tmp_path):
    data = DataDir.load(tone_set(3))
    made(make_dump, data, tmp_path / "mfcc", MfccConfig(compress=False, num_ceps=13, deltas=True))
    entries = read_two_column(tmp_path / "mfcc/feats.scp")
    samples, _ = soundfile.read(data.wav[data.ids[0]], dtype="float32")
    assert np.array_equal(read_features(entries[data.ids[0]]), mfcc(samples, 13, deltas=True))
    assert (tmp_path / "mfcc/feats_type").read_text() == "mfcc\n"
    options = {"compress": True, "allow_bad": False}
    assert Cepstra(40, True).config(**options) == MfccConfig(**options, num_ceps=40, deltas=True)
    folders = [str(Cepstra(*each).dump) for each in SIZES.values()]
    assert folders == ["dump/mfcc13", "dump/mfcc13d", "dump/mfcc40", "dump/mfcc40d"]
    before = {"feats_type": "fbank", "compress": True, "resample": False, "allow_bad": True}
    assert digest(vars(FeatureConfig())) == digest(before)


def test_what_a_training_configuration_says_of_mfcc():
    assert input_of({"input_size": 80}) is None
    assert cepstra_of({"feats_type": "mfcc", "input_size": 39}) == Cepstra(13, True)
    with pytest.raises(UserError, match=r"input_size is one of 13 \(13\), 39 \(13, deltas\), 40 .*found 80"):
        cepstra_of({"feats_type": "mfcc", "input_size": 80})
    with pytest.raises(UserError, match="num_ceps is one of 13, 40, found 20"):
        MfccConfig(num_ceps=20)
    with pytest.raises(UserError, match=r"no features of size 20"):
        features_of(np.zeros(1600, np.float32), 20)
