"""On-the-fly augmentation of log mel features, in numpy: variation of speakers, rooms and channels.

MFCC are changed through the log mels that they stand for.
"""

from dataclasses import dataclass

import numpy as np

from espnet_atat.speech.fbank import FRAME_SECONDS, LOG_FLOOR
from espnet_atat.speech.mfcc import like, log_mels

#: No utterance is made shorter than this, in frames: an encoder may need several for one state.
SHORTEST = 16
#: Log mel of digital silence, in nepers of energy.
DIGITAL_SILENCE = float(np.log(LOG_FLOOR))
#: Of the frames of an utterance: its quietest, whose sound is that of its room.
QUIETEST = 0.1
#: Nepers below an utterance's mean level that noise around it is at least.
BELOW_SPEECH = 2.0


@dataclass(frozen=True)
class FeatureAugmentation:
    """Random changes of a (T, F) log mel filterbank; each is off at 0.

    Args:
        stretch: duration, and with it speaking rate, changes by up to this share (0.1: 0.9 to 1.1 times).
        mel_warp: the mel axis is scaled by up to this share, like the effect of another vocal tract length.
        tilt: spectral tilt of up to this many nepers over the mel axis, like the effect of microphones and rooms.
        noise: a stationary noise floor of random colour, at least this many nepers below the utterance's mean level
            (3 is loud); added in the power domain to half of the utterances.
        silence: up to so many seconds at either end of half of the utterances, each drawn afresh: digital silence, the
            utterance's own quietest frames, or noise of random level and colour, which then is in the speech too.
        level: an utterance is quieter by up to so many dB, down to digital silence.
    """

    stretch: float = 0.0
    mel_warp: float = 0.0
    tilt: float = 0.0
    noise: float = 0.0
    silence: float = 0.0
    level: float = 0.0

    def __call__(self, feats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change one utterance: (T, F) natural logarithms of mel energies, or MFCC, to (T', F) float32."""
        return like(self._change(log_mels(feats), rng), feats).astype(np.float32, copy=False)

    def _change(self, feats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
        if self.silence and rng.random() < 0.5:
            before, behind = (round(seconds / FRAME_SECONDS) for seconds in rng.uniform(0, self.silence, 2))
            feats = surround_frames(feats, before, behind, rng)
        if self.level:
            feats = np.maximum(feats - rng.uniform(0, self.level) * np.log(10) / 10, DIGITAL_SILENCE)
        if self.noise and rng.random() < 0.5:
            floor = feats.mean() - self.noise - rng.exponential(2.0)
            feats = np.logaddexp(feats, _steady(floor, feats.shape, rng))
        return feats.astype(np.float32)


def surround_frames(feats: np.ndarray, before: int, behind: int, rng: np.random.Generator) -> np.ndarray:
    """An utterance (T, F) between frames of silence or noise: (before + T + behind, F)."""
    padded = np.pad(feats, ((before, behind), (0, 0)), constant_values=DIGITAL_SILENCE)
    kind = rng.integers(3)
    if kind == 0:
        loudest = feats.mean() - BELOW_SPEECH
        level = rng.uniform(min(DIGITAL_SILENCE, loudest), loudest)
        return np.logaddexp(padded, _steady(level, padded.shape, rng))
    if kind == 1:
        quietest = np.argsort(feats.mean(axis=1))[: max(1, round(QUIETEST * len(feats)))]
        padded[:before] = feats[rng.choice(quietest, before)]
        padded[len(padded) - behind :] = feats[rng.choice(quietest, behind)]
    return padded


def _steady(level: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of a random colour, (T, F), whose mean is about ``level`` in every frame."""
    mels = shape[1]
    colour = np.interp(np.arange(mels), np.linspace(0, mels - 1, 4), rng.normal(0, 1, 4))
    return level + colour + rng.normal(0, 0.5, shape)


def interpolate(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Linear interpolation between rows: (N, K) at fractional ``positions`` (M,) -> (M, K) of the rows' type."""
    lower = np.minimum(positions.astype(int), len(rows) - 1)
    upper = np.minimum(lower + 1, len(rows) - 1)
    share = (positions - lower).astype(rows.dtype)[:, None]
    return (1 - share) * rows[lower] + share * rows[upper]
