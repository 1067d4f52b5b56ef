"""From what an engine returns to an utterance: silence cut at the ends, 16 kHz, one level."""

import numpy as np

from espnet_atat.speech.audio import convert_rate

KEPT_SILENCE = 0.05  # s of the silence at each end that is kept
SILENCE_DB = -45.0  # relative to the loudest 10 ms: quieter is silence
LEVEL_DB = -23.0  # dBFS, root mean square of every utterance
PEAK = 0.95


def trim(audio: np.ndarray, rate: int) -> np.ndarray:
    """Cut the silence at both ends of `audio`, shape = (n_samples,), but for `KEPT_SILENCE` seconds."""
    hop = rate // 100  # 10 ms
    frames = audio[: len(audio) // hop * hop].reshape(-1, hop)
    energy = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    (loud,) = np.nonzero(energy > energy.max() + SILENCE_DB)
    margin = round(KEPT_SILENCE * rate)
    return audio[max(0, loud[0] * hop - margin) : (loud[-1] + 1) * hop + margin]


def level(audio: np.ndarray) -> np.ndarray:
    """Scale to `LEVEL_DB`, or less where the peak would exceed `PEAK`."""
    gain = 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(audio**2))
    return audio * min(gain, PEAK / np.abs(audio).max())


def finish(audio: np.ndarray, rate: int) -> np.ndarray:
    """Trim, convert to 16 kHz, level: shape (num_samples,), float32 within ±0.95."""
    return level(convert_rate(trim(audio, rate), rate)).astype(np.float32)
