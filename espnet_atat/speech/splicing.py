"""New utterances from spliced words: speech whose next word cannot be guessed, so that a decoder must listen.

A decoder that has heard a few hundred sentences many times continues the one that it remembers. Spliced utterances are
strings of short pieces, one to three words each, cut at word boundaries from one speaker's recordings: every sound is
real, no sentence is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from espnet_atat.atomic import atomic_dir
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import Alignment
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.workdir import from_root

#: Two pieces overlap by this much, so that no click marks the cut: 8 ms.
CROSS_FADE = SAMPLE_RATE * 8 // 1000


@dataclass(frozen=True)
class SpliceConfig:
    """What is made.

    Args:
        number: utterances, spread over the speakers by their number of recordings.
        shortest, longest: words of an utterance, drawn uniformly.
        piece: words of a piece at most, drawn uniformly from 1.
        seed: another seed makes others.

    Raises:
        UserError: a number that makes no sense.
    """

    number: int = 3000
    shortest: int = 4
    longest: int = 10
    piece: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.number < 1 or self.piece < 1 or not 1 <= self.shortest <= self.longest:
            raise UserError(f"--number and --piece are at least 1, and 1 <= --shortest <= --longest; found {self}")


@dataclass(frozen=True)
class Recording:
    """An utterance cut into words: ``samples`` (num_samples,), word i from ``cuts[i]`` to ``cuts[i + 1]``."""

    samples: np.ndarray
    words: tuple[str, ...]
    cuts: tuple[int, ...]


def splice_sets(
    sets: Sequence[DataDir], alignments: Mapping[str, Alignment], output: Path, config: SpliceConfig
) -> tuple[int, int]:
    """Write a data dir of spliced utterances, ``<speaker>-spliced_<number>``, whole or not at all.

    Utterances with a word that was not found are not cut up.

    Returns:
        Number of recordings that were cut up, and of those left out.

    Raises:
        UserError: a set without audio or speakers, audio that cannot be read, or nothing to cut up.
    """
    by_speaker: dict[str, list[tuple[str, str]]] = {}
    total = 0
    for data in sets:
        if data.wav is None or data.utt2spk is None:
            raise UserError("only a set with wav.scp and utt2spk can be spliced")
        for utt, path in data.wav.items():
            total += 1
            aligned = alignments.get(utt, ())
            if aligned and all(word.found for word in aligned):
                by_speaker.setdefault(data.utt2spk[utt], []).append((utt, path))
    usable = sum(map(len, by_speaker.values()))
    if not usable:
        raise UserError("no utterance has all its words aligned: are these the alignments of other sets?")
    wav, text, utt2spk = {}, {}, {}
    with atomic_dir(output) as folder:
        done = heard = 0
        for speaker, files in sorted(by_speaker.items()):
            recordings = [cut(read_audio(path), alignments[utt]) for utt, path in files]
            heard += len(files)
            (folder / "audio" / speaker).mkdir(parents=True)
            for number in range(done, config.number * heard // usable):
                utt = f"{speaker}-spliced_{number:06d}"
                samples, words = splice(recordings, config, random_source(utt, config.seed, None, "splice"))
                soundfile.write(folder / "audio" / speaker / f"{utt}.flac", samples, SAMPLE_RATE, subtype="PCM_16")
                wav[utt] = f"{from_root(output)}/audio/{speaker}/{utt}.flac"
                text[utt], utt2spk[utt] = " ".join(words), speaker
                done = number + 1
        DataDir(wav=wav, text=text, utt2spk=utt2spk).write_files(folder)
    return usable, total - usable


def cut(samples: np.ndarray, words: Alignment) -> Recording:
    """Cut half way between each word's end and the next one's start; the ends of the audio belong to the end words."""
    times = [(word.start or 0.0, word.end or 0.0) for word in words]  # all are found
    middles = [round((end + start) / 2 * SAMPLE_RATE) for (_, end), (start, _) in pairwise(times)]
    cuts = np.clip([0, *middles, len(samples)], 0, len(samples))
    return Recording(samples, tuple(word.word for word in words), tuple(int(c) for c in np.maximum.accumulate(cuts)))


def splice(
    recordings: Sequence[Recording], config: SpliceConfig, rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """One utterance: samples (num_samples,) in [-1, 1) and its words."""
    wanted = int(rng.integers(config.shortest, config.longest + 1))
    words: list[str] = []
    samples = np.zeros(0, np.float32)
    while len(words) < wanted:
        recording = recordings[int(rng.integers(len(recordings)))]
        count = min(int(rng.integers(1, config.piece + 1)), wanted - len(words), len(recording.words))
        first = int(rng.integers(len(recording.words) - count + 1))
        words.extend(recording.words[first : first + count])
        samples = join(samples, recording.samples[recording.cuts[first] : recording.cuts[first + count]])
    return samples, words


def join(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put two pieces one after the other, cross-faded with constant sum."""
    overlap = min(CROSS_FADE, len(left), len(right))
    if not overlap:
        return np.concatenate((left, right))
    rise = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    middle = left[-overlap:] * (1 - rise) + right[:overlap] * rise
    return np.concatenate((left[:-overlap], middle, right[overlap:])).astype(np.float32)
