"""Loading a model by one name: a package, a folder, a training run, the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from espnet_atat.decode.lm_fusion import LanguageModel
from espnet_atat.decode.trained import Trained
from espnet_atat.errors import UserError
from espnet_atat.package.manifest import Manifest
from espnet_atat.package.reader import Package, find_source, is_package, open_package
from espnet_atat.package.run_folder import find_run


@dataclass(frozen=True)
class Pretrained:
    """A model in memory with what it says of itself; no file of it is read any more."""

    trained: Trained
    manifest: Manifest | None = None  # of its package; None for a training run
    language_model: LanguageModel | None = None  # packed with it, for ``lm_weight``

    def search_options(self, source: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What to search ``speech`` or ``text_in`` with: what is given, else as the package's scores were measured.

        Speech is looked for in recordings (``vad``) unless the package says how.
        """
        listening = {"vad": "auto"} if source == "speech" else {}
        if self.manifest is None:
            return listening | dict(given)
        options = listening | dict(self.manifest.decode)
        if source in self.manifest.tasks:
            options["task"] = self.manifest.tasks[source]
        if source == "text_in":
            for name in ("ctc_weight", "vad"):  # of speech alone
                options.pop(name, None)
        if "beam_size" in given and "nbest" not in given:
            options["nbest"] = min(int(options.get("nbest", 1)), int(given["beam_size"]))
        if "nbest" in given and "beam_size" not in given:
            options["beam_size"] = max(int(options.get("beam_size", 1)), int(given["nbest"]))
        return options | dict(given)


def load_pretrained(source: str | Path, device: str = "cpu") -> Pretrained:
    """Load a model, for several ``from_pretrained`` to share; see there for the arguments."""
    _check_device(device)
    path = find_source(source)
    if not is_package(path):
        run = find_run(path)
        return Pretrained(Trained.load(run.train_config, run.model_file, device, run.text_tokenizer))
    with open_package(path) as package:
        trained = _load(package, device)
        language_model = None
        if package.lm_file is not None:
            language_model = LanguageModel.load(trained.vocabulary, package.lm_train_config, package.lm_file, device)
        return Pretrained(trained, package.manifest, language_model)


def _load(package: Package, device: str) -> Trained:
    try:
        trained = Trained.load(package.train_config, package.model_file, device, package.text_tokenizer)
    except UserError as error:  # names a file where it was unpacked to
        message = str(error).replace(str(package.model_file), package.model_file.name)
        raise UserError(f"{package.source}: {message}") from error
    except (ValueError, KeyError, TypeError, RuntimeError, AssertionError) as error:  # of ESPnet's and torch's modules
        raise UserError(f"{package.source}: its configuration makes no model ({error})") from error
    tokenizer = package.text_tokenizer
    content = None if tokenizer is None else {path.name: path.read_bytes() for path in tokenizer.iterdir()}
    return replace(trained, tokenizer_files=content)  # the package's files are gone when it is closed


def _check_device(name: str) -> None:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device {name!r}: one of cpu, cuda, cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs that torch can use; take cpu")
