"""``atat.yaml``: what a package is, for machines. The model card is for people."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_origin

import yaml

from espnet_atat.errors import UserError
from espnet_atat.package.safety import parse_config

MANIFEST = "atat.yaml"
#: Form of the file; a reader of this release reads no other.
FORM = 1
#: Options of the search that a package may set (``espnet_atat.decode.search_config.SearchConfig``).
DECODE_KEYS = ("beam_size", "nbest", "maxlen", "ctc_weight", "lm_weight", "penalty", "constrain_trees")
TASK_DEFAULTS: Mapping[str, str] = {"speech": "slu", "text_in": "nlu"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A package in facts.

    Attributes:
        name: such as ``mini_music_seed1``.
        title: one line for people.
        language: of the words, as in ISO 639-1.
        license: of the weights, as SPDX names it, in lower case.
        tasks: ``speech`` and ``text_in`` → the task label to decode with, unless told otherwise.
        decode: options of the search that the results were measured with.
        trained_on: ``{phase, task, set}``, one a part of the mixtures.
        results: ``{set, task, config, utterances, figures}``; figures as in ``metrics.json``: key → ``{title, value,
            interval}``, shares of 1.
        command: what trains the model again.
        parameters: numbers of the model.
        versions: of what made it: ``espnet_atat``, ``espnet``, ``torch``, ``commit``.
        made_from: fingerprint of model and scores, by which stage 15 knows a finished package.
    """

    name: str
    title: str = ""
    language: str = "en"
    license: str = "apache-2.0"
    tasks: Mapping[str, str] = field(default_factory=lambda: dict(TASK_DEFAULTS))
    decode: Mapping[str, Any] = field(default_factory=dict)
    trained_on: tuple[Mapping[str, str], ...] = ()
    results: tuple[Mapping[str, Any], ...] = ()
    command: str = ""
    parameters: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    made_from: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What kind of input, audio or text → the label it is decoded with."""
        return {"audio" if key == "speech" else "text": task for key, task in self.tasks.items()}

    @property
    def corpora(self) -> list[str]:
        """Recipes whose sets it was trained on, each once."""
        return list(dict.fromkeys(part["set"].partition("/")[0] for part in self.trained_on))

    def dump(self) -> str:
        """The file's text."""
        content = dataclasses.asdict(self)
        content |= {"trained_on": list(content["trained_on"]), "results": list(content["results"])}
        return yaml.safe_dump({"form": FORM, **content}, sort_keys=False, allow_unicode=True, width=110)

    @classmethod
    def read(cls, text: bytes, where: str) -> Self:
        """Read the file's text."""
        content = parse_config(text, where)
        if content.pop("form", None) != FORM:
            raise UserError(f"{where}: not a manifest of form {FORM}: packed by another release? Pack the model again")
        known = {each.name: each for each in dataclasses.fields(cls)}
        if unknown := sorted(map(str, content.keys() - known.keys())):
            raise UserError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(known)}")
        for key, value in content.items():
            origin: Any = get_origin(known[key].type) or known[key].type
            kind = list if origin is tuple else origin
            if not isinstance(value, kind):
                raise UserError(f"{where}: {key} is a {kind.__name__.lower()}, found {value!r}")
        if unknown := sorted(map(str, content.get("decode", {}).keys() - set(DECODE_KEYS))):
            raise UserError(f"{where}: decode: unknown option {unknown[0]!r}; known: {', '.join(DECODE_KEYS)}")
        if "name" not in content:
            raise UserError(f"{where}: the key 'name' is missing")
        for key in ("trained_on", "results"):
            rows = content.get(key, [])
            if not all(isinstance(row, dict) and isinstance(row.get("set"), str) for row in rows):
                raise UserError(f"{where}: {key} is a list of mappings, each with a set")
            content[key] = tuple(rows)
        return cls(**content)


def search_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an inference configuration that a package keeps."""
    return {key: value for key, value in config.items() if key in DECODE_KEYS}


def result_of(metrics: Mapping[str, Any], *, test_set: str, task: str, config: str) -> dict[str, Any]:
    """What a package keeps of a ``metrics.json``."""
    figures = {
        key: {"title": figure["title"], "value": figure["value"], "interval": list(figure["interval"] or ())}
        for key, figure in metrics["figures"].items()
        if figure["value"] is not None
    }
    return {"set": test_set, "task": task, "config": config, "utterances": metrics["utterances"], "figures": figures}
