"""From a corpus's utterances to validated data dirs, with a report of what was kept, what was dropped, and why.

Each corpus module reads its own files into ``Utterance`` records and hands every set to a ``Builder``. Only training
and dev utterances may be dropped. An unreadable test utterance is an error. With ``allow_bad_test`` it stays in the set
and is listed in its file ``unreadable``, so that it counts as wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.arguments import option
from espnet_atat.atomic import atomic_dir, atomic_write
from espnet_atat.corpora.recordings import AudioRules, examine, in_threads, write_copy
from espnet_atat.corpora.validation import tree_problem
from espnet_atat.datadir import (
    FIELDS,
    PREPARED,
    SEGMENTS,
    SPLIT,
    TEXT_FORM,
    UNREADABLE,
    DataDir,
    check_name,
    check_text,
    is_test_set,
    prepared_sets,
    write_two_column,
)
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import OFFICIAL, SPOKEN, Normalisation
from espnet_atat.speech.audio import AudioError, is_pipe

#: Files of a prepared set.
WRITTEN = {*FIELDS, SEGMENTS, "spk2utt", SPLIT, TEXT_FORM, UNREADABLE, "dropped"}
COPIES = "audio"  # beside the sets: recordings at another rate than the corpus's
CUT_OFF = 0.5  # seconds; codecs pad and trim, so that audio may be a little shorter than the corpus has it
NAMED = 20  # ids named in a printed report before "and N more"


@dataclass(frozen=True)
class Utterance:
    id: str  # begins with the speaker's id, if known
    text: str  # normalised words; empty for all utterances of an audio-only set
    target: str | None = None  # bracketed tree
    audio: str | None = None  # path, clip (``datadir.Clip``) or ``wav.scp`` entry; None in a text-only corpus
    speaker: str | None = None
    where: str = ""  # its source, ``file:line``, for messages
    seconds: float | None = None  # of audio, as the corpus has it; shorter audio was cut off


@dataclass(frozen=True)
class BuildOptions(AudioRules):
    """Options of the preparation that all corpora share."""

    allow_bad_test: bool = option(False, "keep unreadable test utterances, which then count as wrong")
    text_form: str = option(
        "spoken", "words normalised as spoken, or as the corpus writes them", choices=("spoken", "official")
    )
    seed: int = option(0, "of the splits that are drawn")

    @property
    def rules(self) -> Normalisation:
        return OFFICIAL if self.text_form == "official" else SPOKEN


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
class PreparationReport:
    """Report of a preparation; ``str`` gives the text that the command prints."""

    corpus: str
    source: Path
    data_dir: Path
    options: BuildOptions
    notes: list[str] = field(default_factory=list)
    sets: list[SetReport] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.corpus}: read {self.source}", *(f"  {note}" for note in self.notes)]
        lines.append(f"{self.corpus}: wrote {len(self.sets)} sets below {self.data_dir}")
        return "\n".join([*lines, *map(str, self.sets)])


class Builder:
    """Writes the sets of one corpus below a folder; checks each audio file once, even if several sets use it."""

    def __init__(
        self, corpus: str, source: Path, data_dir: Path, *, has_two_forms: bool = False, **options: Any
    ) -> None:
        """``options``: of ``BuildOptions``; ``has_two_forms``: scores must name the form of the corpus's text."""
        self.data_dir = data_dir
        self.options = BuildOptions(**options)
        self.text_form = self.options.text_form if has_two_forms or self.options.rules is OFFICIAL else None
        self.report = PreparationReport(corpus, source, data_dir, self.options)
        self._audio: dict[str, tuple[str, float] | AudioError] = {}  # entry → (path, seconds) or the problem

    def note(self, text: str) -> None:
        self.report.notes.append(text)

    def write(self, name: str, utterances: Sequence[Utterance], split: str | None = None) -> DataDir:
        """Check the utterances of one set and write it as ``<data_dir>/<name>``.

        ``split``: of a corpus that is split in several ways, how this set came about; tables say it of test sets.
        """
        if name in (PREPARED, COPIES):
            raise UserError(
                f"no set may be called {name!r}: DATA_DIR/{name} holds something else; give it another name"
            )
        places: dict[str, str] = {}
        for utterance in utterances:
            if utterance.id in places:
                both = f"{places[utterance.id]} and {utterance.where}"
                raise UserError(f"{name}: id {utterance.id!r} occurs twice: {both}")
            places[utterance.id] = utterance.where
            check_name(utterance.id, utterance.where or name)
            for value in (utterance.text, utterance.target, utterance.audio):
                check_text(value or "", utterance.where or f"{name}: {utterance.id}")
        self._examine(name, utterances)
        audio_only = all(u.audio and not u.text and u.target is None for u in utterances)
        report = SetReport(name, read=len(utterances))
        kept: list[Utterance] = []
        for utterance in utterances:
            in_text = None if audio_only or utterance.text else "empty transcript"
            if utterance.text and utterance.target is not None:
                in_text = tree_problem(utterance.target, utterance.text)
            found = self._audio[utterance.audio] if utterance.audio is not None else None
            if isinstance(found, tuple) and found[1] < (utterance.seconds or 0.0) - CUT_OFF:
                found = AudioError("truncated audio", f"{found[1]:.1f} s of {utterance.seconds:.1f} s, by the corpus")
            problem = in_text or (f"{found.kind}: {found}" if isinstance(found, AudioError) else None)
            if problem is None:
                kept.append(utterance)
            elif not is_test_set(name):
                report.dropped[utterance.id] = problem
            elif self.options.allow_bad_test and in_text is None:
                kept.append(utterance)
                report.unreadable[utterance.id] = problem
            else:
                where = f" ({utterance.where})" if utterance.where else ""
                advice = "fix it" if in_text else "fix it, or keep it as wrong with --allow_bad_test"
                raise UserError(f"{name}: {utterance.id}{where}: {problem}; a test set is never shrunk: {advice}")
            if isinstance(found, tuple) and problem is None:
                report.seconds += found[1]
        if not kept:
            example = next(iter(report.dropped.values()), "the corpus has none")
            raise UserError(f"{name}: no utterance is left of {len(utterances)}; the first: {example}")
        data = self._data(kept)
        self._claim(name)
        with atomic_dir(self.data_dir / name) as folder:
            data.write_files(folder)
            if self.text_form is not None:
                (folder / TEXT_FORM).write_text(f"{self.text_form}\n", encoding="utf-8")
            if split is not None:
                (folder / SPLIT).write_text(f"{split}\n", encoding="utf-8")
            for file, reasons in (("dropped", report.dropped), (UNREADABLE, report.unreadable)):
                if reasons:
                    write_two_column(folder / file, {key: " ".join(why.split()) for key, why in reasons.items()})
        report.kept, report.speakers = len(kept), len(data.spk2utt)
        self.report.sets.append(report)
        return data

    def _claim(self, name: str) -> None:
        """List the set in ``prepared``; a folder that is not listed, or holds more, is somebody's own."""
        folder, listed = self.data_dir / name, prepared_sets(self.data_dir)
        found = sorted(path.name for path in folder.glob("*"))
        if foreign := [each for each in found if name not in listed or each not in WRITTEN]:
            raise UserError(f"{folder} holds {foreign[0]}, which no preparation wrote; move or delete the folder first")
        if name not in listed:
            with atomic_write(self.data_dir / PREPARED) as handle:
                handle.writelines(f"{each}\n" for each in sorted({*listed, name}))

    def _examine(self, name: str, utterances: Sequence[Utterance]) -> None:
        """Fill the cache for every audio entry of the set; stop at a problem that an option would solve."""
        new = {u.audio: u.id for u in utterances if u.audio is not None and u.audio not in self._audio}
        found = in_threads(partial(self._resolve, name), list(new.items()), self.options.nj, f"{name}: audio")
        self._audio.update(zip(new, found, strict=True))
        errors = [error for error in found if isinstance(error, AudioError) and error.configurable]
        if errors:
            more = f" ({len(errors)} such files of {len(new)} in {name})" if len(errors) > 1 else ""
            raise UserError(f"{errors[0]}{more}")

    def _resolve(self, name: str, audio: tuple[str, str]) -> tuple[str, float]:
        """Path of audio that meets the rules, if necessary a copy, and its duration in seconds."""
        entry, utterance_id = audio
        info = examine(entry, self.options)
        path = entry
        if is_pipe(entry) or info.rate != self.options.sample_rate or info.channels != 1:
            path = str(self.data_dir / COPIES / name / f"{utterance_id}.wav")  # ids are unique only within a set
            write_copy(entry, Path(path), self.options)
        return path, info.samples / info.rate

    def _data(self, kept: Sequence[Utterance]) -> DataDir:
        """The columns of the set; each has every utterance or none."""

        def path(entry: str) -> str:
            found = self._audio[entry]
            return found[0] if isinstance(found, tuple) else entry

        columns = {
            "target": {u.id: u.target for u in kept if u.target is not None},
            "speaker": {u.id: u.speaker for u in kept if u.speaker is not None},
            "audio": {u.id: path(u.audio) for u in kept if u.audio is not None},
        }
        for what, column in columns.items():
            lacking = [utterance for utterance in kept if utterance.id not in column]
            if column and lacking:
                where, counts = lacking[0].where or lacking[0].id, f"{len(lacking)} of {len(kept)} utterances"
                raise UserError(f"{where}: no {what}, as {counts} of the set; put them into a set of their own")
        return DataDir(
            text={u.id: u.text for u in kept},
            target=columns["target"] or None,
            wav=columns["audio"] or None,
            utt2spk=columns["speaker"] or None,
        )
