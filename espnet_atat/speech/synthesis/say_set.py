"""Synthesise a set of texts with an engine as a data dir, in several processes; an interrupted run continues."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.datadir import TEXT_FORM, DataDir, read_two_column, write_two_column
from espnet_atat.errors import Unavailable, UserError
from espnet_atat.graph.pool import Record
from espnet_atat.speech.audio import SAMPLE_RATE, write_audio
from espnet_atat.speech.copies import Copy, make_copies
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.report import REPORT, Report, reasons
from espnet_atat.speech.synthesis.engines import ENGINES, Engine
from espnet_atat.speech.synthesis.subset import choose_sentences
from espnet_atat.speech.synthesis.verbalise import as_sentence, verbalise
from espnet_atat.speech.synthesis.waveform import finish

#: Of what engines are given to say; part of a set's identity, so that sets of an older form are said again.
FORM = 1
SECONDS_PER_CHARACTER = 0.064  # of speech; all three engines, commands of mini's
SECONDS_PER_LETTER = 0.3  # besides, of one that is spelt; Kokoro
SPELT = re.compile(r"(?<![\w'])(?![aiAI]\b)[a-zA-Z](?![\w'])")


@dataclass(frozen=True)
class SynthesisConfig:
    voices: tuple[str, ...]  # one of these is drawn for each utterance
    seed: int = 0
    audio_format: str = "flac"  # or "wav", both of 16 bits

    def voice_of(self, utt: str) -> str:
        """It depends only on the id, the seed and the set of voices."""
        voices = sorted(set(self.voices))
        return voices[int(random_source(utt, self.seed, None, "voice").integers(len(voices)))]


def make_engine(
    name: str,
    *,
    model_dir: Path | None = None,
    polly_engine: str = "neural",
    polly_region: str | None = None,
    polly_price: float | None = None,
    cache_dir: Path | None = None,
) -> Engine:
    """An engine, with the options of ``bin.synthesize``."""
    if name == "kokoro":
        from espnet_atat.speech.synthesis.kokoro import KokoroEngine

        return KokoroEngine(model_dir) if model_dir else KokoroEngine()
    if name == "pico":
        from espnet_atat.speech.synthesis.pico import Pico

        return Pico()
    if name == "flite":
        from espnet_atat.speech.synthesis.flite import Flite

        return Flite()
    if name == "polly":
        from espnet_atat.speech.synthesis.polly import Polly, default_cache

        return Polly(polly_engine, polly_region, cache_dir or default_cache(), polly_price)
    raise UserError(f"no engine {name!r}; there are {', '.join(ENGINES)}")


def load_texts(path: Path) -> DataDir:
    """A file ``id words``, one utterance per line, or a data dir, whose targets are kept; its audio is not."""
    data = DataDir.load(path) if path.is_dir() else DataDir(text=read_two_column(path))
    if not data.text:
        raise UserError(f"{path}: no utterance to say")
    for utt, words in data.text.items():
        if not words:
            raise UserError(f"{path}: {utt} has no words; every line is an id, a space and what is said")
    return DataDir(text=data.text, target=data.target)


def plan_utterances(data: DataDir, config: SynthesisConfig) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Utterance → (voice, spoken words), and utterance → why it cannot be said."""
    said, dropped = {}, {}
    for utt in data.ids:
        try:
            said[utt] = (config.voice_of(utt), verbalise(data.text[utt]))
        except UserError as error:
            dropped[utt] = str(error)
    return said, dropped


def expected_seconds(said: Mapping[str, tuple[str, str]], engine: Engine, nj: int) -> float | None:
    """How long an engine takes on idle cores, for what :func:`plan_utterances` gives; None where it works elsewhere."""
    if engine.cpu_per_second is None:
        return None
    texts = [words for _, words in said.values()]
    spelt = sum(len(SPELT.findall(words)) for words in texts)
    spoken = SECONDS_PER_CHARACTER * sum(map(len, texts)) + SECONDS_PER_LETTER * spelt
    return engine.cpu_per_second * spoken / min(nj, os.cpu_count() or 1)


