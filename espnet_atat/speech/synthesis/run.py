"""Say a set of texts with an engine: a data dir, made in several processes and over several runs if need be."""

import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import soundfile

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir, read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.parallel import Record, run_resumable
from espnet_atat.speech.synthesis.base import Engine, EngineUnavailable
from espnet_atat.speech.synthesis.verbalise import as_sentence, verbalise
from espnet_atat.speech.synthesis.waveform import finish
from espnet_atat.speech.workdir import JOURNAL, from_root, open_work, publish

CHUNK = 4  # utterances handed to a process at a time
SHOWN = 10  # dropped utterances printed; all are in the report file
REPORT = "report.json"


@dataclass(frozen=True)
class SynthesisConfig:
    """What is made.

    Args:
        voices: one of these is drawn for each utterance.
        seed: another seed draws others.
        audio_format: ``flac`` or ``wav``, both of 16 bits.
    """

    voices: tuple[str, ...]
    seed: int = 0
    audio_format: str = "flac"

    def voice_of(self, utt: str) -> str:
        """The utterance's voice: it depends on the id, the seed and the set of voices alone."""
        voices = sorted(set(self.voices))
        return voices[int(random_source(utt, self.seed, None, "voice").integers(len(voices)))]


@dataclass
class SynthesisReport:
    """What came of a run."""

    engine: str = ""
    utterances: int = 0
    kept: int = 0
    seconds: float = 0.0
    by_voice: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    made_from: str = ""

    def lines(self) -> list[str]:
        voices = ", ".join(f"{voice} {count}" for voice, count in self.by_voice.items())
        lines = [
            f"{self.engine}: kept {self.kept} of {self.utterances} utterances, {self.seconds:.1f} s; dropped "
            f"{len(self.dropped)}",
            f"voices: {voices}",
        ]
        lines += [f"  dropped {utt}: {why}" for utt, why in list(self.dropped.items())[:SHOWN]]
        if len(self.dropped) > SHOWN:
            lines.append(f"  and {len(self.dropped) - SHOWN} more, in {REPORT}")
        return lines


def load_texts(path: Path) -> DataDir:
    """A file ``id words``, one utterance a line, or a data dir, whose targets are kept; its audio is not.

    Raises:
        UserError: a bad line, no utterance, or one without words.
    """
    data = DataDir.load(path) if path.is_dir() else DataDir(text=read_two_column(path))
    if not data.text:
        raise UserError(f"{path}: no utterance to say")
    for utt, words in data.text.items():
        if not words:
            raise UserError(f"{path}: {utt} has no words; every line is an id, a space and what is said")
    return DataDir(text=data.text, target=data.target)


