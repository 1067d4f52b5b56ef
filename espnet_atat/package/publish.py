"""Publishes a package: in a hub repository or a folder, in the layout that espnet_model_zoo reads."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from espnet_atat.atomic import atomic_dir
from espnet_atat.errors import UserError, first_line
from espnet_atat.graph.work import check_own, check_replaceable, making
from espnet_atat.package.reader import PACKAGE_META, list_files, open_package, unpack

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_package(package: Path) -> dict[str, int]:
    """What would be published: files and their sizes in bytes."""
    with open_package(package):
        return list_files(package)


def publish(
    package: Path, repository: str | None, folder: Path | None, *, private: bool = False, dry_run: bool = False
) -> Iterator[str]:
    """Put a package into a folder or, without one, into a repository of the hub; yields lines for the user."""
    if dry_run:
        files = check_package(package)
        yield from (f"{size:>12,}  {name}" for name, size in files.items())
        size, target = sum(files.values()), folder or repository
        yield f"{size:>12,}  bytes in {len(files)} files would go to {target}; nothing was sent"
    elif folder is not None:
        to_folder(package, folder)
        yield f"wrote {folder}"
    else:
        yield f"uploaded to {to_hub(package, str(repository), private=private)}"


def to_folder(package: Path, folder: Path) -> None:
    """Unpack into a folder, whole or not at all; an older package there is replaced, unless other files are with it."""
    check_replaceable(folder, lambda there: (there / PACKAGE_META).is_file())
    known: dict[str, list[str]] = {}
    for name in check_package(package):
        place = PurePosixPath(name)
        known.setdefault(str(place.parent), []).append(place.name)
    with making(folder):
        check_own(folder, known)
        with atomic_dir(folder) as target:
            unpack(package, target)


def to_hub(package: Path, repository: str, *, private: bool = False) -> str:
    """Upload to a repository of the hub, ``user/name``, which is made if there is none; returns its address.

    Name, token and package are checked before anything is sent.
    """
    client = _authorised(repository)
    check_package(package)
    with tempfile.TemporaryDirectory(prefix="atat_") as scratch:
        unpack(package, Path(scratch))
        try:
            url = client.create_repo(repository, exist_ok=True, private=private)
            client.upload_folder(repo_id=repository, folder_path=scratch, commit_message=f"Upload {package.name}")
        except Exception as error:  # as in _authorised
            raise UserError(f"{repository}: the upload failed: {first_line(error)}") from error
    return str(url)


def _authorised(repository: str) -> Any:
    """The hub's client with a token that the hub knows; all that is sent is the question whose token it is."""
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
