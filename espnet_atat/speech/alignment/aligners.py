"""The aligners by name."""

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.run import Aligner

ALIGNERS = ("sphinx", "gentle")


def make_aligner(
    name: str,
    *,
    gentle_url: str = "http://localhost:8765",
    gentle_dir: str | None = None,
    gentle_python: str = "python3",
    gentle_timeout: float = 300.0,
    gentle_retries: int = 4,
) -> Aligner:
    """An aligner.

    Args:
        gentle_url: a running server of Gentle.
        gentle_dir: a local installation instead.
        gentle_python: interpreter of that.
        gentle_timeout: seconds that an utterance may take.
        gentle_retries: further attempts after a fault of the server.

    Raises:
        UserError: no aligner of this name.
    """
    if name == "sphinx":
        from espnet_atat.speech.alignment.sphinx import SphinxAligner

        return SphinxAligner()
    if name == "gentle":
        from espnet_atat.speech.alignment.gentle import GentleInstallation, GentleServer

        if gentle_dir is not None:
            return GentleInstallation(gentle_dir, gentle_python, gentle_timeout)
        return GentleServer(gentle_url, gentle_timeout, gentle_retries)
    raise UserError(f"no aligner {name!r}; there are {', '.join(ALIGNERS)}")
