"""Mel frequency cepstral coefficients (MFCC) as Kaldi defines them: 13 or 40 of them, with deltas or without.

Same numbers as Kaldi's ``compute-mfcc-feats --use-energy=false --dither=0`` with its default 23 mel bins, or with 40
bins and 40 coefficients as in its ``mfcc_hires.conf`` (there up to 7.6, here up to 8 kHz): a cosine transform of log
mel energies, liftered. Deltas are those of ``add-deltas``: first and second differences over windows of five frames.

Features are told by their size: 80 are log mels (``speech.fbank``), and :data:`SIZES` lists these.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.fbank import LOG_FLOOR, NUM_MELS, fbank
from espnet_atat.speech.features import FeatureConfig

#: Coefficients → mel bins that they are made of.
MEL_BINS = {13: 23, 40: 40}
#: Dimensions → coefficients, and whether their deltas follow.
SIZES = {size * (3 if deltas else 1): (size, deltas) for size in MEL_BINS for deltas in (False, True)}
LIFTER = 22.0  # Kaldi's cepstral_lifter
WINDOW = np.array([-2, -1, 0, 1, 2], np.float32) / 10  # of a first difference


@dataclass(frozen=True)
class MfccConfig(FeatureConfig):
    """Stage 6: MFCC in arks."""

    feats_type: str = "mfcc"
    num_ceps: int = 13
    deltas: bool = False

    def __post_init__(self) -> None:
        if self.num_ceps not in MEL_BINS:
            raise UserError(f"num_ceps is one of {', '.join(map(str, MEL_BINS))}, found {self.num_ceps}")

    def compute(self, samples: np.ndarray, _ngpu: int = 0, /) -> np.ndarray:
        """MFCC (frames, num_ceps), or with deltas three times as many, of samples (num_samples,)."""
        return mfcc(samples, self.num_ceps, deltas=self.deltas)


@cache
def transform(num_ceps: int) -> np.ndarray:
    """The liftered cosine transform, shape (mel bins, num_ceps)."""
    bins = MEL_BINS[num_ceps]
    phase = np.pi / bins * np.outer(np.arange(bins) + 0.5, np.arange(num_ceps))
    rows = np.sqrt(2 / bins) * np.cos(phase)
    rows[:, 0] = np.sqrt(1 / bins)
    return (rows * _lifter(num_ceps)).astype(np.float32)


def _lifter(num_ceps: int) -> np.ndarray:
    return 1 + 0.5 * LIFTER * np.sin(np.pi * np.arange(num_ceps) / LIFTER)


def mfcc(samples: np.ndarray, num_ceps: int = 13, *, deltas: bool = False) -> np.ndarray:
    """MFCC, float32, (frames, num_ceps), of mono audio (num_samples,) in [-1, 1) at 16 kHz; with deltas 3 num_ceps."""
    features = fbank(samples, MEL_BINS[num_ceps]) @ transform(num_ceps)
    return add_deltas(features) if deltas else features


def add_deltas(features: np.ndarray) -> np.ndarray:
    """Features (T, F) with their first and second differences, (T, 3 F); the edge frames are repeated for these."""
    windows = (WINDOW, np.convolve(WINDOW, WINDOW).astype(np.float32))
    orders = [features]
    for window in windows:
        reach = len(window) // 2
        padded = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
        orders.append(sum(weight * padded[n : n + len(features)] for n, weight in enumerate(window)))
    return np.concatenate(orders, axis=1)


def features_of(samples: np.ndarray, size: int) -> np.ndarray:
    """Features (frames, size) of mono audio (num_samples,) at 16 kHz: log mels, or the MFCC of that size."""
    if size == NUM_MELS:
        return fbank(samples)
    if size not in SIZES:
        raise UserError(f"no features of size {size}: {NUM_MELS} are log mels, {', '.join(map(str, SIZES))} MFCC")
    num_ceps, deltas = SIZES[size]
    return mfcc(samples, num_ceps, deltas=deltas)


def log_mels(features: np.ndarray) -> np.ndarray:
    """Log mels of features (T, F): unchanged, or for MFCC (T, size) the mel bins that they stand for, (T, bins)."""
    if features.shape[1] not in SIZES:
        return features
    num_ceps, _ = SIZES[features.shape[1]]
    return features[:, :num_ceps] / _lifter(num_ceps).astype(np.float32) ** 2 @ transform(num_ceps).T


def like(mels: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Log mels (T, bins) as features of the kind of ``features``: the inverse of :func:`log_mels`."""
    if features.shape[1] not in SIZES:
        return mels
    num_ceps, deltas = SIZES[features.shape[1]]
    changed = mels @ transform(num_ceps)
    return add_deltas(changed) if deltas else changed


def silence_of(size: int) -> np.ndarray:
    """What features of digital silence are, (size,)."""
    if size not in SIZES:
        return np.full(size, np.log(LOG_FLOOR), np.float32)
    num_ceps, deltas = SIZES[size]
    static = np.full(MEL_BINS[num_ceps], np.log(LOG_FLOOR), np.float32) @ transform(num_ceps)
    return np.pad(static, (0, 2 * num_ceps if deltas else 0))
