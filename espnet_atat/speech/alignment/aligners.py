"""The aligners by name."""

from collections.abc import Mapping
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.align_set import Aligner

#: Options of ``bin.align``, a recipe's ``align`` among them, as ``GentleServers`` or ``GentleInstallation`` has them.
OF_GENTLE: Mapping[str, str] = {
    "gentle_url": "urls", "gentle_timeout": "timeout", "gentle_retries": "retries", "gentle_dir": "folder",
    "gentle_python": "python",
}  # fmt: skip


def make_aligner(name: str, **options: Any) -> Aligner:
    """An aligner, with options of :data:`OF_GENTLE`; ``None`` is the default of each. Raises UserError."""
    given: dict[str, Any] = {OF_GENTLE[option]: value for option, value in options.items() if value is not None}
    if name == "sphinx":
        from espnet_atat.speech.alignment.sphinx import SphinxAligner

        if given:
            raise UserError("the options gentle_… need the aligner gentle, but the aligner is sphinx")
        return SphinxAligner()
    if name == "gentle":
        from espnet_atat.speech.alignment.gentle import GentleInstallation, GentleServers

        if given.get("timeout", 1) <= 0 or given.get("retries", 0) < 0:
            raise UserError("gentle_timeout must be above 0, and gentle_retries 0 or more")
        if "folder" in given:
            if not given.keys() <= {"folder", "python", "timeout"}:
                raise UserError("gentle_dir replaces servers: leave gentle_url and gentle_retries out")
            return GentleInstallation(**given)
        if "urls" in given:
            urls = [given["urls"]] if isinstance(given["urls"], str) else given["urls"]
            given["urls"] = tuple((url if "://" in url else f"http://{url}").rstrip("/") for url in urls)
            if not given["urls"]:
                raise UserError("gentle_url names no server")
        return GentleServers(**given)
    raise UserError(f"no aligner {name!r}; there are sphinx, gentle")
