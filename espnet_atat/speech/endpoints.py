"""Where speech begins and ends, by the energy of a recording; and where a long one is cut: at its pauses.

Everything is in frames of 10 ms. A stretch is its first frame and the frame after its last.
"""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np

from espnet_atat.speech.alignment.pauses import DEPTH, RISE
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import (
    FRAME_LENGTH,
    FRAME_SHIFT,
    LOW_FREQUENCY,
    PRE_EMPHASIS,
    mel_scale,
    num_frames,
)

Stretch = tuple[int, int]

QUIET = 5  # percentile of the levels: the background
LOWEST = 100.0  # Hz
EDGE = 30  # frames at either end, whose median is the background there …
STEADY, FAR_BELOW = 3.0, 10.0  # … if they deviate by less, and are so far below the speech, in dB: else they are speech
REACH = 15  # frames by which speech may begin before, or end behind, what a network has found …
LATE = 50  # … and by which it may have ended before
LOUDEST = 20  # frames that are as loud as speech at its loudest, at least: a click is shorter
CONTRAST = 6.0  # dB between background and speech, below which nothing tells them apart
CLOSURE = 30  # frames of quiet that do not end a stretch: stops, and the gaps between words
NOISY = 35.0  # dB below the speech; what is louder before and behind it is noise
SHORTEST = 8  # loud frames of a stretch; fewer are a click
PAUSE = 70  # frames; a long recording is cut at every pause from this on


def frame_levels(features: np.ndarray) -> np.ndarray:
    """Level of each frame of log mel features (frames, mels), in dB but for a constant, shape (frames,).

    Without the features' pre-emphasis, in which vowels are weak, and without what is below speech: hum and rumble.
    """
    centres = _centres(features.shape[1])
    energy = np.logaddexp.reduce((features + _de_emphasis(len(centres)))[:, centres > LOWEST], axis=1)
    return energy * 10 / np.log(10)


@cache
def _centres(mels: int) -> np.ndarray:
    """Of the mel filters, in Hz, (mels,)."""
    low, high = (float(mel_scale(frequency)) for frequency in (LOW_FREQUENCY, SAMPLE_RATE / 2))
    return 700.0 * np.expm1(np.linspace(low, high, mels + 2)[1:-1] / 1127.0)


@cache
def _de_emphasis(mels: int) -> np.ndarray:
    """What pre-emphasis takes from each mel's energy, in nepers, (mels,)."""
    phase = 2 * np.pi * _centres(mels) / SAMPLE_RATE
    return -np.log(1 + PRE_EMPHASIS**2 - 2 * PRE_EMPHASIS * np.cos(phase))


def find_loud(levels: np.ndarray) -> list[Stretch]:
    """Stretches of speech among frames of these levels; empty where nothing stands out."""
    if len(levels) < LOUDEST:
        return []
    loud = np.partition(levels, -LOUDEST)[-LOUDEST]
    quiet = np.percentile(levels, QUIET)
    if loud - quiet < CONTRAST:
        return []
    # Noise before and behind may be louder than the gaps between words.
    thresholds: list[float] = []
    for edge in (levels[:EDGE], levels[-EDGE:]):
        own = _steady_level(edge, loud) + CONTRAST
        thresholds.append(float(own if own > quiet else quiet + RISE * (loud - quiet)))
    threshold = np.linspace(thresholds[0], thresholds[1], len(levels))
    frames = _sound(levels > np.maximum(threshold, loud - DEPTH))
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > CLOSURE) + 1)
    return [(int(run[0]), int(run[-1]) + 1) for run in runs if len(run) >= SHORTEST]


def _steady_level(edge: np.ndarray, loud: float) -> float:
    """Of the background at one end of a recording, in dB; minus infinity of what may be speech."""
    level = float(np.median(edge))
    return level if np.std(edge) < STEADY and level < loud - FAR_BELOW else -np.inf


def _sound(loud: np.ndarray) -> np.ndarray:
    """Those of the loud frames (frames,) that are among others: a sound, not a crackle of noise."""
    return np.flatnonzero(loud & (np.convolve(loud, np.ones(5), "same") >= 3))


