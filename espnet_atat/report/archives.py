"""Results that are kept without their runs, in few files: ``egs2/atat/<recipe>/results/<table>.jsonl.xz``.

An archive holds one text file per line, sorted by path: ``{"path": "music/seed1/decode/music_test/hyp", "text": "…"}``.
Paths are below ``exp/<recipe>``; each is in one archive. The same texts give the same bytes.
"""

import json
import lzma
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from espnet_atat.atomic import atomic_write
from espnet_atat.bounded import read_handle
from espnet_atat.errors import UserError
from espnet_atat.graph.work import locked
from espnet_atat.strict_json import parse_json

SUFFIX = ".jsonl.xz"
PRESET = 6 | lzma.PRESET_EXTREME


class Archives:
    """A folder of archives, read as one; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def texts(self) -> dict[str, str]:
        """Path → text, of all archives."""
        return {path: text for held in self._read().values() for path, text in held.items()}

    def keep(self, name: str, texts: Mapping[str, str | None]) -> Path:
        """Put texts into an archive (None removes one), out of all others; several processes may. Gives its file."""
        with locked(self.folder):
            before = self._read()
            after = {
                each: {path: text for path, text in held.items() if path not in texts} for each, held in before.items()
            }
            after.setdefault(name, {}).update({path: text for path, text in texts.items() if text is not None})
            for each, held in after.items():
                if not held:
                    self._file(each).unlink(missing_ok=True)
                elif held != before.get(each):
                    write_archive(self._file(each), held)
        self.__dict__.pop("texts", None)
        return self._file(name)

    def _read(self) -> dict[str, dict[str, str]]:
        files = sorted(self.folder.glob(f"[!.]*{SUFFIX}"))
        return {file.name.removesuffix(SUFFIX): read_archive(file) for file in files}

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"


def read_archive(file: Path) -> dict[str, str]:
    try:
        with lzma.open(file, format=lzma.FORMAT_XZ) as handle:
            lines = read_handle(handle, str(file)).splitlines()
    except (lzma.LZMAError, EOFError) as error:
        raise UserError(f"{file}: damaged ({error}); take the file from its repository again") from error
    texts: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        try:
            match parse_json(line, f"{file}:{number}"):
                case {"path": str(path), "text": str(text), **others} if path not in texts and not others:
                    _check(path)
                    texts[path] = text
                case _:
                    raise ValueError("not a path and its text, or a path for the second time")
        except UserError as error:
            raise UserError(f"{error}; take the file from its repository again") from error
        except ValueError as error:
            raise UserError(f"{file}:{number}: {error}; take the file from its repository again") from error
    return texts


def write_archive(file: Path, texts: Mapping[str, str]) -> None:
    lines = []
    for path, text in sorted(texts.items()):
        _check(path)
        lines.append(json.dumps({"path": path, "text": text}, ensure_ascii=False, separators=(",", ":")) + "\n")
    with atomic_write(file) as handle:
        handle.buffer.write(lzma.compress("".join(lines).encode(), preset=PRESET))


def _check(path: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or str(PurePosixPath(path)) != path:
        raise ValueError(f"{path!r} is not a path below exp/<recipe>")
