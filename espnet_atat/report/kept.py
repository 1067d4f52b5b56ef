"""Results that outlive the runs they came from: ``egs2/atat/<recipe>/results/<table>.jsonl.xz``.

An archive belongs to one table and holds a JSON record a line:

    {"kind": "archive", "form": 1}                                      the first line
    {"kind": "table", "table": {...}}                                   the table's JSON (``recipe.table``)
    {"kind": "reference", "digest": "...", "text": "..."}               a file ``ref``, once for all sets that share it
    {"kind": "training", "place": "music/seed1", "training": {...}, "learning": {...} or null}
    {"kind": "hypotheses", "place": "music/seed1/decode/music_test", "made_from": "...", "ref": its digest,
     "hyp": "...", "metrics": "..."}                                    the files ``hyp`` and ``metrics.json``, verbatim

A *place* is a path below ``exp/<recipe>``: system, seed (and fold), inference configuration, set. It is kept once, in
the archive of the table that its writer names. Records are sorted, so the same results give the same bytes.
"""

import fcntl
import hashlib
import json
import lzma
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_dir, atomic_write
from espnet_atat.errors import UserError

FORM = 1
SUFFIX = ".jsonl.xz"
#: What ``restore`` writes beside ``ref``, ``hyp`` and ``metrics.json``: what the hypotheses were made from.
STAMP = "decoded"
TRAINING = "training.json"
LEARNING = "learning.json"
#: Bytes that an archive may unpack to, and that unpacking it may use.
LARGEST = 1 << 29
MEMORY = 1 << 27
PRESET = 6 | lzma.PRESET_EXTREME


@dataclass(frozen=True)
class KeptSet:
    """One set as one model decoded it.

    Attributes:
        made_from: fingerprint of model, configuration and data.
        ref, hyp, metrics: the text of the files.
    """

    made_from: str
    ref: str
    hyp: str
    metrics: str


@dataclass(frozen=True)
class KeptTraining:
    """How a system was trained.

    Attributes:
        training: its amounts and runs, as ``training.json`` has them.
        learning: run → learning curves; None where nobody recorded any.
    """

    training: Mapping[str, Any]
    learning: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Archive:
    """What one file holds: the table, trainings and sets by place."""

    table: Mapping[str, Any] | None = None
    trainings: Mapping[str, KeptTraining] = field(default_factory=dict)
    sets: Mapping[str, KeptSet] = field(default_factory=dict)

    @property
    def places(self) -> set[str]:
        return {*self.trainings, *self.sets}

    def updated(self, new: "_Archive") -> "_Archive":
        table = self.table if new.table is None else new.table
        return _Archive(table, {**self.trainings, **new.trainings}, {**self.sets, **new.sets})

    def without(self, places: Collection[str]) -> "_Archive":
        trainings = {place: kept for place, kept in self.trainings.items() if place not in places}
        return _Archive(self.table, trainings, {p: kept for p, kept in self.sets.items() if p not in places})


