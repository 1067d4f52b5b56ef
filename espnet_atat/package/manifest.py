"""``atat.yaml``: what a package is, for machines. The model card is for people."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import yaml

from espnet_atat.errors import UserError
from espnet_atat.package.contents import RATE, REAL
from espnet_atat.plain_yaml import parse_plain
from espnet_atat.schema import Within, check, check_known, read
from espnet_atat.text.vocabulary import TASK_SOURCE, task_labels

MANIFEST = "atat.yaml"
#: Form of the file; a reader of this release reads no other.
MANIFEST_FORM = 1
#: Options of the search that a package may set (``espnet_atat.decode.search_config.SearchConfig``).
DECODE: Mapping[str, Any] = {
    **dict.fromkeys(("beam_size", "nbest"), Annotated[int, Within(1, 1000)]),
    "maxlen": Annotated[int, Within(1, 10_000)],
    "ctc_weight": RATE,
    **dict.fromkeys(("oov_penalty", "reading_weight", "lm_weight", "penalty"), REAL),
    "constrain_trees": bool,
    "vad": str,
    "vad_margin": Annotated[float, Within(0, 60)],
}
_FIGURE: Mapping[str, Any] = {"title": str, "value": REAL, "interval": tuple[REAL, ...]}
_RESULT: Mapping[str, Any] = {
    **dict.fromkeys(("set", "task", "config"), str),
    "utterances": int,
    "figures": Mapping[str, _FIGURE],  # type: ignore[valid-type]
}
_PART: Mapping[str, Any] = dict.fromkeys(("set", "task", "phase"), str)
TASK_DEFAULTS: Mapping[str, str] = {"speech": "slu", "text_in": "nlu"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A package in facts.

    Attributes:
        language: of the words, as in ISO 639-1.
        license: of the weights, as SPDX names it, in lower case.
        tasks: ``speech`` and ``text_in`` → the task label to decode with, unless told otherwise.
        decode: options of the search that the results were measured with, and how speech is found in a recording.
        trained_on: ``{phase, task, set}``, one a part of the mixtures.
        results: ``{set, task, config, utterances, figures}``; figures as in ``metrics.json``: key → ``{title, value,
            interval}``, shares of 1.
        command: what trains the model again.
        versions: of what made it: ``espnet_atat``, ``espnet``, ``torch``, ``commit``.
        encoder: a pretrained speech encoder that it hears by: ``kind``, ``identity``, and ``name`` where the package
            does not bring it; empty without one.
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
    encoder: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_known(self.tasks, TASK_DEFAULTS, "tasks", "kind of input")
        for source, task in self.tasks.items():  # of zero-shot models, speech under nlu; of an ensemble, nlu+slu
            check_known(task_labels(task), TASK_SOURCE, f"tasks: {source}", "task")
        if self.encoder:
            _demand(self.encoder, ("kind", "identity"), "encoder")
        check(DECODE, self.decode, "decode")
        for key, hints, rows in (("trained_on", _PART, self.trained_on), ("results", _RESULT, self.results)):
            for number, row in enumerate(rows, 1):
                check(hints, row, f"{key}, entry {number}")
                _demand(row, hints.keys() - {"phase"}, f"{key}, entry {number}")
        for result in self.results:
            for figure in result["figures"].values():
                _demand(figure, _FIGURE, f"results: figures of {result['set']}")

    @property
    def labels(self) -> dict[str, str]:
        return {"audio" if key == "speech" else "text": task for key, task in self.tasks.items()}

    @property
    def corpora(self) -> list[str]:
        return list(dict.fromkeys(part["set"].partition("/")[0] for part in self.trained_on))

    def dump(self) -> str:
        content = dataclasses.asdict(self)
        content |= {"trained_on": list(content["trained_on"]), "results": list(content["results"])}
        return yaml.safe_dump({"form": MANIFEST_FORM, **content}, sort_keys=False, allow_unicode=True, width=110)

    @classmethod
    def read(cls, text: bytes, where: str) -> Self:
        content = parse_plain(text, where)
        if content.pop("form", None) != MANIFEST_FORM:
            raise UserError(
                f"{where}: not a manifest of form {MANIFEST_FORM}: packed by another release? Pack the model again"
            )
        content.pop("made_from", None)  # of packages of earlier commits
        return read(cls, content, where)


def _demand(row: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    if missing := sorted(key for key in keys if row.get(key) is None):
        raise UserError(f"{where}: the key {missing[0]!r} is missing")


def search_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an inference configuration that a package keeps."""
    if config.get("lexicon"):
        raise UserError("a package brings no lexicon: pack another configuration, the first of a row's decode")
    return {key: value for key, value in config.items() if key in DECODE and value is not None}


def result_of(metrics: Mapping[str, Any], *, test_set: str, task: str, config: str) -> dict[str, Any]:
    figures = {
        key: {"title": figure["title"], "value": figure["value"], "interval": list(figure["interval"] or ())}
        for key, figure in metrics["figures"].items()
        if figure["value"] is not None
    }
    return {"set": test_set, "task": task, "config": config, "utterances": metrics["utterances"], "figures": figures}
