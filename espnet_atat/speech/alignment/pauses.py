"""Take pauses out of aligned words by the energy of the audio.

An aligner whose model of silence is weak lets a word swallow the pause beside it. A mask over such a word would cover
too little speech or too much time.
"""

import numpy as np

FRAME = 0.01  # seconds, of energy
QUIET, LOUD = 5, 95  # percentiles of an utterance's energies: its background and its speech
RISE = 0.25  # speech begins so far above the background, as a share of the way to the level of speech …
DEPTH = 35.0  # … but never so many dB below that level: a recording's digital silence has no level of its own
EDGE_PAUSE = 5  # frames; shorter quiet at a word's edge may be the closure of a stop
INNER_PAUSE = 15  # frames; longer than any closure inside a word
MARGIN = 2  # frames left of a pause that is cut off: weak beginnings and ends of sounds


def energy_levels(samples: np.ndarray, rate: int) -> np.ndarray:
    """Level of each 10 ms in dB, shape (frames,); digital silence is about -120."""
    size = round(rate * FRAME)
    centred = samples - samples.mean()
    blocks = centred[: len(centred) // size * size].reshape(-1, size)
    return 10 * np.log10(np.mean(np.square(blocks, dtype=np.float64), axis=1) + 1e-12)


def find_speech(samples: np.ndarray, rate: int) -> np.ndarray:
    """Which 10 ms of an utterance are louder than a pause, bool, shape (frames,)."""
    levels = energy_levels(samples, rate)
    if not len(levels):
        return np.zeros(0, bool)
    quiet, loud = np.percentile(levels, [QUIET, LOUD])
    return levels > max(quiet + RISE * (loud - quiet), loud - DEPTH)


def trim_pauses(start: int, end: int, speech: np.ndarray) -> tuple[int, int] | None:
    """Narrow a word's frames ``start:end`` to its speech.

    A pause inside the word divides it; the part with the most speech is kept. Then quiet at its edges is cut.

    Returns:
        The new first frame and the frame after the last, or None if there is no speech at all.
    """
    loud = np.flatnonzero(speech[start:end]) + start
    if not len(loud):
        return None
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > INNER_PAUSE) + 1)
    kept = max(range(len(parts)), key=lambda n: len(parts[n]))
    first, last = int(parts[kept][0]), int(parts[kept][-1]) + 1
    if first - start >= EDGE_PAUSE or kept > 0:
        start = max(start, first - MARGIN)
    if end - last >= EDGE_PAUSE or kept < len(parts) - 1:
        end = min(end, last + MARGIN)
    return start, end
