"""The mixture of a phase: its training and validation data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from espnet_atat.config.layout import CONF, DUMP, FOLD, filled, has_audio, load_yaml, short
from espnet_atat.config.proportions import TEMPERATURE, parse_temperature, with_weights
from espnet_atat.config.recipe import Mixture, load_recipe
from espnet_atat.config.system import Phase
from espnet_atat.data.mixture import TREE_TASKS, Part, parse_mixture
from espnet_atat.errors import UserError
from espnet_atat.schema import check_known, read

#: Mixtures that all recipes share.
SHARED = CONF / "mixtures.yaml"
#: The key of an entry that is a place for sets of other corpora.
PRETRAIN_SLU = "pretrain_slu"
#: Beside it in ``metrics.json``.
WHY = f"{PRETRAIN_SLU}_why"


@dataclass(frozen=True)
class PretrainingSets:
    """The sets of other corpora, ``recipe/name`` each, and why these; of ``text_alone`` no audio is to be heard."""

    sets: tuple[str, ...]
    why: str
    text_alone: bool = False

    @property
    def info(self) -> dict[str, str]:
        """As ``metrics.json`` notes it."""
        return {PRETRAIN_SLU: " ".join(self.sets), WHY: self.why}

    def entries(self, tasks: Sequence[str], *, dev: bool) -> list[dict[str, Any]]:
        """Entries of a mixture: each set, or its dev set, for each of ``slu`` and ``nlu`` that it has data for."""
        return [
            # A name of its own: sets of several corpora are called "train".
            {"task": task, "set": name, "name": name.replace("/", "_")}
            for name in (map(_dev_of, self.sets) if dev else self.sets)
            if (DUMP / name / "target").is_file()
            for task in tasks
            if task == "nlu" or (has_audio(name) and not self.text_alone)
        ]


@dataclass(frozen=True)
class Mixtures:
    """What a phase trains on and validates on; ``selection``: the sets of other corpora among the parts, if any."""

    name: str
    train: tuple[Part, ...]
    valid: tuple[Part, ...]
    selection: PretrainingSets | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.train, *self.valid)


def _dev_of(name: str) -> str:
    return f"{name.removesuffix('train')}dev" if name.endswith("train") else f"{name}_dev"


def find_mixture(recipe: str, phase: Phase) -> Mixture:
    """What a phase spells out or names: ``pretrain``, the recipe's or a shared one; ``mini/pretrain``, that of mini."""
    if isinstance(phase.mixture, Mixture):
        return phase.mixture
    owner, _, name = phase.mixture.rpartition("/")
    found = load_recipe(owner or recipe).mixtures
    if name not in found:
        shared = load_yaml(SHARED) if SHARED.is_file() else {}
        check_known([name], [*found, *shared], f"recipe {owner or recipe}", "mixture")
        return replace(read(Mixture, shared[name], f"{SHARED}: {name}"), name=name)
    return replace(found[name], name=name)


def load_mixtures(
    recipe: str, phase: Phase, fold: int | None = None, selection: PretrainingSets | None = None
) -> Mixtures:
    """The parts of a phase's mixture, with its fold and with the sets that its places for other corpora take."""
    mixture = find_mixture(recipe, phase)
    parts = {}
    for split in ("train", "valid"):
        where = f"mixture {mixture.name} of {recipe}: {split}"
        entries = filled(list(getattr(mixture, split)), FOLD, FOLD if fold is None else str(fold))
        if FOLD in str(entries):
            raise UserError(f"{where}: has {FOLD} in it, but the system has no folds")
        if selection is not None:
            entries = _filled(entries, selection, where, dev=split == "valid")
        elif any(map(is_place, entries)):
            raise UserError(f"{where}: {PRETRAIN_SLU} applies only to pretraining; a fine-tuning must name its sets")
        parts[split] = tuple(parse_mixture(entries, where))
    return Mixtures(short(mixture.name), **parts, selection=selection)


def is_place(entry: object) -> bool:
    """Whether an entry of a mixture is a place for the sets of other corpora."""
    return isinstance(entry, Mapping) and PRETRAIN_SLU in entry


def _filled(
    entries: list[dict[str, Any]], selection: "PretrainingSets", where: str, *, dev: bool
) -> list[dict[str, Any]]:
    """The entries with sets in the places for them; in training these have weights (:mod:`.proportions`)."""
    given = [entry for entry in entries if not is_place(entry)]
    others = parse_mixture(given, where) if given else []
    found_all: list[dict[str, Any]] = []
    for entry in entries:
        if is_place(entry):
            tasks, temperature = _read_place(entry, where, dev=dev)
            found = selection.entries(tasks, dev=dev)
            found_all += found if dev else with_weights(found, others, temperature)
        else:
            found_all.append(entry)
    return found_all


def _read_place(entry: dict[str, Any], where: str, *, dev: bool) -> tuple[list[str], float]:
    tasks, known = entry[PRETRAIN_SLU], {PRETRAIN_SLU} if dev else {PRETRAIN_SLU, "temperature"}
    if not entry.keys() <= known or not isinstance(tasks, list) or not tasks or not set(tasks) <= TREE_TASKS:
        raise UserError(
            f"{where}: {{{PRETRAIN_SLU}: [slu, nlu]}} names one or both of these tasks"
            + (" and no more" if dev else ", beside it temperature and no more")
            + f", found {entry!r}"
        )
    return tasks, parse_temperature(entry.get("temperature", TEMPERATURE), where)
