"""Checks training options against those of the trainers, without importing these (10 s, and torch).

``known_options.json`` says what there is, as read off the parsers and off the classes that a ``*_conf`` configures.
A test compares them; after a change of either:

    python -m tests.config.test_known_options > espnet_atat/config/known_options.json
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from espnet_atat.errors import UserError
from espnet_atat.schema import check_known
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
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("true or false", (bool,)),
    "text": ("a text", (str,)),
    "list": ("a list", (list, tuple)),
    "mapping": ("a mapping", (Mapping,)),
    "any": ("anything", (object,)),
}


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

    def problem(self, value: object) -> str | None:
        """What is wrong with a value."""
        if value is None:
            return None if self.null else "is not null"
        name, types = _KINDS[self.kind]
        if not isinstance(value, types) or (isinstance(value, bool) and self.kind in ("int", "float")):
            return f"is {name}, found {value!r}"
        if self.choices and value not in self.choices:
            return f"is one of {', '.join(self.choices)}{', null' if self.null else ''}, found {value!r}"
        return None


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
        if name == CPU_PROCESSES and task == "atat":
            if type(value) is not int or value < 1:
                raise UserError(f"{place(name, '')}: {name}: is a whole number from 1, found {value!r}")
        elif name == FEATS_TYPE and task == "atat":
            if value not in ("encoder", "raw", "mfcc"):
                raise UserError(f"{place(name, '')}: {name}: is one of encoder, raw, mfcc, found {value!r}")
        elif name in PLANNED:
            raise UserError(f"{place(name, '')}: {name}: is set {PLANNED[name]}: leave it out")
        elif name not in known or "." in name:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f", perhaps {near[0]!r}" if near else ""
            raise UserError(
                f"{place(name, '')}: unknown option {name!r}{meant}; python -m {_HELP[task]} --help lists all"
            )
        elif problem := known[name].problem(value):
            raise UserError(f"{place(name, '')}: {name}: {problem}")
    for name, option in known.items():
        outer, _, inner = name.partition(".")
        value = (config.get(outer) or {}).get(inner) if inner else config.get(outer)
        if option.keys is None or not value:
            continue
        if problem := option.problem(value):
            raise UserError(f"{place(outer, inner)}: {outer}: {inner}: {problem}")
        chosen = (config.get(option.by, known[option.by].default) or "") if option.by else ""
        for key in value if chosen in option.keys else ():
            where = f"{place(outer, inner or key)}: {name.replace('.', ': ')}"
            check_known([key], option.keys[chosen], where + (f" of {chosen}" if chosen else ""), "key")