def in_words(seconds: float) -> str:
    """``40 s``, ``3 min``."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def cost_lines(data: DataDir, engine: Engine, config: SynthesisConfig, nj: int = 1) -> list[str]:
    """What a run would say and pay, and how long it would take, without any request."""
    said, dropped = plan_utterances(data, config)
    sentences = {(as_sentence(words), voice) for voice, words in said.values()}
    unpaid = [text for text, voice in sentences if engine.needs_payment(text, voice)]
    voices = Counter(voice for voice, _ in said.values())
    characters, billed = sum(len(text) for text, _ in sentences), sum(map(len, unpaid))
    return [
        f"{engine.name}: {len(said)} utterances to say, {len(dropped)} cannot be said; "
        f"{len(sentences)} different sentences of {characters} characters",
        _voices_line(voices),
        f"to be paid: {len(unpaid)} sentences, {billed} characters, "
        f"${billed * engine.dollars_per_million / 1e6:.2f} at ${engine.dollars_per_million:.2f} per million",
        *([] if (seconds := expected_seconds(said, engine, nj)) is None else [f"time: about {in_words(seconds)}"]),
    ]


def synthesize_set(
    data: DataDir, work: Path, output: Path, engine: Engine, config: SynthesisConfig, nj: int = 1
) -> Report:
    """Write a data dir of synthetic speech: ``<voice>-<utt>`` for each utterance that can be said.

    Beside the usual files it has ``report.json`` and ``spoken``: ``text`` as it was said, with numbers in words.
    """
    check_voices(engine, config.voices)
    said, dropped = plan_utterances(data, config)
    engine.prepare(sorted(set(config.voices)))
    copies = {f"{voice}-{utt}": Copy(utt, voice, [voice, words]) for utt, (voice, words) in said.items()}
    records = make_copies(data, copies, _say, work, output, (engine, config), label="synthesize", nj=nj, chunk=4)
    dropped |= {copies[new].origin: record["dropped"] for new, record in records.items() if "dropped" in record}
    kept = {new: record for new, record in records.items() if "dropped" not in record}
    if not kept:
        raise UserError(f"{output.name}: no utterance could be said; the first: {next(iter(dropped.items()))}")
    write_two_column(work / "spoken", {new: copies[new].how[1] for new in kept})
    voices, dropped = Counter(copies[new].how[0] for new in kept), dict(sorted(dropped.items()))
    counts = {
        "engine": engine.name,
        "utterances": len(data),
        "kept": len(kept),
        "seconds": round(sum(record["seconds"] for record in kept.values()), 3),
        "by_voice": dict(sorted(voices.items())),
        "dropped": dropped,
    }
    amount = f"kept {len(kept)} of {len(data)} utterances, {counts['seconds']:.1f} s"
    line = f"{output.name}, {engine.name}: {amount}; dropped {len(dropped)}"
    return Report(counts, [line, _voices_line(voices), *reasons("dropped", dropped)]).write(work / REPORT)


def _voices_line(voices: Mapping[str, int]) -> str:
    return "voices: " + ", ".join(f"{voice} {count}" for voice, count in sorted(voices.items()))


def say_set(
    texts: Path,
    work: Path,
    output: Path,
    engine: Engine,
    config: SynthesisConfig,
    nj: int = 1,
    sentences: int | None = None,
) -> Report:
    """:func:`synthesize_set` of a file of texts or a data dir, whose form of text is that of its speech too.

    ``sentences``: so many of them, chosen to hold all words, slot values and phrasings (:mod:`.subset`).
    """
    data, chosen = load_texts(texts), []
    if sentences is not None:
        data, line = choose_sentences(data, sentences)
        chosen = [line]
    report = synthesize_set(data, work, output, engine, config, nj)
    report = Report(report.counts, [*chosen, *report.lines])
    if (texts / TEXT_FORM).is_file():
        shutil.copyfile(texts / TEXT_FORM, work / TEXT_FORM)
    return report


def check_voices(engine: Engine, voices: Sequence[str]) -> None:
    if not voices:
        raise UserError("no voice to speak with: name some by --voices")
    if unknown := sorted(set(voices) - set(engine.voices())):
        raise UserError(f"unknown voice {unknown[0]!r} of {engine.name}; there are {', '.join(engine.voices())}")


def _say(
    options: tuple[Engine, SynthesisConfig], work: Path, _new: str, payload: tuple[str, int, str, tuple[str, str]]
) -> Record:
    """Say one utterance. Record: ``file`` and ``seconds``, or ``dropped``."""
    engine, config = options
    _, _, stem, (voice, words) = payload
    try:
        samples = finish(*engine.speak(as_sentence(words), voice))
    except Unavailable:
        raise
    except UserError as error:
        return {"dropped": str(error)}
    file = f"{stem}.{config.audio_format}"
    write_audio(work / file, samples, SAMPLE_RATE, config.audio_format, "PCM_16")
    return {"file": file, "seconds": len(samples) / SAMPLE_RATE}
