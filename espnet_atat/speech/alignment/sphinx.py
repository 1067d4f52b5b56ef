"""Forced alignment with pocketsphinx, whose wheel includes its model: no server, no download.

Every utterance has a decoder of its own, because a used one adapts and its times would then depend on what it aligned
before. A decoder with the dictionary takes 0.11 s to make; one that is given only the words of the utterance, 7 ms.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.pauses import FRAME, find_speech, fit_words
from espnet_atat.speech.alignment.pronunciation import pronounce
from espnet_atat.speech.alignment.record import AlignedWord, aligned, not_found
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio

DITHER = 5  # added noise in steps of 16 bits: pocketsphinx fails on digital silence
PADDING = 0.5  # seconds of silence behind a recording that ends within its last word
# The search for a best path through the lattice may leave out the last words, and takes longer. A language weight of 1
# lets a pause cost no more than the sounds beside it: on joined words of known times, starts were nearer by a fifth.
OPTIONS = {"bestpath": False, "lw": 1.0}
WIDE_BEAMS = dict.fromkeys(("beam", "wbeam", "pbeam"), 1e-120)  # hardly prune; the library's own are far faster

FrameRange = tuple[int, int]  # the first, and the one after the last


@dataclass(frozen=True)
class SphinxAligner:
    """Aligns one utterance at a time, the same way whatever was aligned before."""

    fit: bool = True  # move the edges of words to those of the sound

    def prepare(self) -> None:
        """Read the dictionary, before processes are forked."""
        import pocketsphinx  # noqa: F401

        pronounce("a")

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Times of the words. Raises UserError: the audio cannot be read, or the transcript does not fit it."""
        return self.align_samples(utt, read_audio(path, resample=True), text.split())

    def align_samples(self, utt: str, samples: np.ndarray, words: list[str]) -> list[AlignedWord]:
        """The same from samples at 16 kHz in [-1, 1), shape (num_samples,)."""
        spoken = [word for word in words if pronounce(word)]
        if not spoken:
            raise UserError("no word that can be pronounced")
        found = _find(utt, samples, spoken)
        places = iter(fit_words(found, find_speech(samples, SAMPLE_RATE)) if self.fit else found)
        duration = len(samples) / SAMPLE_RATE
        return [_word(word, next(places, None) if pronounce(word) else None, duration) for word in words]


def _word(word: str, frames: FrameRange | None, duration: float) -> AlignedWord:
    """A word from its frames, which may lie past the end where silence was added; None is not found."""
    return aligned(word, frames[0] * FRAME, min(frames[1] * FRAME, duration)) if frames else not_found(word)


def _find(utt: str, samples: np.ndarray, words: list[str]) -> list[FrameRange]:
    """Frames of all words, or of all but the last where the recording breaks off before it."""
    found = _decode(_dithered(utt, samples), words)
    if len(found) < len(words):
        padded = np.concatenate([samples, np.zeros(round(PADDING * SAMPLE_RATE), samples.dtype)])
        found = _decode(_dithered(utt, padded), words, WIDE_BEAMS)
    if len(found) < max(1, len(words) - 1):
        raise UserError("the transcript does not fit the audio")
    return found


def _dithered(utt: str, samples: np.ndarray) -> bytes:
    """16-bit samples with a little noise, drawn from the utterance's id."""
    seed = int.from_bytes(hashlib.sha256(utt.encode()).digest()[:8])
    noise = np.random.default_rng(seed).integers(-DITHER, DITHER + 1, len(samples))
    return np.clip(np.round(samples * 32768.0) + noise, -32768, 32767).astype("<i2").tobytes()


def _decode(pcm: bytes, words: list[str], beams: Mapping[str, float] | None = None) -> list[FrameRange]:
    """Frames of the words that the search came through: all, or those before it ran out of audio or of paths."""
    from pocketsphinx import Config, Decoder

    decoder = Decoder(Config(lm=None, dict=None, loglevel="FATAL", dither=True, seed=1, **OPTIONS, **(beams or {})))
    # Names of our own: a transcript may hold what pocketsphinx takes for a filler, a comment or a variant.
    names = {word: f"w{number}" for number, word in enumerate(dict.fromkeys(words))}
    for word, name in names.items():
        for variant, phones in enumerate(pronounce(word), start=1):
            decoder.add_word(name if variant == 1 else f"{name}({variant})", phones, False)
    try:
        decoder.set_align_text(" ".join(names[word] for word in words))
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
    except RuntimeError:
        return []
    segments = [(part.word.partition("(")[0], part.start_frame, part.end_frame + 1) for part in decoder.seg() or ()]
    return [(start, end) for name, start, end in segments if name.startswith("w")]
