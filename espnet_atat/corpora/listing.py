"""The files of a raw corpus, from which a preparation knows whether it is up to date."""

import os
from collections.abc import Iterator
from pathlib import Path

from espnet_atat.corpora.custom import audio_files

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")  # may be deleted once they are unpacked


def listing(source: Path) -> Iterator[str]:
    """A line for each file of a corpus: path, size in bytes, seconds since 1970; sorted, links followed.

    For a user's table, the files are the table and the audio that it names. Hidden files and archives are left out.
    A folder without read permission is listed as such.
    """
    if source.is_file():
        yield from sorted(_line(file, file) for file in {source, *audio_files(source)})
    elif source.is_dir():
        yield from sorted(_walk(source))
    else:
        yield "absent"


def _walk(source: Path) -> Iterator[str]:
    refused: list[OSError] = []
    seen = set()  # of folders; a link may lead up
    for parent, folders, files in os.walk(source, followlinks=True, onerror=refused.append):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and not name.endswith(ARCHIVES):
                path = Path(parent, name)
                yield _line(path, path.relative_to(source))
    yield from (f"{error.filename}: {error.strerror}" for error in refused)


def _line(path: Path, name: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        return f"{name}: {error.strerror}"
    return f"{name} {found.st_size} {int(found.st_mtime)}"
