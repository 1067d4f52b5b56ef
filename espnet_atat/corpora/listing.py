"""Where a raw corpus lies, and its files, which tell whether its preparation is up to date."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from espnet_atat.corpora.custom import audio_files
from espnet_atat.errors import UserError

#: The users' paths of corpora, as variables of bash.
VARIABLES = Path("db.sh")


def corpus_path(recipe: str, corpus: str | Sequence[str]) -> Path:
    """The first path of ``corpus`` (of ``recipe.yaml``) that exists; if none does, the first that is set."""
    entries = (corpus,) if isinstance(corpus, str) else corpus
    paths = [Path(text) for entry in entries if (text := _resolved(entry))]
    if not paths:
        raise UserError(f"the corpus of {recipe}: set {' or '.join(entries)} in {VARIABLES} or the environment")
    return next((path for path in paths if path.exists()), paths[0])


def _resolved(entry: str) -> str:
    """``$AN4`` → its value in the environment, else in ``db.sh``."""
    if not entry.startswith("$"):
        return entry
    command = f'if [ -f {VARIABLES} ]; then . ./{VARIABLES}; fi; printf %s "${{!1-}}"'
    return subprocess.run(["bash", "-c", command, "bash", entry[1:]], check=True, capture_output=True, text=True).stdout


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
