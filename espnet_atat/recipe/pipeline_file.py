"""The two-stage pipeline that a system may be, as its YAML file says: a tagger, and whose words it reads.

In ``egs2/atat/<recipe>/systems/<name>.yaml``, in place of ``decode``::

    pipeline:
      tagger: bilstm_crf                               # or crf
      data: [mini/music_train]                         # sets whose trees it learns; flat ones alone
      options: {epochs: 20, pretrain_epochs: 5}        # of baselines.config, but for the seed, which is the system's
      pretrain_data: [mini/sentences_train]            # sets whose words the BiLSTM is pretrained on; no trees needed
    first_stage: {whisper: tiny.en, language: en}      # a model of Whisper: its size, or a folder
                 {asr: decode}                         # the system's own model (pretrain, finetune), as asr,
                                                       # searched by conf/decode.yaml
                 {transcripts: "asr/seed{seed}/{set}"} # words that any recogniser wrote: lines of utterance id, words
                 {oracle: true}                        # the set's own text: what a recogniser without errors would give
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from espnet_atat.baselines.config import CONFIGS, BilstmConfig, Config
from espnet_atat.errors import UserError
from espnet_atat.recipe.fields import fields_of, list_of

#: Kinds of first stages, each a key of ``first_stage``.
ASR, WHISPER, TRANSCRIPTS, ORACLE = KINDS = ("asr", "whisper", "transcripts", "oracle")
#: Those whose recogniser was not trained here.
FOREIGN = (WHISPER, TRANSCRIPTS)
#: An option of the taggers that the system itself says.
SEED = "seed"


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The second stage.

    Attributes:
        tagger: ``crf`` or ``bilstm_crf``.
        data: sets (``recipe/name``) whose trees it learns.
        options: of the tagger, in place of its defaults.
        pretrain_data: sets whose text the BiLSTM is pretrained on.
    """

    tagger: str
    data: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    pretrain_data: tuple[str, ...] = ()

    @property
    def has_seed(self) -> bool:
        """Whether anything of the training is drawn at random: a CRF is the same with every seed."""
        return CONFIGS[self.tagger] is BilstmConfig

    def config(self, seed: int) -> Config:
        """The tagger's options.

        Raises:
            UserError: a value out of its range.
        """
        return CONFIGS[self.tagger](**self.options, **({SEED: seed} if self.has_seed else {}))

    def __str__(self) -> str:
        options = f" with {dict(self.options)}" if self.options else ""
        pretraining = f", pretrained on the words of {', '.join(self.pretrain_data)}" if self.pretrain_data else ""
        return f"{self.tagger}{options} on the trees of {', '.join(self.data)}{pretraining}"

    def of_fold(self, fold: int | None) -> "Pipeline":
        """With ``{fold}`` filled in."""

        def fill(sets: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name.replace("{fold}", str(fold)) for name in sets)

        return replace(self, data=fill(self.data), pretrain_data=fill(self.pretrain_data))


@dataclass(frozen=True, kw_only=True)
class FirstStage:
    """Whose words the tagger reads.

    Attributes:
        kind: one of ``KINDS``.
        value: what the YAML file says of it: an inference configuration, a model, a pattern of paths; empty for the
            oracle.
        language: of the speech, for Whisper.
    """

    kind: str
    value: str
    language: str = "en"

    @property
    def is_foreign(self) -> bool:
        """Whether a recogniser that was not trained here says the words: nobody knows what they cost."""
        return self.kind in FOREIGN

    @property
    def folder(self) -> str:
        """Stands where the inference configuration stands in the paths of other systems' results."""
        return self.value if self.kind == ASR else self.kind

    def filled(self, **values: object) -> str:
        """The pattern of paths with ``{set}``, ``{seed}``, ``{fold}`` filled in."""
        path = self.value
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", str(value))
        return path

    def __str__(self) -> str:
        return {
            ASR: f"its own asr, searched by {self.value}",
            WHISPER: f"Whisper {self.value} ({self.language})",
            TRANSCRIPTS: self.value,
            ORACLE: "the text itself",
        }[self.kind]


