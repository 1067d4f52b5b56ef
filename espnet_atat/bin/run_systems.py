"""Stages 7 to 14 of a recipe: tokens, statistics, training, decoding, scoring, tables. ``run.sh`` calls it.

python -m espnet_atat.bin.run_systems --recipe mini --table default
python -m espnet_atat.bin.run_systems --recipe mini --system music --seeds 1,2,3 --stage 10 --stop_stage 10
"""

import argparse
import sys
from collections.abc import Sequence

from espnet_atat.bin import main_guard
from espnet_atat.config.selection import add_selection, select
from espnet_atat.errors import UserError
from espnet_atat.recipe.request import TABLE, TOKENS, Request
from espnet_atat.recipe.stages import run_stages
from espnet_atat.recipe.training import Machines


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.run_systems",
        description="Make what the systems of tables still lack, then write the tables.",
    )
    add_selection(parser)
    parser.add_argument("--stage", type=int, default=TOKENS)
    parser.add_argument("--stop_stage", type=int, default=TABLE)
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs of each machine; 0 is the CPU")
    parser.add_argument("--num_nodes", type=int, default=1, help="machines of one training run")
    parser.add_argument("--train_cmd", default="run.pl", help="what starts training: run.pl, or slurm.pl with options")
    parser.add_argument("--cpu_processes", type=positive, help="of training on the CPU; by default as its YAML says")
    parser.add_argument("--jobs", type=positive, default=1, help="systems at once, by --train_cmd")
    parser.add_argument("--nj", type=int, default=1, help="processes of decoding a large set")
    parser.add_argument("--force", action="store_true", help="make again what these stages have made")
    parser.add_argument("--dry_run", action="store_true", help="print what is there and what would be made")
    parser.add_argument("--decode_dev", action="store_true", help="decode and score the dev sets, not the test sets")
    parser.add_argument("--keep_results", action="store_true", help="copy scored sets to egs2/atat/<recipe>/results")
    parser.add_argument(
        "--use_results",
        action="store_true",
        help="train nothing whose results are kept there, of this very model and data",
    )
    return parser


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    selection = select(args)
    if args.jobs > 1 and args.num_nodes > 1:
        raise UserError(
            "--jobs trains systems beside each other, --num_nodes one over several machines: give one of them"
        )
    for table in selection.tables:
        if args.decode_dev and not any(system.dev for system in selection.systems if system.name in table.systems):
            raise UserError(f"--decode_dev: none of the systems of {table.name} names dev sets")
    run_stages(
        Request(
            tables=selection.tables,
            systems=selection.systems,
            stage=args.stage,
            stop_stage=args.stop_stage,
            seeds=selection.seeds,
            fold=selection.fold,
            machines=Machines(args.ngpu, args.num_nodes, args.train_cmd, args.cpu_processes),
            jobs=args.jobs,
            keep_results=args.keep_results,
            use_results=args.use_results,
            nj=args.nj,
            force=args.force,
            dry_run=args.dry_run,
            decode_dev=args.decode_dev,
        )
    )


if __name__ == "__main__":
    sys.exit(main_guard(main))
