"""Models that ``tools/install_extra.sh`` installed, by their short names."""

import os
import sys
from pathlib import Path


def models_dir() -> Path:
    """Where ``tools/install_extra.sh`` puts models: $ATAT_MODELS, by default ``models`` below the environment."""
    return Path(os.environ.get("ATAT_MODELS") or Path(sys.prefix) / "models")


def installed_model(name: str) -> str:
    """The folder of an installed model, such as ``minilm``; any other name, a folder's or the hub's, as it is."""
    folder = models_dir() / name
    return str(folder) if not Path(name).is_dir() and folder.is_dir() else name
