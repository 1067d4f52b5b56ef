"""To and from the model hub: espnet_model_zoo and huggingface_hub, which it stands on."""

from pathlib import Path

from espnet_atat.errors import UserError


def fetch(name: str) -> Path:
    """A model by its name, from the cache or the network: the zip of a zoo entry, the folder of a hub repository.

    Args:
        name: of espnet_model_zoo's table, or ``user/model`` of the hub, ``@revision`` behind it if wanted; or the
            address of a package.

    Raises:
        UserError: it cannot be had; says why in the client's words.
    """
    from espnet_model_zoo.downloader import ModelDownloader

    try:
        return Path(ModelDownloader().download(name, quiet=True))
    except Exception as error:  # the client's, httpx's and requests' errors have no common base
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{name}: not there, and not to be had from the hub either ({lines[0]})") from error
