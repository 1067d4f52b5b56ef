"""What a command works on: recipe, tables or one system, seeds, fold, options of rows; the same for all commands.

Importing this needs the standard library only, so that a parser can be made before there is an environment.
"""

import argparse
import dataclasses
import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.engines import ENGINES
from espnet_atat.stages import readers

if TYPE_CHECKING:
    from espnet_atat.config.system import System
    from espnet_atat.config.table import Table

#: Title of its options in a help text.
SYSTEMS_GROUP = "which systems"
#: Parts of a row that not every row has: one without the part is left as it is.
PARTS = ("pretrain", "finetune", "pipeline", "first_stage")
#: Keys of a row that are the name of a configuration, or its options.
NAMED = ("tokens", "lm")
GROW_BPE = ("finetune", "grow_bpe")
PRETRAIN_SLU_KEY = ("pretrain_slu",)
TTS_ENGINE = ("tts_engine",)


def add_selection(parser: argparse.ArgumentParser, recipe: str | None = "mini") -> None:
    """Add the options that choose systems. ``recipe``: the default; None where a command works without one too."""
    group = parser.add_argument_group(SYSTEMS_GROUP)
    about = "folder below egs2/atat" + (" (default: %(default)s)" if recipe else "")
    group.add_argument("--recipe", default=recipe, help=about)
    chosen = group.add_mutually_exclusive_group()
    chosen.add_argument("--table", help="tables of the recipe: NAME,… or N for tableN (default: default)")
    chosen.add_argument("--system", help="one system: the name of a row of any table")
    group.add_argument("--seeds", type=seed_list, help="such as 1,2,3 (default: each system's own)")
    group.add_argument("--fold", type=int, help="one fold of a cross validation (default: all)")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override an option of the rows, such as finetune.options.max_epoch=5 (repeatable); rows without that "
        "part stay as they are",
    )
    group.add_argument(
        "--grow_bpe",
        choices=("true", "false"),
        help="fine-tuning adds pieces for words that the old BPE model splits too finely (default: as each row says)",
    )
    group.add_argument(
        "--pretrain_slu",
        type=set_list,
        metavar="SETS",
        help="recipe/name,…: sets whose slu and nlu pretraining takes, of rows that have a place for them (default: "
        "every prepared corpus of speech with trees but the tested one)",
    )
    group.add_argument(
        "--tts_engine",
        choices=ENGINES,
        help="engine that speaks the sets of stage 3, and whose speech the rows use; polly, the paper's, is paid ("
        "default: as the row or the recipe says, else pico)",
    )


def seed_list(text: str) -> tuple[int, ...]:
    """``1,2,3`` → (1, 2, 3)."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 1,2,3") from error
    if len(set(seeds)) < len(seeds) or min(seeds) < 0 or max(seeds) >= 2**32:  # as NumPy takes them
        raise argparse.ArgumentTypeError(f"{text!r} has a seed twice, below 0, or above 4294967295")
    return seeds


def set_list(text: str) -> tuple[str, ...]:
    """``top/train,custom/music_train`` → its parts."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rows of some tables, each once, as the command line changed them; ``chosen``: the options that chose them."""

    recipe: str
    tables: "tuple[Table, ...]"
    systems: "tuple[System, ...]"
    seeds: tuple[int, ...] | None = None
    fold: int | None = None
    chosen: tuple[str, ...] = ()
    settings: "tuple[Setting, ...]" = ()

    def seeds_of(self, system: "System") -> tuple[int, ...]:
        return self.seeds or system.seeds

    def folds_of(self, system: "System") -> Sequence[int | None]:
        if self.fold is not None or system.folds is None:
            return [self.fold]
        return range(1, system.folds + 1)

    def arguments(self, system: "System | None" = None) -> list[str]:
        """Options that select the same again, or one of the systems."""
        found = ["--recipe", self.recipe, *self.chosen]
        changes = [word for setting in self.settings for word in setting.option]
        if system is not None:
            found = ["--recipe", self.recipe, "--system", system.name]
            changes = [word for option in system.overrides for word in shlex.split(option)]
        if self.seeds is not None:
            found += ["--seeds", ",".join(map(str, self.seeds))]
        if self.fold is not None:
            found += ["--fold", str(self.fold)]
        return found + changes


@dataclass(frozen=True)
class Setting:
    """One ``--set KEY=VALUE``; ``option`` is it in the words of the command line."""

    key: tuple[str, ...]
    value: Any
    option: tuple[str, ...]

    def taken_by(self, system: "System") -> bool:
        """Whether the system has what this changes."""
        from espnet_atat.config.pretrain_slu import takes_sets

        if self.key == GROW_BPE:  # a token list that starts afresh is not grown
            return system.finetune is not None and system.finetune.keeps_embedding
        if self.key == PRETRAIN_SLU_KEY:
            return takes_sets(system)
        if self.key == TTS_ENGINE:
            return system.tts_engine is not None
        if self.key in (("decode",), ("vad_margin",)):
            return system.first_stage is None
        return self.key[0] not in PARTS or getattr(system, self.key[0]) is not None

    def change(self, system: "System") -> dict[str, Any]:
        """As the row would say it."""
        value = self.value
        if self.key == GROW_BPE and value is True and system.finetune is not None and system.finetune.grow_bpe:
            value = dataclasses.asdict(system.finetune.grow_bpe)  # whether, not how
        return functools.reduce(lambda inner, part: {part: inner}, reversed(self.key), value)


