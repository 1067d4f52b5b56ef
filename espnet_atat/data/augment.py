"""On-the-fly augmentation of log mel features, in numpy: variation of speakers, rooms and channels."""

from dataclasses import dataclass

import numpy as np

#: No utterance is made shorter than this, in frames: an encoder may need several for one state.
SHORTEST = 16


@dataclass(frozen=True)
class FeatureAugmentation:
    """Random changes of a (T, F) log mel filterbank; each is off at 0.

    Args:
        stretch: duration, and with it speaking rate, changes by up to this share (0.1: 0.9 to 1.1 times).
        mel_warp: the mel axis is scaled by up to this share, like the effect of another vocal tract length.
        tilt: spectral tilt of up to this many nepers over the mel axis, like the effect of microphones and rooms.
        noise: a stationary noise floor of random colour, at least this many nepers below the utterance's mean level
            (3 is loud); added in the power domain to half of the utterances.
    """

    stretch: float = 0.0
    mel_warp: float = 0.0
    tilt: float = 0.0
    noise: float = 0.0

    def __call__(self, feats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change one utterance: (T, F) natural logarithms of mel energies to (T', F) float32."""
        frames, mels = feats.shape
        if self.stretch:
            target = round(frames * (1 + rng.uniform(-self.stretch, self.stretch)))
            target = max(target, min(frames, SHORTEST))
            feats = interpolate(feats, np.linspace(0, frames - 1, target))
        if self.mel_warp:
            centre = (mels - 1) / 2
            factor = 1 + rng.uniform(-self.mel_warp, self.mel_warp)
            positions = np.clip(centre + (np.arange(mels) - centre) * factor, 0, mels - 1)
            feats = interpolate(feats.T, positions).T
        if self.tilt:
            feats = feats + np.linspace(-0.5, 0.5, mels) * rng.uniform(-self.tilt, self.tilt)
        if self.noise and rng.random() < 0.5:
            colour = np.interp(np.arange(mels), np.linspace(0, mels - 1, 4), rng.normal(0, 1, 4))
            floor = feats.mean() - self.noise - rng.exponential(2.0) + colour
            feats = np.logaddexp(feats, floor + rng.normal(0, 0.5, feats.shape))
        return feats.astype(np.float32)


def interpolate(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Linear interpolation between rows: (N, K) at fractional ``positions`` (M,) -> (M, K) of the rows' type."""
    lower = np.minimum(positions.astype(int), len(rows) - 1)
    upper = np.minimum(lower + 1, len(rows) - 1)
    share = (positions - lower).astype(rows.dtype)[:, None]
    return (1 - share) * rows[lower] + share * rows[upper]