def plan(data: DataDir, config: SynthesisConfig) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Utterance → (voice, spoken words), and utterance → why it cannot be said."""
    said, dropped = {}, {}
    for utt in data.ids:
        try:
            said[utt] = (config.voice_of(utt), verbalise(data.text[utt]))
        except UserError as error:
            dropped[utt] = str(error)
    return said, dropped


def cost_lines(data: DataDir, engine: Engine, config: SynthesisConfig) -> list[str]:
    """What a run would say and pay, without any request."""
    said, dropped = plan(data, config)
    sentences = {(as_sentence(words), voice) for voice, words in said.values()}
    unpaid = [text for text, voice in sentences if engine.needs_payment(text, voice)]
    voices = Counter(voice for voice, _ in said.values())
    characters, billed = sum(len(text) for text, _ in sentences), sum(map(len, unpaid))
    return [
        f"{engine.name}: {len(said)} utterances to say, {len(dropped)} cannot be said; "
        f"{len(sentences)} different sentences of {characters} characters",
        "voices: " + ", ".join(f"{voice} {count}" for voice, count in sorted(voices.items())),
        f"to be paid: {len(unpaid)} sentences, {billed} characters, "
        f"${billed * engine.dollars_per_million / 1e6:.2f} at ${engine.dollars_per_million:.2f} a million",
    ]


def synthesize_set(
    data: DataDir, output: Path, engine: Engine, config: SynthesisConfig, nj: int = 1, force: bool = False
) -> SynthesisReport:
    """Write a data dir of synthetic speech: ``<voice>-<utt>`` for each utterance that can be said.

    Beside the usual files it has ``spoken``, the words that were said where ``text`` has them as written, and
    ``report.json``. An output that is there and was made from the same is left as it is, unless ``force``.

    Raises:
        UserError: an unknown voice, an engine that cannot be used, or no utterance that can be said.
    """
    check_voices(engine, config.voices)
    said, dropped = plan(data, config)
    made_from = _digest(data, engine, config)
    if not force and (done := _finished(output, made_from)):
        return done
    engine.prepare(sorted(set(config.voices)))
    work = open_work(output, made_from)
    records = run_resumable(
        {utt: list(each) for utt, each in said.items()},
        partial(_say, engine, config, work),
        work / JOURNAL,
        signature=repr((engine, config)),
        label="synthesize",
        nj=nj,
        chunk=CHUNK,
    )
    dropped |= {utt: record["dropped"] for utt, record in records.items() if "dropped" in record}
    kept = {utt: record for utt, record in records.items() if "dropped" not in record}
    if not kept:
        raise UserError(f"{output.name}: no utterance could be said; the first: {next(iter(dropped.items()))}")
    report = SynthesisReport(
        engine=engine.name,
        utterances=len(data),
        kept=len(kept),
        seconds=round(sum(record["seconds"] for record in kept.values()), 3),
        by_voice=dict(sorted(Counter(said[utt][0] for utt in kept).items())),
        dropped=dict(sorted(dropped.items())),
        made_from=made_from,
    )
    _write(data, said, kept, work, output, report)
    publish(work, output)
    return report


def check_voices(engine: Engine, voices: Sequence[str]) -> None:
    """Raises UserError for a voice that the engine does not have, or for none at all."""
    if not voices:
        raise UserError("no voice to speak with: name some by --voices")
    if unknown := sorted(set(voices) - set(engine.voices())):
        raise UserError(f"unknown voice {unknown[0]!r} of {engine.name}; there are {', '.join(engine.voices())}")


def _say(engine: Engine, config: SynthesisConfig, work: Path, utt: str, payload: tuple[str, str]) -> Record:
    """Say one utterance. Record: ``file`` below the data dir and ``seconds``, or ``dropped`` with the reason."""
    voice, words = payload
    try:
        samples = finish(*engine.speak(as_sentence(words), voice))
    except EngineUnavailable:
        raise
    except UserError as error:
        return {"dropped": str(error)}
    file = work / "audio" / voice / f"{voice}-{utt}.{config.audio_format}"
    encoded = io.BytesIO()  # libsndfile waits for the disk at the end of every file that it writes itself
    soundfile.write(encoded, samples, SAMPLE_RATE, format=config.audio_format.upper(), subtype="PCM_16")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(encoded.getvalue())
    os.replace(temporary, file)
    return {"file": str(file.relative_to(work)), "seconds": len(samples) / SAMPLE_RATE}


def _write(
    data: DataDir,
    said: Mapping[str, tuple[str, str]],
    kept: Mapping[str, Record],
    work: Path,
    output: Path,
    report: SynthesisReport,
) -> None:
    """The data dir's files, but for the audio, which is there."""
    new_id = {utt: f"{said[utt][0]}-{utt}" for utt in kept}
    root = from_root(output)
    DataDir(
        text={new: data.text[utt] for utt, new in new_id.items()},
        target=None if data.target is None else {new: data.target[utt] for utt, new in new_id.items()},
        wav={new: f"{root}/{kept[utt]['file']}" for utt, new in new_id.items()},
        utt2spk={new: said[utt][0] for utt, new in new_id.items()},
    ).write_files(work)
    write_two_column(work / "spoken", {new: said[utt][1] for utt, new in new_id.items()})
    with atomic_write(work / REPORT) as handle:
        json.dump(asdict(report), handle, indent=1, ensure_ascii=False)
        handle.write("\n")


def _digest(data: DataDir, engine: Engine, config: SynthesisConfig) -> str:
    """What the output is made from."""
    content = [data.text, data.target, repr((engine, config))]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _finished(output: Path, made_from: str) -> SynthesisReport | None:
    """The report of a complete run from the same, if there is one."""
    try:
        report = SynthesisReport(**json.loads((output / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return report if report.made_from == made_from else None