def tighten(speech: Sequence[Stretch], levels: np.ndarray) -> list[Stretch]:
    """Stretches whose first beginning and last end are those of the sound: a network says where about they are.

    What lies outside of them is no speech, so it tells how loud the background is. Where speech does not stand out
    from that, its ends stay as they are.
    """
    loud = np.partition(levels, -LOUDEST)[-LOUDEST] if len(levels) >= LOUDEST else np.inf
    first, last = max(0, speech[0][0] - REACH), min(len(levels), speech[-1][1] + REACH)
    ends = []
    for outside, edge, fallback in (
        (levels[:first], levels[:EDGE], speech[0][0]),
        (levels[last:], levels[-EDGE:], speech[-1][1] - 1),
    ):
        if len(outside) >= EDGE:
            background = float(np.median(outside))
        else:
            background = max(_steady_level(edge, loud), float(np.percentile(levels, QUIET)))
        threshold = max(background + CONTRAST, loud - DEPTH)
        frames = _sound(levels[first:last] > threshold) + first
        ends.append(frames if threshold < loud - CONTRAST and len(frames) else np.array([fallback]))
    start, end = min(int(ends[0][0]), speech[0][0] + REACH), max(int(ends[1][-1]) + 1, speech[-1][1] - LATE)
    if len(speech) == 1:
        return [(start, max(end, start + 1))]
    head, tail = speech[0], speech[-1]
    return [(min(start, head[1] - 1), head[1]), *speech[1:-1], (tail[0], max(end, tail[0] + 1))]


def margins_of(speech: Sequence[Stretch], levels: np.ndarray, quiet: int, noisy: int) -> tuple[int, int]:
    """Frames that stay before the first stretch and behind the last: in loud noise the ends are less certain."""
    loud = np.partition(levels, -LOUDEST)[-LOUDEST] if len(levels) >= LOUDEST else np.inf
    start, end = speech[0][0], speech[-1][1]
    sides = (levels[max(0, start - noisy) : start], levels[end : end + noisy])
    before, behind = (noisy if len(side) and np.median(side) > loud - NOISY else quiet for side in sides)
    return before, behind


def segments_of(
    speech: Sequence[Stretch], total: int, margins: tuple[int, int], longest: int | None = None
) -> list[Stretch]:
    """What of a recording the model is given: the speech with what is between, and some frames before and behind.

    What is longer than ``longest`` frames is cut at every pause of :data:`PAUSE` frames or more, and what is still
    longer at its longest pause. Speech without a pause is cut into equal parts. No frame is in two segments.

    Args:
        speech: stretches in order; none: all of the recording is taken for speech.
        total: frames of the recording.
        margins: frames before and behind.
    """
    before, behind = margins
    speech = list(speech) or [(0, total)]
    if longest is None or min(total, speech[-1][1] + behind) - max(0, speech[0][0] - before) <= longest:
        groups = [speech]
    else:
        groups = _divide(speech, max(1, longest - before - behind))
    segments: list[Stretch] = []
    for number, group in enumerate(groups):
        start, end = group[0][0] - before, group[-1][1] + behind
        if number:
            start = max(start, (groups[number - 1][-1][1] + group[0][0]) // 2)
        if number + 1 < len(groups):
            end = min(end, (group[-1][1] + groups[number + 1][0][0]) // 2)
        segments.append((max(0, start), min(total, end)))
    return segments


def _divide(speech: list[Stretch], longest: int) -> list[list[Stretch]]:
    """Stretches in groups of at most ``longest`` frames, the pauses between them included."""
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(speech)]
    if any(gap >= PAUSE for gap in gaps):
        cuts = [n + 1 for n, gap in enumerate(gaps) if gap >= PAUSE]
    elif speech[-1][1] - speech[0][0] <= longest:
        return [speech]
    elif gaps:
        cuts = [int(np.argmax(gaps)) + 1]
    else:
        ((start, end),) = speech
        edges = np.linspace(start, end, -(-(end - start) // longest) + 1).astype(int).tolist()
        return [[part] for part in itertools.pairwise(edges)]
    groups = [speech[first:last] for first, last in zip([0, *cuts], [*cuts, len(speech)], strict=True)]
    return [part for group in groups for part in _divide(group, longest)]


def cut_stretch(speech: np.ndarray, stretch: Stretch) -> np.ndarray:
    """The frames of a stretch: of features (frames, mels) those rows, of audio (num_samples,) all their samples.

    What is left of audio behind its last frame goes with that.
    """
    start, end = stretch
    if speech.ndim == 2:
        return speech[start:end]
    if end == num_frames(len(speech)):
        return speech[start * FRAME_SHIFT :]
    return speech[start * FRAME_SHIFT : (end - 1) * FRAME_SHIFT + FRAME_LENGTH]
