"""Masking words in the audio: the paper's MLM task, on arrays.

Of the n words of an utterance that were aligned, ``ratio`` · n are chosen, rounded up or down at random so that the
expected share is exactly ``ratio`` at every length. Chosen words that follow each other make one span, with the gap
between them. The audio of a span is replaced; every other sample stays as it is. The target stays the whole transcript.

The paper masks a data set once, before training (section 3.2 speaks of the MLM *data set*): that is ``bin.mask``.
``OnTheFlyMasker`` draws a new mask in every epoch instead. What the paper puts in place of the audio, it does not say.
``silence`` takes the word away whole, adds nothing, cannot be taken for speech in noise, and depends on no draw.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from espnet_atat.arguments import option
from espnet_atat.errors import UserError, naming
from espnet_atat.speech.alignment.record import AlignedWord, Alignment, check_times
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_LENGTH, FRAME_SECONDS, LOG_FLOOR

FILLS = ("silence", "noise", "mean")
FADE = 0.005  # seconds of cross-fade at each edge, inside the span, so that no click gives the mask away
SPECTRUM = 512  # samples of a block of the average spectrum
FRAME_CENTRE = FRAME_LENGTH / 2 / SAMPLE_RATE  # seconds after the start of a frame


@dataclass(frozen=True)
class Frames:
    """What features are: seconds from one frame to the next, a frame's centre in seconds, the value of silence."""

    seconds: float = FRAME_SECONDS
    centre: float = FRAME_CENTRE
    silence: float | np.ndarray = float(np.log(LOG_FLOOR))  # of all dimensions, or of each

    @classmethod
    def of_states(cls, seconds: float) -> "Frames":
        """States of an encoder; zero is what says nothing."""
        return cls(seconds, seconds / 2, 0.0)


LOG_MELS = Frames()


@dataclass(frozen=True)
class MaskConfig:
    ratio: float = option(0.15, "expected share of the aligned words; the paper's")
    fill: str = option(
        "silence",
        "zeros, white noise at the utterance's level, or noise with its average spectrum (of features, their average)",
        choices=FILLS,
    )
    seed: int = option(0, "another seed masks other words")
    min_masked: int = option(0, "words masked at least in each utterance that has so many")

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 1:
            raise UserError(f"the ratio of masked words is {self.ratio}; it must lie between 0 and 1")
        if self.fill not in FILLS:
            raise UserError(f"unknown fill {self.fill!r}; choose one of {', '.join(FILLS)}")
        if self.min_masked < 0:
            raise UserError(f"min_masked is {self.min_masked}; it cannot be negative")


@dataclass(frozen=True, slots=True)
class MaskedSpan:
    """A masked stretch of audio, in seconds, its words and their places in the transcript, from 0."""

    start: float
    end: float
    words: tuple[str, ...]
    indices: tuple[int, ...]


