"""Masks: which words, which samples, and what takes their place."""

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import aligned, not_found
from espnet_atat.speech.fbank import fbank
from espnet_atat.speech.masking import (
    FILLS,
    Frames,
    MaskConfig,
    MaskedSpan,
    OnTheFlyMasker,
    draw_spans,
    mask_features,
    mask_waveform,
    random_source,
)

RATE = 16_000


def words(count: int) -> tuple:
    return tuple(aligned(f"w{n}", n * 0.3, n * 0.3 + 0.25) for n in range(count))


def speech_like(seconds: float = 3.0) -> np.ndarray:
    """Noise with more low frequencies than high and a level that moves, float64."""
    rng = np.random.default_rng(3)
    spectrum = np.fft.rfft(rng.standard_normal(int(seconds * RATE)))
    spectrum *= 1 / (1 + np.linspace(0, 30, len(spectrum)))
    wave = np.fft.irfft(spectrum)
    wave *= 1 + 0.3 * np.sin(np.arange(len(wave)) / 2000)
    return 0.1 * wave / wave.std()


def source() -> np.random.Generator:
    return random_source("utt", 0, None, "fill")


@pytest.mark.parametrize("length", [1, 3, 7, 20])
def test_the_expected_share_is_the_ratio_at_every_length_and_every_word_as_likely(length):
    draws, hits, counts = 1500, np.zeros(length), []
    for n in range(draws):
        chosen = [index for span in draw_spans(f"utt{n}", words(length), MaskConfig()) for index in span.indices]
        hits[chosen] += 1
        counts.append(len(chosen))
    assert hits / draws == pytest.approx(np.full(length, 0.15), abs=0.04)
    assert set(counts) <= {int(0.15 * length), int(0.15 * length) + 1}
    deviation = 0.5 / np.sqrt(draws)  # of the mean count, at most
    assert np.mean(counts) == pytest.approx(0.15 * length, abs=4 * deviation)


def test_words_without_times_are_not_chosen_and_do_not_count():
    utterance = (not_found("a"), aligned("b", 0, 1), not_found("c"), aligned("d", 2, 3), not_found("e"))
    (first, second) = draw_spans("utt", utterance, MaskConfig(ratio=1.0))
    assert (first.words, first.indices, second.words, second.indices) == (("b",), (1,), ("d",), (3,))
    assert draw_spans("utt", utterance[:1], MaskConfig(ratio=1.0)) == []
    (span,) = draw_spans("utt", words(3), MaskConfig(ratio=1.0))  # neighbours merge with the gap between them
    assert span == MaskedSpan(0.0, 0.85, ("w0", "w1", "w2"), (0, 1, 2))
    for n in range(50):  # a minimum holds where there are so many words
        spans = draw_spans(f"utt{n}", words(3), MaskConfig(min_masked=1))
        assert sum(len(span.words) for span in spans) == 1
    assert len(draw_spans("utt", words(1), MaskConfig(min_masked=2))) == 1


def test_the_choice_depends_on_id_seed_and_epoch_alone():
    def choice(utt="utt", seed=0, epoch=None):
        return [span.indices for span in draw_spans(utt, words(40), MaskConfig(seed=seed), epoch)]

    assert choice() == choice()
    assert len({str(choice(**other)) for other in ({}, {"utt": "b"}, {"seed": 1}, {"epoch": 0}, {"epoch": 1})}) == 5


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("fill", FILLS)
def test_samples_outside_are_the_same_bit_for_bit(dtype, fill):
    wave = speech_like()
    samples = (wave * np.iinfo(dtype).max if dtype.startswith("int") else wave).astype(dtype)
    spans = [MaskedSpan(0.5, 0.8, ("a",), (0,)), MaskedSpan(2.9, 3.4, ("b",), (1,))]
    masked = mask_waveform(samples, RATE, spans, fill, source())
    assert masked.dtype == samples.dtype
    inside = np.zeros(len(samples), bool)
    inside[8000:12_800] = inside[46_400:] = True
    assert np.array_equal(masked[~inside], samples[~inside])
    assert np.mean(masked[inside] != samples[inside]) > 0.9


def test_silence_is_silent_noise_has_the_utterance_s_level_and_mean_its_mean_features():
    samples = speech_like()
    span = [MaskedSpan(1.0, 2.0, ("a",), (0,))]
    assert not mask_waveform(samples, RATE, span, "silence", source())[16_100:31_900].any()
    noise = mask_waveform(samples, RATE, span, "noise", source())[16_100:31_900]
    assert 20 * np.log10(noise.std() / samples.std()) == pytest.approx(0, abs=0.3)
    masked = mask_waveform(samples, RATE, span, "mean", source())
    difference = fbank(masked)[102:196].mean(axis=0) - fbank(samples).mean(axis=0)
    assert abs(difference.mean()) < 0.15
    assert np.abs(difference).mean() < 0.3


