"""Corpus archives: fetched once, verified by checksum, unpacked without trusting member names."""

import gzip
import http.client
import lzma
import shutil
import stat
import subprocess
import tarfile
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from espnet_atat.atomic import atomic_dir, atomic_file
from espnet_atat.bounded import file_hash
from espnet_atat.errors import UserError
from espnet_atat.graph.work import making

#: What the libraries raise of an archive that is damaged, or packed in a way that they do not know; an ``OSError`` of
#: these kinds, because two members have one name or a compressed stream is none.
DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, NotImplementedError,
    IsADirectoryError, NotADirectoryError, FileExistsError,
)  # fmt: skip
NPM = "npm:"  # of an address: npm:NAME@VERSION


def verify(path: Path, checksum: str) -> None:
    """Compare a file with ``<algorithm>:<hexadecimal digest>``; a ``UserError`` if it is another, or truncated."""
    algorithm, _, expected = checksum.partition(":")
    if algorithm not in {"md5", "sha256"} or not expected:
        raise UserError(f"checksum {checksum!r}: give md5:… or sha256:…")
    found = file_hash(path, algorithm)
    if found != expected.lower():
        raise UserError(f"{path}: {algorithm} is {found}, not {expected}; the download is incomplete or another file")


def fetch(url: str, path: Path, checksum: str | None) -> None:
    """Download an archive, of the announced size and right checksum, unless it exists.

    ``npm:NAME@VERSION`` is a package that npm packs. Without a known checksum it must at least be an archive, so that
    an error page is not kept.
    """
    if path.is_file():
        if checksum:
            verify(path, checksum)
        return
    otherwise = f"download it by other means and put it at {path}"
    try:
        with atomic_file(path) as partial:
            if url.startswith(NPM):
                _npm_pack(url.removeprefix(NPM), partial, otherwise)
            else:
                with urllib.request.urlopen(url, timeout=60) as response, partial.open("wb") as handle:
                    shutil.copyfileobj(response, handle)
                announced, size = response.headers.get("Content-Length"), partial.stat().st_size
                if announced and size != int(announced):
                    raise UserError(f"{url}: the download broke off at {size} of {announced} bytes; try again")
            if checksum:
                verify(partial, checksum)
            elif not (zipfile.is_zipfile(partial) or tarfile.is_tarfile(partial)):
                raise UserError(f"{url} gave neither a zip nor a tar archive; {otherwise}")
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: of an address that is none
        if isinstance(error, UserError):
            raise
        raise UserError(f"{url} cannot be fetched ({error}); {otherwise}") from error


def _npm_pack(package: str, archive: Path, otherwise: str) -> None:
    """Have npm fetch the archive of a package, alone in its folder; nothing of it is installed or run."""
    if shutil.which("npm") is None:
        mend = f"install Node.js with npm (Debian: apt install npm), or {otherwise}"
        raise UserError(f"npm is not on the path, and {package} comes from its registry; {mend}")
    call = ["npm", "pack", "--silent", "--ignore-scripts", package]
    done = subprocess.run(call, cwd=archive.parent, capture_output=True, text=True, check=False)
    packed = list(archive.parent.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        why = next(iter(done.stderr.strip().splitlines()[-1:]), f"code {done.returncode}")
        raise UserError(f"npm could not fetch {package} ({why}); {otherwise}")
    packed[0].rename(archive)


def check_member(archive: Path, name: str, is_plain: bool) -> None:
    """Refuse a member that is no plain file or folder, or would be written outside the folder."""
    pure = PurePosixPath(name)
    drive = len(name) > 1 and name[1] == ":"
    if pure.is_absolute() or drive or "\\" in name or "\0" in name or ".." in pure.parts:
        raise UserError(f"{archive}: member {name!r} would be written outside the folder; the archive is refused")
    if not is_plain:
        raise UserError(f"{archive}: member {name!r} is a link or device; the archive is refused")


def extract(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar archive; all members are checked before the first is written. Gives the number of files."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                for info in zipped.infolist():
                    kind = stat.S_IFMT(info.external_attr >> 16)
                    check_member(archive, info.filename, kind in {0, stat.S_IFREG, stat.S_IFDIR})
                    if info.flag_bits & 1:
                        raise UserError(f"{archive}: member {info.filename!r} is encrypted; unpack it by other means")
                zipped.extractall(folder)
                return sum(not info.is_dir() for info in zipped.infolist())
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tarred:
                for member in tarred.getmembers():
                    check_member(archive, member.name, member.isreg() or member.isdir())
                tarred.extractall(folder, filter="data")
                while tarred.fileobj is not None and tarred.fileobj.read(1 << 20):
                    pass  # to the end, where the sum of a compressed archive is compared
                return sum(member.isreg() for member in tarred.getmembers())
    except DAMAGED as error:
        raise UserError(f"{archive}: damaged archive ({error}); delete it to fetch it again") from error
    raise UserError(f"{archive}: neither a zip nor a tar archive; delete it to fetch it again")


def fetch_corpus(
    url: str, output: Path, *, archive: str | None, checksum: str | None, file_checksums: Path | None
) -> None:
    """Download a corpus's archive once, check it, and unpack it as the folder ``output``; see ``prepare fetch``."""
    if ":" not in url:
        raise UserError(f"--url {url}: expected an address, such as https://…/corpus.tar.gz, or npm:NAME@VERSION")
    if checksum is None and file_checksums is None:
        raise UserError("give --checksum or --file_checksums; nothing is unpacked unchecked")
    if archive is not None and (Path(archive).name != archive or archive in ("", "..")):
        raise UserError(f"--archive {archive!r}: expected the plain name of a file, which is put beside {output}")
    path = output.parent / (archive or url.rstrip("/").rpartition("/")[2])
    with making(output):
        if output.is_dir():
            print(f"{output}: exists already; delete it to fetch it again")
            return
        print(f"fetching {url} to {path}")
        fetch(url, path, checksum)
        with atomic_dir(output) as folder:
            count = extract(path, folder)
            if file_checksums is not None:
                verify_files(folder, file_checksums)
    print(f"{output}: {count} files; {path} may be deleted ({shutil.disk_usage(path).free >> 30} GB free)")


def verify_files(folder: Path, listing: Path) -> None:
    """Compare unpacked files with a listing in the format of sha256sum."""
    for number, line in enumerate(listing.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        expected, _, name = line.partition("  ")
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{listing}:{number}: expected '<sha256>  <path>', of a file in the archive")
        if not (folder / name).is_file():
            raise UserError(f"the archive has no {name}, which {listing}:{number} names")
        verify(folder / name, f"sha256:{expected}")
