"""Whether the extra ``baselines`` is installed, asked before there is work that would be lost."""

from importlib.util import find_spec

from espnet_atat.baselines.config import INSTALL, INSTALL_WHISPER
from espnet_atat.errors import UserError

#: Name of a tagger → module and package that it needs.
NEEDS = {"crf": ("sklearn_crfsuite", "sklearn-crfsuite"), "bilstm_crf": ("torchcrf", "pytorch-crf")}


def check_tagger(name: str) -> None:
    """Look for a tagger's package; nothing is imported.

    Raises:
        UserError: it is not installed; says how to mend that.
    """
    module, package = NEEDS[name]
    if find_spec(module) is None:
        raise UserError(f"the tagger {name} needs {package}: {INSTALL}")


def check_whisper(model: str, language: str) -> None:
    """Look for faster-whisper and a model; one that is not on this machine is fetched now.

    Raises:
        UserError: one of them cannot be had; says how to mend that.
    """
    if find_spec("faster_whisper") is None:
        raise UserError(f"Whisper {model} needs faster-whisper: {INSTALL_WHISPER}")
    from espnet_atat.baselines.first_stage import Whisper, local_model

    if local_model(model) is None:
        Whisper(model, language)
