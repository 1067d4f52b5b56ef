"""Loading a model by one name: a package, a folder, a training run, the hub."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from espnet_atat.decode.lm_fusion import LanguageModel, load_models
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.trained import Trained
from espnet_atat.errors import UserError, first_line, naming
from espnet_atat.model.device import check_device
from espnet_atat.package.manifest import MANIFEST, Manifest
from espnet_atat.package.reader import Package, find_source, is_package, open_package
from espnet_atat.package.run_folder import find_run


@dataclass(frozen=True)
class Pretrained:
    """A model in memory with its manifest; none of its files is read any more."""

    trained: Trained
    manifest: Manifest | None = None  # of its package; None for a training run
    language_model: LanguageModel | None = None  # packed with it, for ``lm_weight``

    def search_options(self, source: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Search options for ``speech`` or ``text_in``: those given, else those that the package's scores have.

        One differs: speech is looked for in recordings (``vad: auto``), unless the package has its own option.
        """
        listening = {"vad": "auto"} if source == "speech" else {}
        if self.manifest is None:
            return listening | dict(given)
        options = listening | dict(self.manifest.decode)
        if source in self.manifest.tasks:
            options["task"] = self.manifest.tasks[source]
        if source == "text_in":
            for name in ("ctc_weight", "vad"):  # only of speech
                options.pop(name, None)
        if "beam_size" in given and "nbest" not in given:
            options["nbest"] = min(int(options.get("nbest", 1)), int(given["beam_size"]))
        if "nbest" in given and "beam_size" not in given:
            options["beam_size"] = max(int(options.get("beam_size", 1)), int(given["nbest"]))
        if (given.get("vad") or options.get("vad", "none")) == "none":
            options.pop("vad_margin", None)
        return options | dict(given)


def load_pretrained(source: str | Path, device: str = "cpu") -> Pretrained:
    """Load a model, for several ``from_pretrained`` to share; see there for the arguments."""
    check_device(device)
    path = find_source(source)
    if not is_package(path):
        run = find_run(path)
        return Pretrained(Trained.load(run.train_config, run.model_file, device, run.text_tokenizer))
    with open_package(path) as package:
        pretrained = _load(package, device)
    with naming(f"{source}: {MANIFEST}"):
        for kind in ("speech", "text_in"):
            SearchConfig(**pretrained.search_options(kind, {}))
    return pretrained


def _load(package: Package, device: str) -> Pretrained:
    try:
        files = (package.text_tokenizer, package.lm_train_config, package.lm_file)
        trained, language_model = load_models(package.train_config, package.model_file, device, *files)
    except UserError as error:
        raise UserError(f"{package.source}: {package.names_in(str(error))}") from error
    except Exception as error:  # the modules of ESPnet, transformers and torch have no common error
        raise UserError(f"{package.source}: its configuration makes no model ({first_line(error)})") from error
    tokenizer = package.text_tokenizer
    content = None if tokenizer is None else {path.name: path.read_bytes() for path in tokenizer.iterdir()}
    # The package's files are gone when it is closed.
    return Pretrained(replace(trained, tokenizer_files=content), package.manifest, language_model)