class KeptResults:
    """A recipe's kept results. Reading sees what is on disk; ``put…`` is on disk after :meth:`save`."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: ``egs2/atat/<recipe>/results``; need not exist.
        """
        self.folder = folder
        self._new: dict[str, _Archive] = {}

    def places(self) -> list[str]:
        """Of all sets."""
        return sorted(place for archive in self._archives().values() for place in archive.sets)

    def tables(self) -> list[str]:
        """Names of the tables that are kept."""
        return sorted(name for name, archive in self._archives().items() if archive.table is not None)

    def made_from(self, place: str) -> str | None:
        """Fingerprint of a set's model, configuration and data; None: not kept."""
        kept = self.set_at(place)
        return None if kept is None else kept.made_from

    def set_at(self, place: str) -> KeptSet | None:
        """A set's files."""
        return next((found for each in self._archives().values() if (found := each.sets.get(place))), None)

    def training_at(self, place: str) -> KeptTraining | None:
        """How the system of ``<system>/<seed and fold>`` was trained."""
        return next((found for each in self._archives().values() if (found := each.trainings.get(place))), None)

    def kept_table(self, name: str) -> dict[str, Any] | None:
        """A table's JSON."""
        path = self._file(name)
        table = _read(path).table if path.is_file() else None
        return None if table is None else dict(table)

    def restore(self, place: str, folder: Path) -> None:
        """Write a set's ``ref``, ``hyp``, ``metrics.json`` and stamp as ``folder``, and its training two folders above.

        Raises:
            UserError: it is not kept.
        """
        kept = self.set_at(place)
        if kept is None:
            raise UserError(f"{self.folder}: keeps no results of {place}")
        with atomic_dir(folder) as work:
            files = {"ref": kept.ref, "hyp": kept.hyp, "metrics.json": kept.metrics, STAMP: f"{kept.made_from}\n"}
            for name, text in files.items():
                (work / name).write_bytes(text.encode())
        self.restore_training("/".join(place.split("/")[:2]), folder.parents[1])

    def restore_training(self, place: str, folder: Path) -> None:
        """Write ``training.json`` and ``learning.json`` into a folder, as far as they are kept."""
        kept = self.training_at(place)
        if kept is None:
            return
        with atomic_write(folder / TRAINING) as handle:
            handle.write(json.dumps(kept.training, indent=1, ensure_ascii=False) + "\n")
        (folder / LEARNING).unlink(missing_ok=True)
        if kept.learning is not None:
            with atomic_write(folder / LEARNING) as handle:
                handle.write(json.dumps(kept.learning, separators=(",", ":")) + "\n")

    def put(self, place: str, made_from: str, folder: Path, *, table: str) -> None:
        """Keep the ``ref``, ``hyp`` and ``metrics.json`` of a folder.

        Args:
            table: that the archive belongs to; another archive that had the place loses it.
        """
        _check_place(place, 4)
        texts = [(folder / name).read_bytes().decode() for name in ("ref", "hyp", "metrics.json")]
        self._put(table, _Archive(sets={place: KeptSet(made_from, *texts)}))

    def put_training(
        self, place: str, training: Mapping[str, Any], learning: Mapping[str, Any] | None, *, table: str
    ) -> None:
        """Keep how the system of ``<system>/<seed and fold>`` was trained."""
        _check_place(place, 2)
        self._put(table, _Archive(trainings={place: KeptTraining(training, learning or None)}))

    def put_table(self, name: str, content: Mapping[str, Any]) -> Path:
        """Keep a table's JSON; returns its archive."""
        self._put(name, _Archive(table=content))
        return self._file(name)

    def save(self) -> None:
        """Write what was put, into the archives as they are by now: others may have kept results meanwhile."""
        if not self._new:
            return
        with _locked(self.folder):
            before = self._archives()
            after = dict(before)
            for name, new in self._new.items():
                after = {other: archive.without(new.places) for other, archive in after.items()}
                after[name] = after.get(name, _Archive()).updated(new)
            for name, archive in after.items():
                if archive == _Archive():
                    self._file(name).unlink()
                elif archive != before.get(name):
                    _write(self._file(name), archive)
        self._new.clear()

    def _put(self, table: str, new: _Archive) -> None:
        if not table or "/" in table or table.startswith("."):
            raise ValueError(f"{table!r} is no name of a table")
        self._new[table] = self._new.get(table, _Archive()).updated(new)

    def _archives(self) -> dict[str, _Archive]:
        return {path.name.removesuffix(SUFFIX): _read(path) for path in sorted(self.folder.glob(f"[!.]*{SUFFIX}"))}

    def _file(self, table: str) -> Path:
        return self.folder / f"{table}{SUFFIX}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder's archives."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> _Archive:
    state = path.stat()
    return _read_version(path.absolute(), (state.st_ino, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=64)
def _read_version(path: Path, _version: tuple[int, int, int]) -> _Archive:
    """Read an archive; once for each version of the file.

    Raises:
        UserError: it is damaged, too large, or has a line that is no record of this form.
    """
    table: Mapping[str, Any] | None = None
    references: dict[str, str] = {}
    trainings: dict[str, KeptTraining] = {}
    sets: dict[str, KeptSet] = {}
    number = 0
    for number, line in enumerate(_unpack(path).splitlines(), 1):
        try:
            match number, json.loads(line):
                case 1, {"kind": "archive", "form": form}:
                    if form != FORM:
                        raise ValueError(f"kept results of form {form}, and this version reads form {FORM}")
                case 1, _:
                    raise ValueError("no archive of kept results")
                case _, {"kind": "table", "table": dict(content)} if table is None:
                    table = content
                case _, {"kind": "reference", "digest": str(digest), "text": str(text)} if digest == _digest(text):
                    references[digest] = text
                case _, {"kind": "training", "place": str(place), "training": dict(training), "learning": learning} if (
                    place not in trainings and isinstance(learning, dict | None)
                ):
                    _check_place(place, 2)
                    trainings[place] = KeptTraining(training, learning)
                case _, {
                    "kind": "hypotheses",
                    "place": str(place),
                    "made_from": str(made_from),
                    "ref": str(ref),
                    "hyp": str(hyp),
                    "metrics": str(metrics),
                } if ref in references and place not in sets:
                    _check_place(place, 4)
                    sets[place] = KeptSet(made_from, references[ref], hyp, metrics)
                case _:
                    raise ValueError("a line that is no record, or one for the second time")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}:{number}: {error}; take the file from its repository again") from error
    if not number:
        raise UserError(f"{path}: holds nothing; take the file from its repository again")
    return _Archive(table, trainings, sets)


def _unpack(path: Path) -> bytes:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    try:
        content = decompressor.decompress(path.read_bytes(), LARGEST)
    except lzma.LZMAError as error:
        raise UserError(f"{path}: damaged ({error}); take the file from its repository again") from error
    if not decompressor.eof or decompressor.unused_data:
        what = f"unpacks to more than {LARGEST} bytes" if len(content) == LARGEST else "cut short, or too long"
        raise UserError(f"{path}: {what}; take the file from its repository again")
    return content


def _write(path: Path, archive: _Archive) -> None:
    references = {_digest(kept.ref): kept.ref for kept in archive.sets.values()}
    records: list[dict[str, Any]] = [{"kind": "archive", "form": FORM}]
    if archive.table is not None:
        records.append({"kind": "table", "table": archive.table})
    for digest, text in sorted(references.items()):
        records.append({"kind": "reference", "digest": digest, "text": text})
    for place, kept in sorted(archive.trainings.items()):
        records.append({"kind": "training", "place": place, "training": kept.training, "learning": kept.learning})
    for place, each in sorted(archive.sets.items()):
        records.append({
            "kind": "hypotheses", "place": place, "made_from": each.made_from, "ref": _digest(each.ref),
            "hyp": each.hyp, "metrics": each.metrics,
        })  # fmt: skip
    lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records]
    content = "".join(lines).encode()
    if len(content) > LARGEST:
        raise UserError(f"{path}: {len(content)} bytes of results are more than one archive holds ({LARGEST})")
    with atomic_write(path) as handle:
        handle.buffer.write(lzma.compress(content, preset=PRESET))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_place(place: str, parts: int) -> None:
    names = place.split("/")
    if len(names) != parts or any(name in ("", ".", "..") for name in names):
        raise ValueError(f"{place!r} is no place of {parts} folders below exp/<recipe>")