def pipeline_of(content: object, where: str) -> Pipeline:
    """Read ``pipeline``.

    Raises:
        UserError: an unknown key, tagger or option, or a value of another kind.
    """
    read = fields_of(Pipeline, content, where)
    for key in ("data", "pretrain_data"):
        read[key] = tuple(map(str, list_of(read.get(key) or [], f"{where}: {key}")))
        if strange := [name for name in read[key] if "/" not in name]:
            raise UserError(f"{where}: {key}: a set is recipe/name, found {strange[0]!r}")
    if not read["data"]:
        raise UserError(f"{where}: data is not empty: a tagger learns from trees")
    if read["tagger"] not in CONFIGS:
        raise UserError(f"{where}: tagger is one of {', '.join(CONFIGS)}, found {read['tagger']!r}")
    pipeline = Pipeline(**{**read, "options": _options(read["tagger"], read.get("options"), f"{where}: options")})
    try:
        config = pipeline.config(seed=1)
    except UserError as error:
        raise UserError(f"{where}: options: {str(error).removeprefix('--')}") from error
    if bool(pipeline.pretrain_data) != (isinstance(config, BilstmConfig) and config.pretrain_epochs > 0):
        raise UserError(f"{where}: pretrain_data and the option pretrain_epochs (of bilstm_crf) go together")
    return pipeline


def _options(tagger: str, content: object, where: str) -> dict[str, Any]:
    defaults = {option.name: option.default for option in fields(CONFIGS[tagger]) if option.name != SEED}
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: is a mapping of the tagger's options, found {content!r}")
    if SEED in content:
        raise UserError(f"{where}: the seed is that of the system (seeds, --seeds): leave it out here")
    if unknown := sorted(map(str, content.keys() - defaults.keys())):
        raise UserError(f"{where}: unknown option {unknown[0]!r} of {tagger}; known: {', '.join(defaults)}")
    found: dict[str, Any] = {}
    for name, value in content.items():
        fraction = isinstance(defaults[name], float)
        if isinstance(value, bool) or not isinstance(value, int | float if fraction else int):
            raise UserError(f"{where}: {name} is a {'' if fraction else 'whole '}number, found {value!r}")
        found[name] = float(value) if fraction else value
    return found


def first_stage_of(content: object, where: str) -> FirstStage:
    """Read ``first_stage``.

    Raises:
        UserError: no known kind or more than one, or a value of another kind.
    """
    known = ", ".join(KINDS)
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise UserError(f"{where}: is a mapping with one of the keys {known}, found {content!r}")
    if unknown := sorted(content.keys() - {*KINDS, "language"}):
        raise UserError(f"{where}: unknown key {unknown[0]!r}; known: {known}, and language with {WHISPER}")
    kinds = [kind for kind in KINDS if kind in content]
    if len(kinds) != 1:
        raise UserError(f"{where}: wants one of {known}, found {', '.join(kinds) or 'none of them'}")
    kind, value = kinds[0], content[kinds[0]]
    if "language" in content and kind != WHISPER:
        raise UserError(f"{where}: language goes with {WHISPER}")
    if kind == ORACLE:
        if value is not True:
            raise UserError(f"{where}: oracle is true, found {value!r}")
        return FirstStage(kind=kind, value="")
    for key in (kind, "language"):
        if not isinstance(content.get(key, "en"), str) or not content.get(key, "en"):
            raise UserError(f"{where}: {key} is a name or a text, found {content[key]!r}")
    if kind == ASR and "/" in value:
        raise UserError(f"{where}: asr: {value!r} cannot name a folder of results: copy that configuration")
    return FirstStage(kind=kind, value=value, language=content.get("language", "en"))
