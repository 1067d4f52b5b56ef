"""From a corpus's utterances to validated data dirs, with a report of what was kept, what was dropped, and why.

Each corpus module reads its own files into ``Utterance`` records and hands every set to a ``Builder``. Only training
and dev utterances may be dropped. An unreadable test utterance is an error. With ``allow_bad_test`` it stays in the set
and is listed in its file ``unreadable``, so that it counts as wrong.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm

from espnet_atat.atomic import atomic_dir
from espnet_atat.corpora.recordings import AudioError, AudioRules, check, examine, needs_copy, write_copy
from espnet_atat.datadir import TEXT_FORM, UNREADABLE, DataDir, is_test_set, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import OFFICIAL, SPOKEN, Normalisation
from espnet_atat.semantics.tree import TreeError, parse

NAMED = 20  # ids named in a printed report before "and N more"
DROPPED = "dropped"


@dataclass(frozen=True)
class Utterance:
    """One utterance of a corpus.

    Attributes:
        id: begins with the speaker's id, if known.
        text: normalised words; empty for all utterances of an audio-only set.
        target: bracketed tree, or None.
        audio: path or ``wav.scp`` entry, or None in a text-only corpus.
        speaker: id, or None if unknown.
        where: its source, ``file:line``, for messages.
    """

    id: str
    text: str
    target: str | None = None
    audio: str | None = None
    speaker: str | None = None
    where: str = ""


@dataclass(frozen=True)
class BuildOptions:
    """Options of the preparation that all corpora share.

    Attributes:
        audio: requirements on the audio.
        allow_bad_test: keep unreadable test utterances, listed in the file ``unreadable``, rather than stop.
        rules: text normalisation.
        seed: of every random split.
        nj: threads that examine audio.
    """

    audio: AudioRules = field(default_factory=AudioRules)
    allow_bad_test: bool = False
    rules: Normalisation = SPOKEN
    seed: int = 0
    nj: int = 4

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Self:
        """From the options of ``add_build_arguments``; any of them may be missing."""
        default = AudioRules()
        names = ("sample_rate", "resample", "mixdown", "allow_pipes", "min_duration", "max_duration")
        audio = AudioRules(**{name: options.get(name, getattr(default, name)) for name in names})
        return cls(
            audio=audio,
            allow_bad_test=options.get("allow_bad_test", False),
            rules=OFFICIAL if options.get("text_form") == "official" else SPOKEN,
            seed=options.get("seed", 0),
            nj=options.get("nj", min(4, os.cpu_count() or 1)),
        )


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that all corpora share."""
    rules = AudioRules()
    add = parser.add_argument
    add("--sample_rate", type=int, default=rules.sample_rate, help="Hz (default: %(default)s)")
    add("--resample", action="store_true", help="write copies of audio at another rate, rather than refuse it")
    add("--mixdown", action="store_true", help="write copies of audio with several channels, rather than refuse it")
    add("--min_duration", type=float, default=rules.min_duration, help="seconds (default: %(default)s)")
    add("--max_duration", type=float, default=rules.max_duration, help="seconds (default: %(default)s)")
    add("--allow_bad_test", action="store_true", help="keep unreadable test utterances, which then count as wrong")
    add(
        "--text_form",
        choices=("spoken", "official"),
        default="spoken",
        help="words normalised as spoken, or as the corpus writes them (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="of the splits that are drawn (default: %(default)s)")
    add(
        "--check",
        choices=("full", "header", "none"),
        default="header",
        help="how the audio of the sets written is looked at once more, with all their files (default: %(default)s)",
    )
    add("--replace", action="store_true", help="remove sets of the last call that this one does not make")
    add("--nj", type=int, default=min(4, os.cpu_count() or 1), help="threads that examine audio (default: %(default)s)")


@dataclass
class SetReport:
    """Counts of one set: ``dropped`` and ``unreadable`` are id → reason; ``seconds`` of audio were kept."""

    name: str
    read: int
    kept: int = 0
    seconds: float = 0.0
    speakers: int = 0
    dropped: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        audio = f", {self.seconds / 3600:.2f} h, {self.speakers} speakers" if self.seconds else ""
        lines = [f"  {self.name}: {self.read} read, {self.kept} kept, {len(self.dropped)} dropped{audio}"]
        for what, reasons in (("dropped", self.dropped), ("unreadable, counts as wrong", self.unreadable)):
            lines += [f"    {what}: {key}: {why}" for key, why in list(reasons.items())[:NAMED]]
            if len(reasons) > NAMED:
                lines.append(f"    … and {len(reasons) - NAMED} more, all named in {self.name}/{what.split(',')[0]}")
        return "\n".join(lines)


@dataclass
class Report:
    """Report of a preparation; ``str`` gives the text that the command prints."""

    corpus: str
    source: str
    data_dir: str
    notes: list[str] = field(default_factory=list)
    sets: list[SetReport] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.corpus}: read {self.source}"]
        lines += [f"  {note}" for note in self.notes]
        lines.append(f"{self.corpus}: wrote {len(self.sets)} sets below {self.data_dir}")
        return "\n".join(lines + [str(one) for one in self.sets])


