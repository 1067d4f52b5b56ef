"""Data dirs as nodes: what stages 2 to 6 make of the sets of ``data/<recipe>``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from espnet_atat.datadir import PREPARED, SEGMENTS, TEXT_FORM, UNREADABLE, prepared_sets, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import digest, file_digest
from espnet_atat.graph.node import Identity, Node
from espnet_atat.graph.pool import file_size
from espnet_atat.graph.work import is_complete, read_stamp
from espnet_atat.speech.report import Report
from espnet_atat.stages import Stage


def set_node(
    stage: Stage,
    at: Path,
    options: Any,
    make: Callable[[Path], Report],
    *,
    sets: Iterable[Path],
    files: Iterable[Path] = (),
    is_file: bool = False,
) -> Node:
    """A set, or a file about one, made from ``sets`` (data dirs) and ``files`` by what ``options`` say."""
    sets, files = list(sets), list(files)

    def identify() -> Identity:
        return {
            "kind": "set",
            "options": asdict(options) if is_dataclass(options) and not isinstance(options, type) else options,
            "sets": {str(folder): set_identity(folder) for folder in sets},
            "files": {str(file): file_digest(file) for file in files},
        }

    def make_and_report(work: Path) -> Mapping[str, Any]:
        report = make(work)
        return {"summary": report.lines, "seconds_of_speech": report.counts.get("seconds", 0.0)}

    return Node(stage=stage, at=at, identify=identify, make=make_and_report, is_file=is_file, inputs=(*sets, *files))


def set_identity(folder: Path) -> list[str]:
    """The content of a data dir: its files, and what it was made from, which decides its audio."""
    if not (folder / "text").is_file():
        mend = "name another, or run the earlier stages of its recipe (--stage 1 runs all that is missing)"
        raise UserError(f"{folder} is not a data dir: it has no file 'text'; {mend}")
    files = [folder / name for name in ("text", "target", "wav.scp", SEGMENTS, "utt2spk", TEXT_FORM, UNREADABLE)]
    corpus = read_stamp(folder.parent / PREPARED)
    stamp = read_stamp(folder)
    if not stamp and corpus and not is_complete(corpus):
        raise UserError(f"{folder.parent}: stage 1 was interrupted: run it again (--stage 1 runs all that is missing)")
    stamp = stamp or (corpus if folder.name in prepared_sets(folder.parent) else {})
    if not stamp and (folder / "wav.scp").is_file():  # made by hand
        stamp = {"made_from": digest([file_size(path) for path in read_two_column(folder / "wav.scp").values()])}
    return [*(file_digest(file) for file in files if file.is_file()), stamp.get("made_from", "")]
