"""A package to where others find it: a hub repository or a folder, in the layout that espnet_model_zoo reads."""

import re
import tempfile
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_dir
from espnet_atat.errors import UserError
from espnet_atat.package.reader import META, list_files, open_package, unpack

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check(package: str | Path) -> dict[str, int]:
    """What would be published: files and their sizes in bytes.

    Raises:
        UserError: not a package, or one that nobody could load.
    """
    with open_package(package):
        return list_files(package)


def to_folder(package: Path, folder: Path) -> None:
    """Unpack into a folder, whole or not at all; an older package there is replaced.

    Raises:
        UserError: the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; a folder is wanted")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / META).is_file():
        raise UserError(f"{folder}: holds other files and no package: nothing of it is touched; give another folder")
    check(package)
    with atomic_dir(folder) as target:
        unpack(package, target)


def to_hub(package: Path, repository: str, *, private: bool = False, message: str = "") -> str:
    """Upload to a repository of the hub, which is made if there is none.

    Args:
        repository: ``user/name``.
        private: of a new repository.
        message: of the commit.

    Returns:
        Address of the repository.

    Raises:
        UserError: a wrong name, no token, a token that the hub refuses (all before anything is sent), or what the hub
            says.
    """
    api = _authorised(repository)
    check(package)
    with tempfile.TemporaryDirectory(prefix="atat_") as scratch:
        unpack(package, Path(scratch))
        try:
            url = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, folder_path=scratch, commit_message=message or f"Upload {package.name}"
            )
        except Exception as error:  # as in _authorised
            raise UserError(f"{repository}: the upload failed: {_first_line(error)}") from error
    return str(url)


def _authorised(repository: str) -> Any:
    """The hub's client with a token that the hub knows; nothing but a question who it belongs to is sent."""
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"--hf_repo {repository}: a repository's name is user/name")
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None:
        raise UserError(
            "no token of the hub, so nothing was sent: log in with `hf auth login`, or put a token that may write into "
            "HF_TOKEN"
        )
    api = HfApi(token=token, library_name="espnet_atat")
    try:
        api.whoami()
    except Exception as error:  # the client's errors and httpx's have no common base
        raise UserError(
            f"{api.endpoint}: the hub was asked about the token, and nothing was sent: {_first_line(error)}"
        ) from error
    return api


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