def random_source(utt: str, seed: int, epoch: int | None, purpose: str) -> np.random.Generator:
    """Random numbers that depend on nothing but these four: not on order, not on processes."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}/{utt}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16]))


def draw_spans(
    utt: str, words: Sequence[AlignedWord], config: MaskConfig, epoch: int | None = None
) -> list[MaskedSpan]:
    """Choose from the words of a transcript and merge those that follow each other; every epoch has its own choice."""
    rng = random_source(utt, config.seed, epoch, "words")
    places = [index for index, word in enumerate(words) if word.found]
    exact = config.ratio * len(places)
    count = int(exact) + int(rng.random() < exact - int(exact))
    count = max(count, min(config.min_masked, len(places)))
    chosen = sorted(rng.choice(places, size=count, replace=False).tolist()) if count else []
    spans: list[MaskedSpan] = []
    for index in chosen:
        word, (start, end) = words[index].word, words[index].times
        last = spans[-1] if spans else None
        if last and (index == last.indices[-1] + 1 or start <= last.end):  # neighbours, or times that overlap
            spans[-1] = MaskedSpan(last.start, max(last.end, end), (*last.words, word), (*last.indices, index))
        else:
            spans.append(MaskedSpan(start, end, (word,), (index,)))
    return spans


def span_samples(span: MaskedSpan, rate: int, length: int) -> slice:
    """The samples of a span in audio of ``length`` samples at ``rate`` Hz."""
    return slice(min(round(span.start * rate), length), min(round(span.end * rate), length))


def mask_waveform(
    samples: np.ndarray, rate: int, spans: Sequence[MaskedSpan], fill: str, rng: np.random.Generator
) -> np.ndarray:
    """Replace the spans in a copy of samples (num_samples,), of any integer or float type, at ``rate`` Hz."""
    masked = samples.copy()
    for span in spans:
        where = span_samples(span, rate, len(samples))
        size = where.stop - where.start
        ramp = min(round(FADE * rate), size // 2)
        # 0 at the edge -> 1: share of the fill
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / max(ramp, 1))
        share = np.ones(size)
        share[:ramp], share[size - ramp :] = rise, rise[::-1]
        mixed = (1 - share) * samples[where] + share * _filling(samples, size, fill, rng)
        if np.issubdtype(samples.dtype, np.integer):
            limits = np.iinfo(samples.dtype)
            mixed = np.clip(np.round(mixed), limits.min, limits.max)
        masked[where] = mixed.astype(samples.dtype)
    return masked


def _filling(samples: np.ndarray, size: int, fill: str, rng: np.random.Generator) -> np.ndarray:
    """What takes the place of ``size`` samples, float64, shape (size,)."""
    if fill == "silence":
        return np.zeros(size)
    white = rng.standard_normal(size)
    if fill == "noise":
        return white * np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    gain = np.interp(np.linspace(0, 1, size // 2 + 1), np.linspace(0, 1, SPECTRUM // 2 + 1), _average_gain(samples))
    return np.fft.irfft(np.fft.rfft(white) * gain, size) if size > 1 else np.zeros(size)


def _average_gain(samples: np.ndarray) -> np.ndarray:
    """Gain of a filter that gives white noise the utterance's mean *log* spectrum, shape (SPECTRUM // 2 + 1,)."""
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % SPECTRUM))
    power = np.abs(np.fft.rfft(padded.reshape(-1, SPECTRUM), axis=1)) ** 2 / SPECTRUM
    floor = 1e-12 * max(power.max(), 1e-30)
    # The mean logarithm of a noise's power lies by Euler's constant below the logarithm of its mean.
    return np.sqrt(np.exp(np.mean(np.log(power + floor), axis=0) + np.euler_gamma))


def mask_features(
    features: np.ndarray, spans: Sequence[MaskedSpan], fill: str, rng: np.random.Generator, frames: Frames = LOG_MELS
) -> np.ndarray:
    """Replace the frames whose centre lies in a span, in a copy of features (frames, dimensions), not normalised.

    ``mean`` gives the utterance's mean frame; ``noise`` random frames with its mean and variance in each dimension.
    """
    masked = features.copy()
    for span in spans:
        first, last = (max(0, int(np.ceil((t - frames.centre) / frames.seconds))) for t in (span.start, span.end))
        if fill == "silence":
            masked[first:last] = frames.silence
            continue
        shape = masked[first:last].shape
        spread = features.std(axis=0) * rng.standard_normal(shape) if fill == "noise" else 0.0
        masked[first:last] = features.mean(axis=0) + spread
    return masked


@dataclass(frozen=True)
class OnTheFlyMasker:
    """A fresh mask for every epoch, the same for an epoch however its examples are drawn."""

    alignments: Mapping[str, Alignment]
    config: MaskConfig
    frames: Frames = LOG_MELS

    def __call__(self, utt: str, speech: np.ndarray, epoch: int | None) -> np.ndarray:
        """Mask features of shape (frames, dimensions), or audio of shape (num_samples,) at 16 kHz."""
        if utt not in self.alignments:
            raise UserError(f"{utt} has no alignment, so it cannot be masked; align its set, or leave it out of mlm")
        with naming(utt):
            seconds = self.frames.seconds if speech.ndim == 2 else 1 / SAMPLE_RATE
            check_times(self.alignments[utt], len(speech) * seconds)
        spans = draw_spans(utt, self.alignments[utt], self.config, epoch)
        rng = random_source(utt, self.config.seed, epoch, "fill")
        if speech.ndim == 2:
            return mask_features(speech, spans, self.config.fill, rng, self.frames)
        return mask_waveform(speech, SAMPLE_RATE, spans, self.config.fill, rng)
