"""New utterances from spliced words: speech whose next word cannot be guessed, so that a decoder must listen.

A decoder that has heard a few hundred sentences many times continues the one that it remembers. Spliced utterances are
strings of short pieces, one to three words each, cut at word boundaries from one speaker's recordings: every sound is
real, no sentence is. Their words are drawn at random (for asr), or they are the lines of a set of text (for slu).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile

from espnet_atat.atomic import atomic_dir
from espnet_atat.datadir import DataDir, invert
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
        number: utterances, spread over the speakers by their number of recordings; of a set of text, at most this
            many of its lines.
        shortest, longest: words of an utterance, drawn uniformly; a set of text has lengths of its own.
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

    def piece(self, first: int, count: int) -> np.ndarray:
        """Samples of ``count`` words."""
        return self.samples[self.cuts[first] : self.cuts[first + count]]


@dataclass(frozen=True)
class Inventory:
    """Utterances with all their words aligned, by speaker.

    Attributes:
        by_speaker: speaker → (utterance, path of its audio).
        left_out: number of utterances with a word that was not found.
    """

    by_speaker: Mapping[str, Sequence[tuple[str, str]]]
    alignments: Mapping[str, Alignment]
    left_out: int

    @property
    def used(self) -> int:
        """Number of utterances that are cut up."""
        return sum(map(len, self.by_speaker.values()))

    def vocabularies(self) -> dict[str, frozenset[str]]:
        """The words that each speaker says somewhere."""
        return {
            speaker: frozenset(word.word for utt, _ in files for word in self.alignments[utt])
            for speaker, files in sorted(self.by_speaker.items())
        }

    def recordings(self, speaker: str) -> list[Recording]:
        """Read and cut up what one speaker says."""
        return [cut(read_audio(path), self.alignments[utt]) for utt, path in self.by_speaker[speaker]]


def take_stock(sets: Sequence[DataDir], alignments: Mapping[str, Alignment]) -> Inventory:
    """Find what can be cut up.

    Raises:
        UserError: a set without audio or speakers, or nothing to cut up.
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
    used = sum(map(len, by_speaker.values()))
    if not used:
        raise UserError("no utterance has all its words aligned: are these the alignments of other sets?")
    return Inventory(by_speaker, alignments, total - used)


def splice_at_random(inventory: Inventory, output: Path, config: SpliceConfig) -> int:
    """Write a data dir of random strings of words, ``<speaker>-spliced_<number>``, whole or not at all.

    Returns:
        Number of utterances written.
    """
    with _Writer(output) as writer:
        done = heard = 0
        for speaker, files in sorted(inventory.by_speaker.items()):
            recordings = inventory.recordings(speaker)
            heard += len(files)
            for number in range(done, config.number * heard // inventory.used):
                utt = f"{speaker}-spliced_{number:06d}"
                samples, words = splice(recordings, config, random_source(utt, config.seed, None, "splice"))
                writer.add(utt, speaker, samples, " ".join(words))
                done = number + 1
    return done


def splice_texts(inventory: Inventory, texts: DataDir, output: Path, config: SpliceConfig) -> int:
    """Write a data dir of a set's own lines (and trees), ``<speaker>-<id>``, whole or not at all.

    A line is said by one speaker, drawn from those who say all of its words somewhere; a line that no speaker can say
    is left out.

    Returns:
        Number of utterances written.

    Raises:
        UserError: no line can be said.
    """
    speaker_of = draw_speakers(inventory.vocabularies(), texts.text, config)
    if not speaker_of:
        raise UserError("no line of the text has all its words in one speaker's recordings")
    with _Writer(output) as writer:
        for speaker, lines in invert(speaker_of).items():
            recordings = inventory.recordings(speaker)
            places = index_words(recordings)
            for line in lines:
                words = texts.text[line].split()
                rng = random_source(line, config.seed, None, "splice")
                samples = say(words, recordings, places, config.piece, rng)
                tree = None if texts.target is None else texts.target.get(line)
                writer.add(f"{speaker}-{line}", speaker, samples, " ".join(words), tree)
    return len(speaker_of)


def draw_speakers(
    vocabularies: Mapping[str, frozenset[str]], text: Mapping[str, str], config: SpliceConfig
) -> dict[str, str]:
    """Draw at most ``config.number`` lines that a speaker can say, and who says each: line → speaker."""
    speaker_of: dict[str, str] = {}
    for line in map(str, random_source("lines", config.seed, None, "splice").permutation(sorted(text))):
        if len(speaker_of) == config.number:
            break
        words = set(text[line].split())
        able = [speaker for speaker, vocabulary in vocabularies.items() if words <= vocabulary]
        if able:
            drawn = random_source(line, config.seed, None, "speaker").integers(len(able))
            speaker_of[line] = able[int(drawn)]
    return speaker_of


class _Writer:
    """Collects utterances in a data dir that appears whole when the block ends well."""

    def __init__(self, output: Path):
        self.output = output
        self._dir = atomic_dir(output)
        self._wav: dict[str, str] = {}
        self._text: dict[str, str] = {}
        self._target: dict[str, str] = {}
        self._utt2spk: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._folder = self._dir.__enter__()
        return self

    def add(self, utt: str, speaker: str, samples: np.ndarray, words: str, tree: str | None = None) -> None:
        audio = self._folder / "audio" / speaker
        audio.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio / f"{utt}.flac", samples, SAMPLE_RATE, subtype="PCM_16")
        self._wav[utt] = f"{from_root(self.output)}/audio/{speaker}/{utt}.flac"
        self._text[utt], self._utt2spk[utt] = words, speaker
        if tree is not None:
            self._target[utt] = tree

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            data = DataDir(wav=self._wav, text=self._text, target=self._target or None, utt2spk=self._utt2spk)
            data.write_files(self._folder)
        self._dir.__exit__(*error)


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
        samples = join(samples, recording.piece(first, count))
    return samples, words


Places = Mapping[str, Sequence[tuple[int, int]]]


def index_words(recordings: Sequence[Recording]) -> Places:
    """Where each word is said: word → (recording, position)."""
    places: dict[str, list[tuple[int, int]]] = {}
    for number, recording in enumerate(recordings):
        for position, word in enumerate(recording.words):
            places.setdefault(word, []).append((number, position))
    return places


def say(
    words: Sequence[str], recordings: Sequence[Recording], places: Places, longest: int, rng: np.random.Generator
) -> np.ndarray:
    """Samples (num_samples,) of these words, in the longest pieces of at most ``longest`` words that there are.

    Of several pieces of the same length one is drawn.
    """
    samples = np.zeros(0, np.float32)
    done = 0
    while done < len(words):
        found = []
        for number, position in places[words[done]]:
            said = recordings[number].words[position : position + longest]
            found.append((shared_prefix(said, words[done:]), number, position))
        count = max(found)[0]
        best = [(number, position) for length, number, position in found if length == count]
        number, position = best[int(rng.integers(len(best)))]
        samples = join(samples, recordings[number].piece(position, count))
        done += count
    return samples


def shared_prefix(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words two strings of words have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def join(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put two pieces one after the other, cross-faded with constant sum."""
    overlap = min(CROSS_FADE, len(left), len(right))
    if not overlap:
        return np.concatenate((left, right))
    rise = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    middle = left[-overlap:] * (1 - rise) + right[:overlap] * rise
    return np.concatenate((left[:-overlap], middle, right[overlap:])).astype(np.float32)
