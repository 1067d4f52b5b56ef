"""Choose an option of the search, such as lm_weight, on the dev sets of some systems, never on test sets.

python -m espnet_atat.bin.tune --recipe mini --table lm --option lm_weight --values 0,0.05,0.1,0.2,0.3,0.5
python -m espnet_atat.bin.tune --recipe mini --system music --option ctc_weight

The models must exist (./run.sh --table lm --stop_stage 11), with every seed that is asked for. The exact match of
each value is printed; the one with the highest mean over systems, seeds and dev sets is the best.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.arguments import positive
from espnet_atat.atomic import write_json
from espnet_atat.bin import new_parser, start
from espnet_atat.config.layout import EXP
from espnet_atat.config.selection import Selection, add_selection, select
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines
from espnet_atat.metrics.metrics_file import METRICS_FILE, read_metrics
from espnet_atat.steps.stage13_score import score_node
from espnet_atat.steps.systems import plan_system

#: Options that a set of values makes sense for: the inference configuration whose other options are kept, and values.
OPTIONS: dict[str, tuple[str, tuple[float, ...]]] = {
    "lm_weight": ("decode_lm", (0, 0.05, 0.1, 0.2, 0.3, 0.5)),
    "ctc_weight": ("decode", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
    "oov_penalty": ("decode_read", (0, 2, 3, 4, 5, 7)),
    "reading_weight": ("decode_read", (0, 0.25, 0.5, 1, 2)),
    "penalty": ("decode", (-1, -0.5, 0, 0.5, 1)),
    "beam_size": ("decode", (1, 2, 4, 8)),
}
WHOLE = {"beam_size"}


@dataclass(frozen=True)
class Measurement:
    """One value of the option on one dev set, in shares (not per cent)."""

    system: str
    seed: int
    set: str
    value: float
    exact_match: float
    interval: tuple[float, float]


def tune(
    selection: Selection,
    config_name: str,
    option: str,
    values: Sequence[float],
    nj: int = 1,
    machines: Machines | None = None,
) -> list[Measurement]:
    """Decode the systems' dev sets of trees with each value and seed; what is decoded already is not decoded again."""
    measured = []
    for system in selection.systems:
        if system.folds is not None and selection.fold is None:
            raise UserError(f"system {system.name} is a cross validation: choose on one fold (--fold)")
        for seed in selection.seeds_of(system):
            trial = plan_system(system, seed, selection.fold, machines, dev=True, nj=nj)
            for test in (test for test in trial.tests if test.wants_trees):
                for value in values:
                    decoding = trial.decoding(config_name, test, **{option: value})
                    for node in (decoding.node, score_node(decoding)):
                        if not node.is_done:
                            node.build()
                    figure = read_metrics(decoding.folder / METRICS_FILE)["figures"]["em_full"]  # exact match of trees
                    em, interval = figure["value"], tuple(figure["interval"])
                    measured.append(Measurement(system.name, seed, test.set, value, em, interval))
    if not measured:
        names = ", ".join(system.name for system in selection.systems)
        raise UserError(f"{names}: no dev set of trees to choose on")
    return measured


def means(measured: Sequence[Measurement]) -> dict[float, float]:
    """Value → exact match, each dev set and seed counted alike."""
    return {
        value: sum(found) / len(found)
        for value in dict.fromkeys(each.value for each in measured)
        if (found := [each.exact_match for each in measured if each.value == value])
    }


def best_value(measured: Sequence[Measurement]) -> float:
    """The value with the highest mean; of equal ones the smallest."""
    found = means(measured)
    return min(found, key=lambda value: (-found[value], value))


def write_measurements(recipe: str, config_name: str, option: str, measured: Sequence[Measurement]) -> Path:
    """Write ``exp/<recipe>/tuning/<systems>.<inference config>.<option>.json``."""
    systems = "+".join(dict.fromkeys(each.system for each in measured))
    content: dict[str, Any] = {
        "option": option,
        "inference_config": config_name,
        "best": best_value(measured),
        "means": [{"value": value, "exact_match": mean} for value, mean in means(measured).items()],
        "measurements": [vars(each) for each in measured],
    }
    path = EXP / recipe / "tuning" / f"{systems}.{config_name}.{option}.json"
    write_json(path, content, indent=1)
    return path


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("tune", __doc__)
    add_selection(parser)
    parser.add_argument("--option", choices=sorted(OPTIONS), default="lm_weight", help="which")
    parser.add_argument("--values", type=value_list, help="such as 0,0.1,0.2; default: depends on the option")
    parser.add_argument("--inference_config", help="gives the other options; default: depends on the option")
    parser.add_argument("--nj", type=positive, default=1, help="processes that decode a large set")
    parser.add_argument("--ngpu", type=int, choices=(0, 1), default=0, help="1: decode on a GPU")
    return parser


def value_list(text: str) -> tuple[float, ...]:
    """``0,0.1,0.2`` → (0.0, 0.1, 0.2)."""
    try:
        values = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0,0.1,0.2") from error
    if not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"{text!r} has a number that is not finite")
    return values


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    config, usual = OPTIONS[args.option]
    config = args.inference_config or config
    values = [int(value) if args.option in WHOLE else value for value in args.values or usual]
    selection = select(args)
    if own := [" ".join(each.option) for each in selection.settings if each.key[0] in ("decode", "vad_margin")]:
        raise UserError(f"{own[0]}: bin.tune takes the search from --inference_config: leave the option out")
    measured = tune(selection, config, args.option, values, args.nj, Machines(ngpu=args.ngpu))
    for each in measured:
        low, high = (100 * bound for bound in each.interval)
        where = f"{each.system}, seed {each.seed}, {each.set}, {args.option} {each.value:g}"
        print(f"{where}: EM {100 * each.exact_match:.1f} [{low:.1f}, {high:.1f}]")
    for value, mean in means(measured).items():
        print(f"{args.option} {value:g}: mean EM {100 * mean:.2f}")
    print(f"best on dev: {args.option} {best_value(measured):g}")
    print(f"wrote {write_measurements(args.recipe, config, args.option, measured)}")


if __name__ == "__main__":
    start(main)