class Builder:
    """Writes the sets of one corpus below a folder; checks each audio file once, even if several sets use it."""

    def __init__(
        self, corpus: str, source: Path, data_dir: Path, options: BuildOptions, *, text_form: str | None = None
    ) -> None:
        self.data_dir = data_dir
        self.options = options
        # Written to every set if a corpus has two usual forms or this is an unusual one; scores then name it too.
        self.text_form = text_form or ("official" if options.rules is OFFICIAL else None)
        self.report = Report(corpus, str(source), str(data_dir))
        self._audio: dict[str, tuple[str, float] | AudioError] = {}  # entry → (path, seconds) or the problem

    def note(self, text: str) -> None:
        """Add a line to the report."""
        self.report.notes.append(text)

    def write(self, name: str, utterances: Sequence[Utterance], *, is_test: bool | None = None) -> DataDir:
        """Check the utterances of one set and write it as ``<data_dir>/<name>``.

        Raises:
            UserError: a duplicate id; audio that an option would accept; a bad utterance in a test set; an empty set.
        """
        is_test = is_test_set(name) if is_test is None else is_test
        _check_unique(name, utterances)
        self._examine(name, utterances)
        audio_only = all(u.audio and not u.text and u.target is None for u in utterances)
        report = SetReport(name, read=len(utterances))
        kept: list[Utterance] = []
        for utterance in utterances:
            in_text = None if audio_only else _text_problem(utterance)
            problem = in_text or self._audio_problem(utterance)
            if problem is None:
                kept.append(utterance)
            elif not is_test:
                report.dropped[utterance.id] = problem
            elif self.options.allow_bad_test and in_text is None:
                kept.append(utterance)
                report.unreadable[utterance.id] = problem
            else:
                raise UserError(_refusal(name, utterance, problem, in_text is None))
        if not kept:
            example = next(iter(report.dropped.values()), "the corpus has none")
            raise UserError(f"{name}: no utterance is left of {len(utterances)}; the first: {example}")
        data = self._data(kept)
        self._write_files(data, report)
        report.kept = len(kept)
        report.speakers = len(data.spk2utt)
        found = (self._audio[utterance.audio] for utterance in kept if utterance.audio is not None)
        report.seconds = sum(value[1] for value in found if isinstance(value, tuple))
        self.report.sets.append(report)
        return data

    def _audio_problem(self, utterance: Utterance) -> str | None:
        found = self._audio.get(utterance.audio) if utterance.audio is not None else None
        return f"{found.kind}: {found}" if isinstance(found, AudioError) else None

    def _examine(self, name: str, utterances: Sequence[Utterance]) -> None:
        """Fill the cache for every audio entry of the set; stop at a problem that an option would solve."""
        new = {u.audio: u.id for u in utterances if u.audio is not None and u.audio not in self._audio}
        if not new:
            return
        with ThreadPoolExecutor(max_workers=max(1, self.options.nj)) as pool:
            results = pool.map(partial(self._resolve, name), new.keys(), new.values())
            for entry, result in zip(
                new, tqdm(results, total=len(new), desc=f"{name}: audio", disable=None, leave=False), strict=True
            ):
                self._audio[entry] = result
        mendable = [(entry, self._audio[entry]) for entry in new]
        errors = [error for _, error in mendable if isinstance(error, AudioError) and error.configurable]
        if errors:
            more = f" ({len(errors)} such files of {len(new)} in {name})" if len(errors) > 1 else ""
            raise UserError(f"{errors[0]}{more}")

    def _resolve(self, name: str, entry: str, utterance_id: str) -> tuple[str, float] | AudioError:
        """Path of audio that meets the rules, if necessary a copy, and its duration in seconds.

        Copies go to a folder of the set, because ids are unique only within a set.
        """
        rules = self.options.audio
        try:
            info = examine(entry, allow_pipes=rules.allow_pipes)
            check(entry, info, rules)
            if not needs_copy(entry, info, rules):
                return entry, info.duration
            copy = self.data_dir / "audio" / name / f"{utterance_id}.wav"
            write_copy(entry, copy, rules)
            return str(copy), info.duration
        except AudioError as error:
            return error

    def _data(self, kept: Sequence[Utterance]) -> DataDir:
        """The columns that every utterance of the set has."""

        def wav(utterance: Utterance) -> str:
            assert utterance.audio is not None, "checked by _uniform"
            found = self._audio[utterance.audio]
            return found[0] if isinstance(found, tuple) else utterance.audio

        targets = {u.id: u.target for u in kept if u.target is not None}
        speakers = {u.id: u.speaker for u in kept if u.speaker is not None}
        _uniform("target", targets, kept)
        _uniform("speaker", speakers, kept)
        has_audio = _uniform("audio", [u.id for u in kept if u.audio is not None], kept)
        return DataDir(
            text={u.id: u.text for u in kept},
            target=targets or None,
            wav={u.id: wav(u) for u in kept} if has_audio else None,
            utt2spk=speakers or None,
        )

    def _write_files(self, data: DataDir, report: SetReport) -> None:
        data.check(report.name)
        with atomic_dir(self.data_dir / report.name) as folder:
            data.write_files(folder)
            if self.text_form is not None:
                (folder / TEXT_FORM).write_text(f"{self.text_form}\n", encoding="utf-8")
            for file, reasons in ((DROPPED, report.dropped), (UNREADABLE, report.unreadable)):
                if reasons:
                    write_two_column(folder / file, {key: " ".join(why.split()) for key, why in reasons.items()})


