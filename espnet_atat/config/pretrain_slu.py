"""Which corpora replace the paper's private one in pretraining: ``--pretrain_slu``.

A mixture marks the place with an entry of its own; in ``valid`` it means the dev sets of the same corpora::

    - {pretrain_slu: [slu, nlu]}        # the tasks that the sets are used for: only nlu where they have no audio
    - {pretrain_slu: [slu], temperature: 1}     # of train: what they weigh, see proportions.py

The sets are those that ``--pretrain_slu`` or the row's ``pretrain_slu`` names; else every prepared corpus with trees
and audio but the tested one, of the sets that each ``recipe.yaml`` offers by its own ``pretrain_slu``; else the text of
TOP.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from espnet_atat.config.encoder_input import EncoderInput
from espnet_atat.config.layout import DUMP, has_audio
from espnet_atat.config.mixtures import PRETRAIN_SLU, PretrainingSets, find_mixture, is_place
from espnet_atat.config.recipe import load_recipe, recipe_names
from espnet_atat.config.rows import table_contents
from espnet_atat.config.system import System, load_system
from espnet_atat.config.table import load_table
from espnet_atat.data.mixture import Part
from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.engines import engine_of, read_entries

PRETRAIN_SLU_OPTION = f"--{PRETRAIN_SLU}"
TOP_TEXT = "top/train"
#: Recipes with sets from several domains: the domain precedes train, dev, test or text in a set's name.
OF_SEVERAL_DOMAINS = ("custom", "mini")
#: STOP's text is TOPv2's, whose events and navigation are TOP's.
SAME_DOMAIN = {"stop": "top"}
_SPLIT = re.compile(r"(^|_)(train|dev|test|text)(_.*)?$")


def domain_of(name: str) -> str:
    """``fsc/unseen_speaker_test`` → ``fsc``, ``stop/test`` → ``top``, ``custom/music_test`` → ``custom/music``."""
    recipe, _, own = name.partition("/")
    if recipe not in OF_SEVERAL_DOMAINS:
        return SAME_DOMAIN.get(recipe, recipe)
    return f"{recipe}/{_SPLIT.sub('', own)}".rstrip("/")


def takes_sets(system: System) -> bool:
    """Whether the mixture of its pretraining marks a place for them."""
    if system.pretrain is None:
        return False
    mixture = find_mixture(system.recipe, system.pretrain)
    return any(is_place(entry) for entry in (*mixture.train, *mixture.valid))


def choose_sets(system: System) -> PretrainingSets:
    """What a system pretrains on, of what there is in ``dump/``."""
    if system.pretrain_slu is not None:
        return PretrainingSets(_named(system.pretrain_slu, system), f"named by {PRETRAIN_SLU_OPTION}")
    tested = _tested(system)
    if found := tuple(name for name in _prepared() if domain_of(name) not in tested):
        return PretrainingSets(found, "every prepared corpus of speech with trees but the tested one")
    if (DUMP / TOP_TEXT / "target").is_file():
        own = ", which is the tested domain's own" if domain_of(TOP_TEXT) in tested else ""
        why = f"no other corpus of speech with trees is prepared, so nlu from TOP's text{own}"
        return PretrainingSets((TOP_TEXT,), why, text_alone=True)
    raise UserError(
        f"system {system.name} pretrains on slu and nlu of other corpora, and none is prepared: {_command('top')} "
        f"prepares TOP's text, the least that it needs; or name sets by {PRETRAIN_SLU_OPTION}"
    )


def check_prepared(parts: Iterable[Part], recipe: str, encoder_input: EncoderInput | None = None) -> None:
    """Refuse to go on without the sets of other recipes, as log mels or as what is read of a pretrained encoder."""
    missing: dict[tuple[str, Path], list[str]] = {}
    for part in parts:
        other, _, name = part.set.partition("/")
        dump = encoder_input.dump if encoder_input is not None and part.source == "speech" else DUMP
        if other != recipe and not (dump / part.set).is_dir():
            missing.setdefault((other, dump), []).append(name)
    for (other, dump), sets in missing.items():
        command = _command(other, _table_of(other, sets), encoder_input if dump != DUMP else None)
        names = ", ".join(dict.fromkeys(sets))
        raise UserError(f"{dump / other} has no {names}, which training needs: {command} prepares that corpus")


def _named(sets: Sequence[str], system: System) -> tuple[str, ...]:
    check_foreign(sets, system)
    for name in sets:
        if not (DUMP / name / "target").is_file():
            raise UserError(
                f"{PRETRAIN_SLU_OPTION}: {name} is not prepared: {DUMP / name} has no target; "
                f"{_command(name.partition('/')[0])} prepares the corpus"
            )
    return tuple(sets)


def check_foreign(sets: Iterable[str], system: System) -> None:
    """Refuse sets of a domain that the system is tested on."""
    tested = _tested(system)
    for name in sets:
        if "/" not in name:
            raise UserError(f"{PRETRAIN_SLU_OPTION}: a set is recipe/name, found {name!r}")
        if domain_of(name) in tested:
            raise UserError(
                f"{PRETRAIN_SLU_OPTION}: {name} belongs to the domain that system {system.name} is tested on "
                f"({tested[domain_of(name)]}): pretraining must not see it"
            )


def _tested(system: System) -> dict[str, str]:
    """Domain → one of the system's test sets of it."""
    return {domain_of(test.set): test.set for test in system.test}


def _prepared() -> list[str]:
    """Sets with trees and audio that recipes offer: those that they name, then those that a pattern finds."""
    offers = [(recipe, name) for recipe in recipe_names() for name in load_recipe(recipe).pretrain_slu]
    named = [f"{recipe}/{name}" for recipe, name in offers if "*" not in name]
    found = [
        f"{recipe}/{folder.name}" for recipe, name in offers if "*" in name for folder in (DUMP / recipe).glob(name)
    ]
    return [name for name in (*named, *sorted(found)) if (DUMP / name / "target").is_file() and has_audio(name)]


def _table_of(recipe: str, sets: Sequence[str]) -> str | None:
    """The recipe's table that has one of the sets synthesised and is tested on no other recipe's; None: no table."""
    if recipe not in recipe_names() or not any(map(engine_of, sets)):
        return None
    engine = load_recipe(recipe).synthesize.engine
    for name, (_, content) in table_contents(recipe).items():
        said = read_entries(list(content.get("synthesize_sets") or ()), engine)
        if not {f"{each}_{by}" for each, by in said}.isdisjoint(sets):
            tests = (test for row in load_table(recipe, name).systems for test in load_system(recipe, row).test)
            if all(test.set.startswith(f"{recipe}/") for test in tests):
                return name
    return None


def _command(recipe: str, table: str | None = None, encoder_input: EncoderInput | None = None) -> str:
    if recipe not in recipe_names():
        return f"a recipe {recipe} (there is none yet)"
    words = ["./run.sh --recipe", recipe, *(["--table", table] if table else [])]
    if encoder_input is not None:
        words += ["--feats_type", *(["encoder --encoder", encoder_input.model] if encoder_input.stored else ["raw"])]
    return " ".join([*words, "--stop_stage 6"])
