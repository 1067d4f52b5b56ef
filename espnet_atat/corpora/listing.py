"""The files of a raw corpus, which tell whether its preparation is up to date."""

import os
from collections.abc import Iterator
from pathlib import Path

from espnet_atat.corpora.custom import audio_files


def listing(source: Path) -> Iterator[str]:
    """A line for each file of a corpus: path, size in bytes, seconds since 1970; sorted, links followed.

    For a user's table, the files are the table and the audio that it names. Hidden files and archives are left out.
    A folder without read permission is listed as such.
    """
    if source.is_file():
        yield from sorted(_line(file, str(file)) for file in {source, *audio_files(source)})
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
        inside = Path(parent).relative_to(source).parts
        for name in files:
            # Archives may be deleted once they are unpacked.
            if not name.startswith(".") and not name.endswith((".tar.gz", ".tgz", ".tar", ".zip")):
                yield _line(Path(parent, name), "/".join((*inside, name)))
    yield from (f"{error.filename}: {error.strerror}" for error in refused)


def _line(path: Path, name: str) -> str:
    try:
        found = path.stat()
    except OSError as error:
        return f"{name}: {error.strerror}"
    return f"{name} {found.st_size} {int(found.st_mtime)}"