def _uniform(what: str, having: Iterable[str], utterances: Sequence[Utterance]) -> bool:
    """Check that either all utterances of a set have an item or none has it."""
    ids = set(having)
    lacking = [utterance for utterance in utterances if utterance.id not in ids]
    if ids and lacking:
        first = lacking[0]
        counts = f"{len(lacking)} of {len(utterances)} utterances of the set have none"
        raise UserError(f"{first.where or first.id}: no {what}, while {counts}; put them into a set of their own")
    return bool(ids)


def _check_unique(name: str, utterances: Sequence[Utterance]) -> None:
    seen: dict[str, Utterance] = {}
    for utterance in utterances:
        if utterance.id in seen:
            places = f"{seen[utterance.id].where} and {utterance.where}"
            raise UserError(f"{name}: id {utterance.id!r} stands twice: {places}")
        seen[utterance.id] = utterance


def _text_problem(utterance: Utterance) -> str | None:
    """The problem with text and target, or None."""
    if not utterance.text:
        return "empty transcript"
    if utterance.target is not None:
        try:
            words = " ".join(parse(utterance.target).words())
        except TreeError as error:
            return f"bad tree: {error}"
        if words != utterance.text:
            return f"the tree's words are {words!r}, the text {utterance.text!r}"
    return None


def _refusal(name: str, utterance: Utterance, problem: str, is_audio: bool) -> str:
    where = f" ({utterance.where})" if utterance.where else ""
    advice = "a test set is never shrunk: mend it"
    if is_audio:
        advice += ", or keep it as wrong with --allow_bad_test"
    return f"{name}: {utterance.id}{where}: {problem}; {advice}"
