"""The files that a package may hold. It may come from anyone, so what is not known to be data is refused.

Every function here raises a ``UserError`` that names the file, the member or the key, and what is wrong with it.
Weights are pickles by nature; ``torch.load(weights_only=True)`` reads them, which builds tensors and nothing else.
"""

import stat
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from espnet_atat.bounded import read_small
from espnet_atat.errors import UserError, first_line
from espnet_atat.package.contents import REGEXES, TOKENIZER
from espnet_atat.schema import check
from espnet_atat.strict_json import parse_json

#: Kinds of file by their suffix; files without one that are known by name.
SUFFIXES = frozenset({".yaml", ".json", ".txt", ".md", ".model", ".pth", ".npz", ".png"})
NAMES = frozenset({"LICENSE", "NOTICE", ".gitattributes"})
#: Bytes of a whole package, unpacked: far above any model of this kind, far below a disk; and its members.
MAX_PACKAGE_BYTES = 8 * 2**30
MAX_MEMBERS = 1000
#: A package that is so small unpacked, or is at most so many times as large as packed, is no bomb. Weights shrink by
#: a tenth; what shrinks more is small.
SMALL, MAX_RATIO = 16 * 2**20, 10
#: Bytes of a JSON file, and of a tokenizer: one of 250,000 pieces takes 17 MB.
MAX_JSON_BYTES, MAX_TOKENIZER_BYTES = 2 * 2**20, 32 * 2**20
MAX_JSON_VALUES = 600_000  # a list for each piece
TOKENIZER_FILES = frozenset(
    {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"}
    | {"vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "spm.model"}
)
#: Bytes of the statistics of some hundred features, and of the part of weights that says where they are.
MAX_STATISTICS_BYTES, MAX_PICKLE_BYTES = 2**20, 2 * 2**20
#: Keys by which a configuration of some library names code to import or to fetch.
CODE_KEYS = frozenset({"_target_", "_partial_", "auto_map", "trust_remote_code", "custom_pipelines", "class_path"})


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip; see :func:`check_members`."""
    if not path.is_file():
        raise UserError(f"{path}: not a package: neither a file nor a folder")
    try:
        with path.open("rb") as handle:
            # By the parser that will read it; a directory of 10,000 members is read before anything can be counted.
            end = zipfile._EndRecData(handle)  # type: ignore[attr-defined]
            if end and end[zipfile._ECD_SIZE] > MAX_MEMBERS * 1024:  # type: ignore[attr-defined]
                raise UserError(f"{path}: refused: more than {MAX_MEMBERS} members")
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{path}: not a package (a zip of espnet_atat.bin.pack), or cut short: {first_line(error)}"
        ) from error
    try:
        check_members(archive.infolist(), path)
    except UserError:
        archive.close()
        raise
    return archive


def check_members(members: Iterable[zipfile.ZipInfo], where: Path) -> None:
    """Refuse an archive with anything but plain files of known kinds below its root, or with too much in it."""
    seen: set[str] = set()
    total, most = 0, min(MAX_PACKAGE_BYTES, max(SMALL, MAX_RATIO * where.stat().st_size))
    for member in members:
        name = member.filename
        check_member_name(name, where)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError(f"{where}: refused: {name!r} is a link or a device, not a file")
        if member.flag_bits & 1:
            raise UserError(f"{where}: refused: {name!r} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(
                f"{where}: refused: {name!r} is compressed by method {member.compress_type}: pack it with deflate"
            )
        if name in seen:
            raise UserError(f"{where}: refused: {name!r} occurs twice")
        seen.add(name)
        total += member.file_size
        if total > most or len(seen) > MAX_MEMBERS:
            raise UserError(
                f"{where}: refused: unpacked it is more than {most / 2**20:,.0f} MiB, or than {MAX_MEMBERS} files"
            )


def check_weights(path: Path, where: str | Path) -> None:
    """Refuse weights that are not as torch saves them: a zip of bytes as they are, and a small index."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise UserError(f"{where}: {path.name}: not a whole checkpoint ({first_line(error)})") from error
    index = [each.file_size for each in members if each.filename.endswith("data.pkl")]
    stored = all(each.compress_type == zipfile.ZIP_STORED for each in members)
    if not stored or sum(each.file_size for each in members) > path.stat().st_size:
        raise UserError(f"{where}: refused: {path.name} is compressed, and would take more memory than it has bytes")
    if len(index) != 1 or index[0] > MAX_PICKLE_BYTES:
        raise UserError(f"{where}: refused: {path.name} is not weights as torch saves them")


def check_member_name(name: str, where: str | Path) -> None:
    """Refuse a path that leaves the package, or a kind of file that has no business in it."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts
    if outside or not name.isprintable():
        raise UserError(f"{where}: refused: the member {name!r} would lie outside it")
    if name.endswith("/"):
        return
    if path.suffix not in SUFFIXES and path.name not in NAMES:
        raise UserError(
            f"{where}: refused: {name!r} is not a file that a package may hold ({' '.join(sorted(SUFFIXES))}); "
            "pickles and code least of all"
        )


def load_json(path: Path, where: str | Path, limit: int) -> Any:
    text = read_small(path, limit, f"{where}: {path.name}")
    if text.count(b"[") + text.count(b"{") > MAX_JSON_VALUES:
        raise UserError(f"{where}: refused: {path.name} has more than {MAX_JSON_VALUES} lists and mappings")
    content = parse_json(text, f"{where}: {path.name}")
    refuse_code(content, f"{where}: {path.name}")
    return content


def refuse_code(content: object, where: str) -> None:
    """Raise where any key, at any depth, names code."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key in CODE_KEYS:
                raise UserError(f"{where}: refused: the key {key!r} names code ({str(value)[:60]!r})")
            refuse_code(value, where)
    elif isinstance(content, list):
        for value in content:
            refuse_code(value, where)


def check_tokenizer(folder: Path, where: str | Path) -> None:
    """Refuse a tokenizer's folder that holds anything but data, or names any file."""
    if not (folder / "tokenizer.json").is_file():
        raise UserError(f"{where}: no tokenizer.json in {folder.name}")
    for path in sorted(folder.iterdir()):
        if path.name not in TOKENIZER_FILES:
            raise UserError(f"{where}: refused: {path.name!r} in {folder.name} is not a file of a tokenizer")
        limit = MAX_JSON_BYTES if path.name in ("tokenizer_config.json", "special_tokens_map.json") else None
        content = load_json(path, where, limit or MAX_TOKENIZER_BYTES) if path.suffix == ".json" else {}
        if limit is not None:
            check(TOKENIZER, content if isinstance(content, dict) else {}, f"{where}: {path.name}")
        if path.name == "tokenizer.json" and (odd := _regexes(content) - REGEXES):
            raise UserError(f"{where}: refused: {path.name} has the regular expression {min(odd)[:60]!r}")


def _regexes(content: object) -> set[str]:
    if isinstance(content, Mapping):
        own = {str(content["Regex"])} if isinstance(content.get("Regex"), str) else set()
        return own.union(*map(_regexes, content.values()))
    return set().union(*map(_regexes, content)) if isinstance(content, list) else set()


def check_statistics(path: Path, where: str | Path) -> None:
    """Refuse statistics with anything but numbers in them."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_STATISTICS_BYTES:
            raise UserError(f"{where}: refused: {path.name} has {size} bytes of numbers, more than any statistics")
        with np.load(path, allow_pickle=False) as arrays:
            if not all(arrays[name].dtype.kind in "iuf" and np.isfinite(arrays[name]).all() for name in arrays.files):
                raise ValueError("some are not finite numbers")
    except UserError:
        raise
    except Exception as error:  # zip, zlib and NumPy raise a dozen kinds
        raise UserError(f"{where}: refused: {path.name} is not arrays of numbers ({first_line(error)})") from error
