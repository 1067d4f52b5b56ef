"""Fit aligned words to the audio by its energy: no pause inside a word, no sound between words.

An aligner whose model of silence is rough lets a word swallow the pause beside it, or gives a weak last consonant to
the pause. A mask over such a word would cover too much time, or leave the end of the word to be heard.
"""

from collections.abc import Sequence

import numpy as np

FRAME = 0.01  # seconds, of energy
QUIET, LOUD = 5, 95  # percentiles of an utterance's energies: its background and its speech
RISE = 0.25  # speech begins so far above the background, as a share of the way to the level of speech …
DEPTH = 40.0  # … but never so many dB below that level: a recording's digital silence has no level of its own
EDGE_PAUSE = 5  # frames; shorter quiet at a word's edge may be the closure of a stop
INNER_PAUSE = 15  # frames; longer than any closure inside a word
MARGIN = 2  # frames left of a pause that is cut off: weak beginnings and ends of sounds
LONGER_END, EARLIER_START = 20, 10  # frames at most that a word grows into a gap, as long as there is sound


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
    """Narrow a word's frames ``start:end`` to its speech; None if there is none.

    A pause inside the word divides it; the part with the most speech is kept. Then quiet at its edges is cut.
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


def fit_words(words: Sequence[tuple[int, int]], speech: np.ndarray) -> list[tuple[int, int] | None]:
    """Narrow every word of an utterance to its sound, then let it take the sound that goes on into a gap beside it.

    Words are their first frame and the frame after their last, in order; None is one without any sound.
    """
    fitted = [trim_pauses(start, end, speech) for start, end in words]
    before = 0
    for number, span in enumerate(fitted):
        if span is None:
            continue
        start, end = span
        after = next((other[0] for other in fitted[number + 1 :] if other), len(speech))
        if end == words[number][1]:
            end += _sound(speech[end : min(after, end + LONGER_END)])
        if start == words[number][0]:
            start -= _sound(speech[max(before, start - EARLIER_START) : start][::-1])
        fitted[number], before = (start, end), end
    return fitted


def _sound(frames: np.ndarray) -> int:
    """How many of these frames come before the first quiet one."""
    return len(frames) if frames.all() else int(np.argmin(frames))
