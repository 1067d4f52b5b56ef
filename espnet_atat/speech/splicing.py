"""New utterances from spliced words: speech whose next word cannot be guessed, so that a decoder must listen.

A decoder that has heard a few hundred sentences many times continues the one that it remembers. Spliced utterances are
strings of short pieces, one to three words each, cut at word boundaries from one speaker's recordings: every word is
real, no sentence is. Their words are drawn at random (for asr), or they are the lines of a set of text (for slu).
``effects`` change the result, as augmentation changes recordings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np

from espnet_atat.arguments import check_ranges, option
from espnet_atat.datadir import DataDir, from_root, invert
from espnet_atat.errors import UserError, naming
from espnet_atat.speech.alignment.record import Alignment, check_times
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio, write_audio
from espnet_atat.speech.augmentation.chain import Chain
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.report import Report

#: Two pieces overlap by this much, so that no click marks the cut: 8 ms.
CROSS_FADE = SAMPLE_RATE * 8 // 1000


@dataclass(frozen=True)
class SpliceConfig:
    number: int = option(
        3000, "utterances, spread over speakers as their recordings are; of a text, lines at most", least=1, most=10**7
    )
    shortest: int = option(4, "words of an utterance at least, where they are drawn")
    longest: int = option(10, "words of an utterance at most, where they are drawn", most=1000)
    piece: int = option(3, "words of a piece at most", least=1, most=1000)
    seed: int = option(0, "another seed makes others")
    effects: Chain = field(default_factory=Chain)  # what is done to the spliced audio

    def __post_init__(self) -> None:
        check_ranges(self)
        self.effects.check_sounds("effects")
        if not 1 <= self.shortest <= self.longest:
            raise UserError(f"1 <= shortest <= longest; found {self}")


@dataclass(frozen=True)
class Recording:
    """An utterance cut into words: ``samples`` (num_samples,), word i from ``cuts[i]`` to ``cuts[i + 1]``."""

    samples: np.ndarray
    words: tuple[str, ...]
    cuts: tuple[int, ...]

    def piece(self, first: int, count: int) -> np.ndarray:
        return self.samples[self.cuts[first] : self.cuts[first + count]]


#: Speaker, in C order → audio and words of what he says.
Voices = Mapping[str, Sequence[tuple[str, Alignment]]]


def take_stock(sets: Sequence[DataDir], alignments: Mapping[str, Alignment]) -> tuple[Voices, int]:
    """Find what can be cut up, and how many utterances have a word that was not found."""
    voices: dict[str, list[tuple[str, Alignment]]] = {}
    left_out = 0
    for data in sets:
        if data.wav is None or data.utt2spk is None:
            raise UserError("only a set with wav.scp and utt2spk can be spliced")
        for utt, path in data.wav.items():
            if utt in alignments and [word.word for word in alignments[utt]] != data.text[utt].split():
                raise UserError(f"{utt}: the alignment has other words than the data dir's text; align the set again")
            if alignments.get(utt) and all(word.found for word in alignments[utt]):
                voices.setdefault(data.utt2spk[utt], []).append((path, alignments[utt]))
            else:
                left_out += 1
    if not voices:
        raise UserError("no utterance has all its words aligned: are these the alignments of other sets?")
    return dict(sorted(voices.items())), left_out


def splice_set(
    sets: Sequence[DataDir],
    alignments: Mapping[str, Alignment],
    texts: DataDir | None,
    work: Path,
    output: Path,
    config: SpliceConfig,
) -> Report:
    """Write a data dir of utterances spliced from those of ``sets`` to ``work``, which will be called ``output``.

    Without ``texts`` they are random strings of words, ``<speaker>-spliced_<number>``. With it they are its lines and
    trees, ``<speaker>-<id>``, each said by a speaker drawn from those who say all of its words somewhere; a line that
    nobody can say is left out.
    """
    voices, left_out = take_stock(sets, alignments)
    made = _at_random(voices, config) if texts is None else _lines(voices, texts, config)
    trees = (texts and texts.target) or {}
    text, target, wav, utt2spk = ({} for _ in range(4))
    for speaker, line, samples, words in made:
        utt = f"{speaker}-{line}"
        text[utt], utt2spk[utt] = " ".join(words), speaker
        if line in trees:
            target[utt] = trees[line]
        samples = config.effects(samples, SAMPLE_RATE, random_source(utt, config.seed, None, "effects"))
        file = f"audio/{speaker}/{utt}.flac"
        wav[utt] = f"{from_root(output)}/{file}"
        write_audio(work / file, samples, SAMPLE_RATE, "FLAC", "PCM_16")
    DataDir(wav=wav, text=text, target=target or None, utt2spk=utt2spk).write_files(work)
    counts = {"made": len(text), "used": sum(map(len, voices.values())), "left_out": left_out}
    said = f"{output.name}: cut up {counts['used']} recordings; left out {left_out} with a word that was not aligned"
    return Report(counts, [said, f"made {len(text)} utterances"])


Spliced = tuple[str, str, np.ndarray, Sequence[str]]  # speaker, line, samples (num_samples,), words


def _at_random(voices: Voices, config: SpliceConfig) -> Iterator[Spliced]:
    done = heard = 0
    used = sum(map(len, voices.values()))
    for speaker, utterances in voices.items():
        recordings = [_recording(path, words) for path, words in utterances]
        heard += len(utterances)
        for number in range(done, config.number * heard // used):
            line = f"spliced_{number:06d}"
            rng = random_source(f"{speaker}-{line}", config.seed, None, "splice")
            yield speaker, line, *splice(recordings, config, rng)
            done = number + 1


def _lines(voices: Voices, texts: DataDir, config: SpliceConfig) -> Iterator[Spliced]:
    for speaker, lines in invert(_draw_speakers(voices, texts, config)).items():
        recordings = [_recording(path, words) for path, words in voices[speaker]]
        places: dict[str, list[tuple[int, int]]] = {}  # word → recordings and positions
        for number, recording in enumerate(recordings):
            for position, word in enumerate(recording.words):
                places.setdefault(word, []).append((number, position))
        for line in lines:
            said = texts.text[line].split()
            rng = random_source(line, config.seed, None, "splice")
            yield speaker, line, say(said, recordings, places, config.piece, rng), said


def _draw_speakers(voices: Voices, texts: DataDir, config: SpliceConfig) -> dict[str, str]:
    """Draw at most ``config.number`` lines that a speaker can say, and who says each: line → speaker."""
    vocabularies = {
        speaker: {word.word for _, words in utterances for word in words} for speaker, utterances in voices.items()
    }
    speaker_of: dict[str, str] = {}
    for line in map(str, random_source("lines", config.seed, None, "splice").permutation(sorted(texts.text))):
        if len(speaker_of) == config.number:
            break
        words = set(texts.text[line].split())
        if able := [speaker for speaker, vocabulary in vocabularies.items() if words <= vocabulary]:
            drawn = random_source(line, config.seed, None, "speaker").integers(len(able))
            speaker_of[line] = able[int(drawn)]
    if not speaker_of:
        raise UserError("no line of the text has all its words in one speaker's recordings")
    return speaker_of


def _recording(path: str, words: Alignment) -> Recording:
    samples = read_audio(path)
    with naming(path):
        return cut_words(samples, words)


def cut_words(samples: np.ndarray, words: Alignment) -> Recording:
    """Cut half way between each word's end and the next one's start; the ends of the audio belong to the end words."""
    check_times(words, len(samples) / SAMPLE_RATE)
    times = (word.times for word in words)
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


def say(
    words: Sequence[str],
    recordings: Sequence[Recording],
    places: Mapping[str, Sequence[tuple[int, int]]],
    longest: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Samples (num_samples,) of these words, in the longest pieces up to ``longest``; of several, one is drawn."""
    samples = np.zeros(0, np.float32)
    done = 0
    while done < len(words):
        fits: dict[int, list[tuple[int, int]]] = {}  # number of words → where so many of them are said
        for number, position in places[words[done]]:
            said = recordings[number].words[position : position + longest]
            alike = takewhile(lambda pair: pair[0] == pair[1], zip(said, words[done:], strict=False))
            fits.setdefault(len(list(alike)), []).append((number, position))
        count = max(fits)
        number, position = fits[count][int(rng.integers(len(fits[count])))]
        samples = join(samples, recordings[number].piece(position, count))
        done += count
    return samples


def join(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put two pieces one after the other, cross-faded with constant sum."""
    overlap = min(CROSS_FADE, len(left), len(right))
    if not overlap:
        return np.concatenate((left, right))
    rise = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    middle = left[-overlap:] * (1 - rise) + right[:overlap] * rise
    return np.concatenate((left[:-overlap], middle, right[overlap:])).astype(np.float32)
