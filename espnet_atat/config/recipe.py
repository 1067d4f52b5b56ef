"""A recipe: where its corpus lies, what stages 1 to 5 make of it, and its mixtures: ``egs2/atat/<recipe>/recipe.yaml``.

Only ``corpus`` is required; docs/tables.md shows every key. The key ``tables`` holds the recipe's tables,
except the paper's numbered ones, which are files in the folder ``tables/``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from espnet_atat.bounded import read_whole
from espnet_atat.config.layout import EGS, load_yaml
from espnet_atat.errors import UserError
from espnet_atat.schema import check, check_known, read
from espnet_atat.speech.augmentation.open_values import OpenValues
from espnet_atat.speech.masking import MaskConfig
from espnet_atat.speech.splicing import SpliceConfig
from espnet_atat.speech.synthesis.engines import ENGINE_OPTIONS, EngineName

RECIPE_FILE = "recipe.yaml"


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """What is trained on and validated on: entries as ``data.mixture`` reads them, or places for ``pretrain_slu``.

    Attributes:
        name: of a mixture that a row spells out: the row's, if it says none.
    """

    train: tuple[Mapping[str, Any], ...]
    valid: tuple[Mapping[str, Any], ...]
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Stage 3: sets (``set`` or ``set@engine``) whose text is said, and options of ``bin.synthesize``.

    The engine is also the ``{tts}`` of the rows' sets, where neither row nor command line names another.
    """

    sets: tuple[str, ...] = ()
    engine: EngineName = "pico"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(ENGINE_OPTIONS, self.options, "options")


@dataclass(frozen=True, kw_only=True)
class Align:
    """Stage 4: the sets of ``mask`` and ``splice``, word by word, with options of ``speech.alignment.aligners``."""

    aligner: Literal["sphinx", "gentle"] = "sphinx"
    gentle_url: str | tuple[str, ...] | None = None
    gentle_timeout: float | None = None
    gentle_retries: int | None = None


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Stage 5: sets that get a copy with words masked in the audio, and options."""

    sets: tuple[str, ...] = ()
    options: MaskConfig = field(default_factory=MaskConfig)


@dataclass(frozen=True, kw_only=True)
class SplicedSet(SpliceConfig):
    """Utterances spliced from the words of others: the lines of the set ``text``, else words at random."""

    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Splice:
    """Stage 5: new sets of the words of the sets ``from``."""

    from_: tuple[str, ...]
    sets: Mapping[str, SplicedSet]


@dataclass(frozen=True, kw_only=True)
class License:
    """Stage 15: the licence of the models, by its SPDX name in lower case, and a file with its text."""

    name: str
    file: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What ``recipe.yaml`` says.

    Attributes:
        corpus: a path, or ``$AN4``: a variable of the environment or of ``db.sh``; of several the first that exists.
        prepare: options that ``local/data.sh`` hands to ``bin.prepare``.
        environment: variables that decide what stage 1 makes.
        augment: sets that stage 2 makes augmented copies of.
        open_values: sets of text that stage 2 makes of others' trees, with other words in their open slots.
        pretrain_slu: sets with trees that the pretraining of other corpora's systems may take, or patterns of their
            names, as ``*train`` (:mod:`.pretrain_slu`).
        license: of packages; None: this project's.
        tables: by name, each as a file below ``tables/`` would say it.
        variants: by name, tables that are made again with a change to every trained row (:mod:`.rows`).
    """

    name: str
    corpus: str | tuple[str, ...]
    prepare: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    augment: tuple[str, ...] = ()
    pretrain_slu: tuple[str, ...] = ()
    open_values: Mapping[str, OpenValues] = field(default_factory=dict)
    synthesize: Synthesize = field(default_factory=Synthesize)
    align: Align = field(default_factory=Align)
    mask: Mask = field(default_factory=Mask)
    splice: Splice | None = None
    license: License | None = None
    mixtures: Mapping[str, Mixture] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def recipe_names() -> list[str]:
    return sorted(path.parent.name for path in EGS.glob(f"*/{RECIPE_FILE}"))


def recipe_file(name: str) -> Path:
    check_known([name], recipe_names(), str(EGS), "recipe")
    return EGS / name / RECIPE_FILE


def load_recipe(name: str) -> Recipe:
    path = recipe_file(name)
    recipe = _load_recipe(name, path, read_whole(path))
    if recipe.license is not None and not Path(recipe.license.file).is_file():
        raise UserError(f"{path}: license: file: {recipe.license.file}: no such file, from the repository's root")
    return recipe


@lru_cache(maxsize=32)
def _load_recipe(name: str, path: Path, _written: bytes) -> Recipe:
    """Read a file once for as long as it says the same."""
    return read(Recipe, load_yaml(path), str(path), name=name)