@pytest.mark.parametrize("fill", ["silence", "mean"])
def test_the_edges_do_not_click(fill):
    time = np.arange(RATE) / RATE
    samples = 0.5 * np.sin(2 * np.pi * 100 * time + 1.3)
    masked = mask_waveform(samples, RATE, [MaskedSpan(0.3012, 0.7034, ("a",), (0,))], fill, np.random.default_rng(0))
    steps = np.abs(np.diff(masked))
    start, end = round(0.3012 * RATE), round(0.7034 * RATE)
    around = np.concatenate([steps[start - 40 : start + 40], steps[end - 40 : end + 40]])
    hard = np.where((np.arange(RATE) >= start) & (np.arange(RATE) < end), 0, samples)
    assert around.max() < 0.3 * np.abs(np.diff(hard)).max()


def test_a_span_of_a_few_samples_and_one_past_the_end():
    samples = speech_like(0.1)
    for start, end in ((0.05, 0.0501), (0.05, 0.05002), (0.2, 0.3)):
        for fill in FILLS:
            masked = mask_waveform(samples, RATE, [MaskedSpan(start, end, ("a",), (0,))], fill, source())
            assert masked.shape == samples.shape
            assert np.isfinite(masked).all()


def test_masked_features_are_those_of_masked_audio():
    samples = speech_like()
    spans = [MaskedSpan(1.0, 1.5, ("a",), (0,))]
    features = fbank(samples)
    masked = mask_features(features, spans, "silence", source())
    from_audio = fbank(mask_waveform(samples, RATE, spans, "silence", source()))
    inside = np.flatnonzero((masked != features).any(axis=1))
    assert (inside[0], inside[-1]) == (99, 148)  # their windows' centres: 1.0025 and 1.4925 s
    assert np.allclose(masked[101:147], from_audio[101:147], atol=1e-4)
    outside = np.setdiff1d(np.arange(len(features)), np.arange(97, 151))
    assert np.array_equal(masked[outside], from_audio[outside])
    mean = mask_features(features, spans, "mean", source())
    assert np.allclose(mean[100:148], features.mean(axis=0))


def test_an_encoders_states_are_masked_where_their_centre_is_in_the_span():
    states = np.random.default_rng(0).normal(size=(150, 8)).astype(np.float32) + 3  # 20 ms each
    spans = [MaskedSpan(1.0, 1.5, ("w",), (0,))]
    frames = Frames.of_states(0.02)
    masked = mask_features(states, spans, "silence", source(), frames)
    changed = np.flatnonzero((masked != states).any(axis=1))
    assert (changed[0], changed[-1]) == (50, 74)  # centres 1.01 and 1.49 s
    assert not masked[50:75].any()
    mean = mask_features(states, spans, "mean", source(), frames)
    assert np.allclose(mean[50:75], states.mean(axis=0))
    masker = OnTheFlyMasker({"utt": words(9)}, MaskConfig(min_masked=1), frames)
    hidden = np.flatnonzero(~masker("utt", states, 1).any(axis=1))
    assert 12 <= len(hidden) <= 13 * 4  # words of 0.25 s


def test_on_the_fly_masks_differ_from_epoch_to_epoch_and_repeat():
    masker = OnTheFlyMasker({"utt": words(10)}, MaskConfig(min_masked=1))
    samples, features = speech_like(), fbank(speech_like())
    waves = [masker("utt", samples, epoch) for epoch in range(5)]
    assert len({wave.tobytes() for wave in waves}) > 2
    assert np.array_equal(waves[3], masker("utt", samples, 3))
    for epoch, wave in enumerate(waves):
        silent = np.flatnonzero(fbank(wave)[:, 40] < -15)
        masked = np.flatnonzero((masker("utt", features, epoch) != features).any(axis=1))
        assert 0 < len(silent) <= len(masked)
        assert set(silent) <= set(masked)
    with pytest.raises(UserError, match="other has no alignment"):
        masker("other", features, 0)


def test_impossible_options_are_errors():
    for option, value, message in (("ratio", 1.5, r"ratio.*1\.5"), ("fill", "beep", "beep"), ("min_masked", -1, "-1")):
        with pytest.raises(UserError, match=message):
            MaskConfig(**{option: value})
