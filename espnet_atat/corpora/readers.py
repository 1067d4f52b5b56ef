"""Readers of tables and JSON files; every error names file and line."""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.normalise import Normalisation, normalise_tree
from espnet_atat.semantics.tree import parse
from espnet_atat.strict_json import parse_json

csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Row:
    where: str  # file:line, for messages
    number: int  # from 1, not counting the header
    fields: dict[str, Any]  # column → value, without surrounding white space

    def __getitem__(self, column: str) -> str:
        return self.fields[column]


def read_text(path: Path) -> str:
    """A UTF-8 file as text, with or without a byte-order mark."""
    raw = read_whole(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = raw[error.start : error.start + 1]
        raise UserError(f"{path}:{line}: byte {found!r} is not UTF-8; convert the file to UTF-8") from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """``file:line`` and text of each line that is not blank, without surrounding white space.

    Lines end at line feeds only: str.splitlines would also split transcripts at U+2028 and similar characters.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def read_tree(tree: str, rules: Normalisation, where: str) -> tuple[str, str]:
    """Words and serialised form of a tree, normalised."""
    with naming(where):
        node = normalise_tree(parse(tree), rules)
    return " ".join(node.words()), node.serialise()


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files by a pattern, sorted; without hidden ones, such as the ``._`` twins that macOS writes."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def find_root(source: Path, folder: str, *names: str) -> Path:
    """The source or the folder below it that the archive unpacks to, whichever has one of the names."""
    for root in (source, source / folder):
        if any((root / name).exists() for name in names):
            return root
    raise UserError(f"{source}: no {' or '.join(names)}; give the folder {folder!r} that the archive unpacks to")


def read_table(
    path: Path, required: Collection[str], *, delimiter: str = ",", quoted: bool = True, header: list[str] | None = None
) -> Iterator[Row]:
    """Read a CSV or TSV file with a header line, or without one if ``header`` is given."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    lines = (line + "\n" for line in read_text(path).replace("\r\n", "\n").split("\n"))
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True)
    number, columns = 0, header
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            where = f"{path}:{reader.line_num}"
            if columns is None:
                columns = [field.strip() for field in fields]
                if missing := [name for name in required if name not in columns]:
                    found = ", ".join(column or "''" for column in columns)
                    raise UserError(f"{where}: no column {missing[0]!r}; the header has {found}")
                if twice := [name for name in columns if name and columns.count(name) > 1]:
                    raise UserError(f"{where}: two columns are named {twice[0]!r}")
                continue
            if len(fields) != len(columns):
                raise UserError(f"{where}: {len(fields)} fields where the header has {len(columns)}")
            number += 1
            yield Row(where, number, dict(zip(columns, map(str.strip, fields), strict=True)))
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num}: {error}; check the quotes of this line") from error
    if columns is None:
        raise UserError(f"{path}: empty; its first line names the columns ({', '.join(sorted(required))})")


def read_json_lines(path: Path) -> Iterator[Row]:
    """Read a file with one JSON object per line."""
    for number, (where, line) in enumerate(read_lines(path), start=1):
        value = parse_json(line, where)
        if not isinstance(value, dict):
            raise UserError(f"{where}: a {type(value).__name__} where a JSON object is expected")
        yield Row(where, number, value)
