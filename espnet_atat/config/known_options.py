"""Checks training options against those of the trainers, without importing them, which takes torch and 10 s.

``known_options.json`` says what there is, as read off the parsers and off the classes that a ``*_conf`` configures.
A test compares them; after a change of either:

    python -m tests.config.test_known_options > espnet_atat/config/known_options.json
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from espnet_atat.errors import UserError
from espnet_atat.schema import Within, check_known, check_value
from espnet_atat.strict_json import read_json

type Task = Literal["atat", "lm"]

KNOWN = Path(__file__).with_name("known_options.json")
#: An option of a training YAML that is not ESPnet's: processes of training on the CPU (with GPUs, ``--ngpu`` says it).
CPU_PROCESSES = "cpu_processes"
FEATS_TYPE = "feats_type"
#: What a training is given by the plan, whatever its YAML says; where a row or the command line decides it, how.
PLANNED: Mapping[str, str] = {
    "seed": "by the row's seeds or --seeds",
    "ngpu": "by --ngpu",
    **dict.fromkeys(("token_list", "bpemodel", "grown_words", "ctc_characters"), "by the row's tokens"),
    **dict.fromkeys(("output_dir", "resume", "pretrained_vocabulary_size"), "by the plan"),
    **{
        f"{split}_{name}": "by the row's mixture"
        for split in ("train", "valid")
        for name in ("data_path_and_name_and_type", "shape_file", "groups")
    },
}
_HELP = {"atat": "espnet_atat.bin.atat_train", "lm": "espnet2.bin.lm_train"}
_KINDS: Mapping[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "text": str,
    "list": tuple[Any, ...],
    "mapping": Mapping[Any, Any],
    "any": Any,
}
#: Options of a training YAML that the recipe reads and no trainer knows.
_OF_RECIPE = {CPU_PROCESSES: Annotated[int, Within(1, math.inf)], FEATS_TYPE: Literal["encoder", "raw", "mfcc"]}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a trainer.

    Attributes:
        kind: a key of ``_KINDS``.
        null: whether null is a value.
        choices: the values that there are; empty: any of the kind.
        default: of an option that a ``*_conf`` depends on.
        by: of a ``*_conf``: the option that names what it configures; empty: that is always the same.
        keys: of a ``*_conf``: what the option ``by`` names → the keys there are.
    """

    kind: str
    null: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    by: str = ""
    keys: Mapping[str, tuple[str, ...]] | None = None

    @property
    def hint(self) -> Any:
        """The values that it takes, as a type."""
        if self.choices:
            return Literal[*self.choices, *((None,) if self.null else ())]
        return _KINDS[self.kind] | None if self.null else _KINDS[self.kind]


@cache
def known_options(task: Task) -> Mapping[str, Option]:
    """Name → option; ``audio_encoder_conf.blocks_conf`` is a mapping inside another."""
    return {name: Option(**content) for name, content in read_json(KNOWN)[task].items()}


def check_options(task: Task, config: Mapping[str, Any], place: Callable[[str, str], str]) -> None:
    """Refuse an option that the trainer does not have, and a value that it does not take.

    Args:
        place: gives the place where a message says that an option, and a key of it (else empty), is from.
    """
    known = known_options(task)
    for name, value in config.items():
        if task == "atat" and name in _OF_RECIPE:
            check_value(_OF_RECIPE[name], value, f"{place(name, '')}: {name}")
        elif name in PLANNED:
            raise UserError(f"{place(name, '')}: {name}: is set {PLANNED[name]}: leave it out")
        elif name not in known or "." in name:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f", perhaps {near[0]!r}" if near else ""
            raise UserError(
                f"{place(name, '')}: unknown option {name!r}{meant}; python -m {_HELP[task]} --help lists all"
            )
        elif value is None and not known[name].null:
            raise UserError(f"{place(name, '')}: {name}: is not null")
        else:
            check_value(known[name].hint, value, f"{place(name, '')}: {name}")
    for name, option in known.items():
        outer, _, inner = name.partition(".")
        value = (config.get(outer) or {}).get(inner) if inner else config.get(outer)
        if option.keys is None or not value:
            continue
        if inner:
            check_value(option.hint, value, f"{place(outer, inner)}: {outer}: {inner}")
        chosen = (config.get(option.by, known[option.by].default) or "") if option.by else ""
        for key in value if chosen in option.keys else ():
            where = f"{place(outer, inner or key)}: {name.replace('.', ': ')}"
            check_known([key], option.keys[chosen], where + (f" of {chosen}" if chosen else ""), "key")
