"""Publishes a package: in a hub repository or a folder, in the layout that espnet_model_zoo reads."""

import re
import tempfile
from pathlib import Path
from typing import Any

from espnet_atat.errors import UserError, first_line
from espnet_atat.package.reader import list_files, open_package, unpack

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def contents_of(package: Path) -> dict[str, int]:
    """What would be published: files and their sizes in bytes."""
    with open_package(package):
        return list_files(package)


def to_folder(package: Path, folder: Path) -> None:
    """Unpack below a folder; what an interrupted call left there is overwritten."""
    contents_of(package)  # one that opens
    unpack(package, folder)


def to_hub(package: Path, repository: str, *, private: bool = False) -> str:
    """Upload to a repository of the hub, ``user/name``, which is made if there is none; returns its address.

    Name, token and package are checked before anything is sent.
    """
    client = _authorised(repository)
    contents_of(package)
    with tempfile.TemporaryDirectory(prefix="atat_") as scratch:
        unpack(package, Path(scratch))
        try:
            url = client.create_repo(repository, exist_ok=True, private=private)
            client.upload_folder(repo_id=repository, folder_path=scratch, commit_message=f"Upload {package.name}")
        except Exception as error:  # as in _authorised
            raise UserError(f"{repository}: the upload failed: {first_line(error)}") from error
    return str(url)


def _authorised(repository: str) -> Any:
    """The hub's client, with a token that the hub accepts; nothing is sent but the question whose token it is."""
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"--hf_repo {repository}: a repository's name is user/name")
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None:
        raise UserError(
            "no token of the hub, so nothing was sent: log in with `hf auth login`, or put a token that may write into "
            "HF_TOKEN"
        )
    client = HfApi(token=token, library_name="espnet_atat")
    try:
        client.whoami()
    except Exception as error:  # the client's errors and httpx's have no common base
        raise UserError(
            f"{client.endpoint}: the hub was asked about the token, and nothing was sent: {first_line(error)}"
        ) from error
    return client
