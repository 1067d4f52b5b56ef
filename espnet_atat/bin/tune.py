"""Choose an option of the search on the dev sets of some systems.

python -m espnet_atat.bin.tune --recipe mini --table lm --option lm_weight --values 0,0.05,0.1,0.2,0.3,0.5

Test sets are not touched. The models have to be there (``./run.sh --table lm --stage 7 --stop_stage 11``).
"""

import argparse
import sys
from collections.abc import Sequence

from espnet_atat.bin import main_guard
from espnet_atat.config.selection import add_selection, select
from espnet_atat.recipe.tuning import best_value, means, tune, write_trials

#: Options that a set of values makes sense for, and the inference configuration whose other options are kept.
OPTIONS = {"lm_weight": "decode_lm", "ctc_weight": "decode", "penalty": "decode", "beam_size": "decode"}
WHOLE = {"beam_size"}


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.tune",
        description="Decode dev sets with several values of an option; print the exact match of each.",
    )
    add_selection(parser)
    parser.add_argument("--option", choices=sorted(OPTIONS), default="lm_weight", help="default: %(default)s")
    parser.add_argument("--values", type=value_list, required=True, help="such as 0,0.1,0.2")
    parser.add_argument("--inference_config", help="what the other options are taken from; default: by the option")
    parser.add_argument("--nj", type=int, default=1, help="processes of decoding a large set")
    return parser


def value_list(text: str) -> tuple[float, ...]:
    """``0,0.1,0.2`` → (0.0, 0.1, 0.2)."""
    try:
        return tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 0,0.1,0.2") from error


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    values = [int(value) if args.option in WHOLE else value for value in args.values]
    config = args.inference_config or OPTIONS[args.option]
    trials = tune(select(args), config, args.option, values, args.nj)
    for trial in trials:
        low, high = (100 * bound for bound in trial.interval)
        print(
            f"{trial.system} (seed {trial.seed}), {trial.set}, {args.option} {trial.value:g}: "
            f"EM {100 * trial.exact_match:.1f} [{low:.1f}, {high:.1f}]"
        )
    for value, mean in means(trials).items():
        print(f"{args.option} {value:g}: mean EM {100 * mean:.2f}")
    print(f"best on dev: {args.option} {best_value(trials):g}")
    print(f"wrote {write_trials(args.recipe, config, args.option, trials)}")


if __name__ == "__main__":
    sys.exit(main_guard(main))