def parse_setting(text: str) -> Setting:
    """``finetune.options.max_epoch=5``; the value is YAML, in one line."""
    import yaml

    from espnet_atat.config.layout import parse_yaml

    key, equals, value = text.partition("=")
    parts = tuple(key.split("."))
    if not equals or not all(parts):
        raise UserError(f"--set {text}: expected KEY=VALUE, such as finetune.options.max_epoch=5")
    try:
        return Setting(parts, parse_yaml(value), ("--set", text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"--set {text}: the value is not YAML: {' '.join(str(error).split())}") from error


def select(args: argparse.Namespace) -> Selection:
    """What the options of :func:`add_selection` select; a mistake in a row is found now (:mod:`.row_check`)."""
    from espnet_atat.config.row_check import check_system
    from espnet_atat.config.system import load_system
    from espnet_atat.config.table import load_tables, systems_of

    settings = [parse_setting(text) for text in args.set]
    tables: tuple[Table, ...]
    if args.grow_bpe is not None:
        settings.append(Setting(GROW_BPE, args.grow_bpe == "true", ("--grow_bpe", args.grow_bpe)))
    if (sets := args.pretrain_slu) is not None:
        settings.append(Setting(PRETRAIN_SLU_KEY, list(sets), ("--pretrain_slu", ",".join(sets))))
    if args.tts_engine is not None:
        settings.append(Setting(TTS_ENGINE, args.tts_engine, ("--tts_engine", args.tts_engine)))
    if args.system is not None:
        names: tuple[str, ...] = (args.system,)
        chosen: tuple[str, ...] = ("--system", args.system)
    else:
        tables = load_tables(args.recipe, args.table or "default")
        names = systems_of(tables)
        chosen = () if args.table is None else ("--table", args.table)
    plain = [load_system(args.recipe, name) for name in names]
    for setting in settings:
        of_stage = setting.option[0] == "--tts_engine" and "stage" in args  # only the driver's belong to stages
        read = of_stage and readers("tts_engine", args.stage, args.stop_stage)
        if not read and not any(setting.taken_by(system) for system in plain):
            rows, option = ", ".join(system.name for system in plain), " ".join(setting.option)
            raise UserError(f"{option}: no row has a place for it ({rows}): leave the option out")
    systems = tuple(_changed(system, settings) for system in plain)
    for system in systems:
        check_system(system, args.fold)
    if args.system is not None:
        tables = (_table_of(systems[0]),)
    for table in tables:
        _check_baselines(table, {system.name: system for system in systems})
    return Selection(
        recipe=args.recipe,
        tables=tables,
        systems=systems,
        seeds=args.seeds,
        fold=args.fold,
        chosen=chosen,
        settings=tuple(settings),
    )


def _check_baselines(table: "Table", systems: Mapping[str, "System"]) -> None:
    for row, other in table.baseline.items():
        theirs = {test.set for test in systems[other].test}
        if lacking := [test.set for test in systems[row].test if test.set not in theirs]:
            raise UserError(
                f"table {table.name}: baseline: {other} is not tested on {lacking[0]}, so {row} cannot be compared "
                "with it"
            )


def _table_of(system: "System") -> "Table":
    """A table of this one row, with the sets that stages 2 and 3 make for it in the table that defines it."""
    from espnet_atat.config.layout import TTS
    from espnet_atat.config.mixtures import find_mixture
    from espnet_atat.config.rows import owner_of
    from espnet_atat.config.table import Table, load_table

    table = load_table(system.recipe, owner_of(system.recipe, system.name))
    mixtures = [find_mixture(system.recipe, each) for each in (system.pretrain, system.finetune) if each is not None]
    parts = [entry.get("set", "") for each in mixtures for entry in (*each.train, *each.valid)]
    wanted = {*parts, *(test.set for test in (*system.dev, *system.test))}
    wanted |= {name.removesuffix("_aug") for name in wanted}

    def is_said(entry: str) -> bool:
        name, _, engine = entry.partition(":")[0].partition("@")
        return any(f"{system.recipe}/{name}_{each}" in wanted for each in ([engine] if engine else [*ENGINES, TTS]))

    return Table(
        recipe=system.recipe,
        name=system.name,
        title=system.title,
        rows={system.name: None},
        synthesize_sets=tuple(filter(is_said, table.synthesize_sets)),
        augment_sets=tuple(each for each in table.augment_sets if f"{system.recipe}/{each}_aug" in wanted),
    )


def _changed(plain: "System", settings: Sequence[Setting]) -> "System":
    from espnet_atat.config.layout import conf_file, load_config, merged
    from espnet_atat.config.pretrain_slu import check_foreign
    from espnet_atat.config.system import load_system

    taken = [setting for setting in settings if setting.taken_by(plain)]
    if not taken:
        return plain
    changes: Mapping[str, Any] = {}
    for setting in taken:
        key, *inner = setting.key
        if key in NAMED and inner and key not in changes and isinstance(name := getattr(plain, key), str):
            changes = {**changes, key: load_config(conf_file(plain.recipe, name))}  # all else as the name says
        changes = merged(changes, setting.change(plain))
        if setting.key == PRETRAIN_SLU_KEY:
            check_foreign(setting.value, plain)
    options = tuple(shlex.join(setting.option) for setting in taken)
    return load_system(plain.recipe, plain.name, changes, options)
