"""The driver: all stages of a recipe, from raw corpus to tables and packages. ``run.sh`` calls it.

python -m espnet_atat.bin.run --recipe mini --table 1,2 --seeds 1,2,3
python -m espnet_atat.bin.run --recipe mini --system music --stage 10 --stop_stage 12
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from espnet_atat.bin import add_aligner, aligner_options, main_guard, options_of
from espnet_atat.config.selection import add_selection, set_list
from espnet_atat.errors import UserError
from espnet_atat.stages import LAST, columns

if TYPE_CHECKING:
    from espnet_atat.steps.driver import Request

RESULTS = """\
Results: exp/<recipe>/<system>/seed<N>/<inference config>/<set>/{ref,hyp,metrics.json}, exp/<recipe>/tables;
training runs: exp/runs; models to give away: exp/<recipe>/packages.
"""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the options; the help is long."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def get_parser() -> argparse.ArgumentParser:
    """The parser; it needs the standard library only, so that there is help before there is an environment."""
    parser = Parser(
        prog="./run.sh",
        description="From data to tables of scores, in numbered stages. A finished stage is skipped; a killed one is "
        "continued.",
        epilog="\n".join(["stages:", *columns(), "", RESULTS]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # run.sh looks for --help and --dry_run
    )
    add_selection(parser)
    group = parser.add_argument_group("what to do")
    group.add_argument("--stage", type=int, default=1, metavar="N", help="first stage (default: 1)")
    group.add_argument("--stop_stage", type=int, default=LAST, metavar="N", help=f"last stage (default: {LAST})")
    group.add_argument("--force", action="store_true", help="make again what the stages asked for have made")
    group.add_argument("--dry_run", action="store_true", help="print what is there and what would be made")
    group.add_argument("--decode_dev", action="store_true", help="decode and score the dev sets, not the test sets")
    group.add_argument("--keep_results", action="store_true", help="keep what is scored in egs2/atat/<recipe>/results")
    group.add_argument(
        "--use_results",
        action="store_true",
        help="train nothing whose results are kept there, of this very model and data",
    )
    group.add_argument("--between", type=int, nargs=2, default=(1, LAST), metavar="N", help=argparse.SUPPRESS)
    group = parser.add_argument_group("data")
    group.add_argument(
        "--augment_sets",
        type=set_list,
        metavar="SETS",
        help="sets that stage 2 makes augmented copies of, such as train",
    )
    group.add_argument(
        "--synthesize_sets",
        type=set_list,
        metavar="SETS",
        help="sets whose text stage 3 says, such as books_text, or test@flite: by that engine, unless there are "
        "recordings of that test set",
    )
    add_aligner(group)
    group.add_argument(
        "--feats_type",
        choices=("fbank", "raw"),
        default="fbank",
        help="raw: audio is read in training (default: fbank)",
    )
    group.add_argument(
        "--allow_bad_test",
        action="store_true",
        help="a test utterance with unusable audio counts as wrong; else it stops stages 1 and 6",
    )
    group = parser.add_argument_group("machines")
    group.add_argument("--nj", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes for data")
    group.add_argument("--ngpu", type=int, default=0, metavar="N", help="GPUs of each machine (default: 0, the CPU)")
    group.add_argument(
        "--num_nodes", type=positive, default=1, metavar="N", help="machines of one training (default: 1)"
    )
    group.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="systems (with one seed and fold each) made at once"
    )
    group.add_argument("--cpu_processes", type=positive, metavar="N", help="of one training on the CPU")
    group.add_argument(
        "--train_cmd",
        dest="command",
        metavar="TRAIN_CMD",
        default=os.environ.get("train_cmd", "run.pl"),  # noqa: SIM112 (Kaldi's name for it)
        help="that starts jobs (default: that of cmd.sh)",
    )
    group = parser.add_argument_group("upload, stage 16")
    target = group.add_mutually_exclusive_group()
    target.add_argument("--hf_repo", metavar="USER/NAME", help="repository of the model hub for the model of --system")
    target.add_argument("--upload_dir", type=Path, metavar="DIR", help="a folder instead")
    group.add_argument("--private", action="store_true", help="make a new repository private")
    return parser


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    if not 1 <= args.stage <= args.stop_stage <= LAST:
        raise UserError(f"stages are 1 to {LAST}, not {args.stage} to {args.stop_stage}")
    if (args.hf_repo or args.upload_dir) and not args.system:
        raise UserError("one model is uploaded at a time: name its system (--system)")
    if args.jobs > 1 and args.num_nodes > 1:
        raise UserError(
            "--jobs trains systems beside each other, --num_nodes one on several machines: give one of them"
        )
    first, last = max(args.stage, args.between[0]), min(args.stop_stage, args.between[1])
    if first <= last:
        _run(args, first, last)
    if args.between[1] == LAST and args.stage <= 14 <= args.stop_stage and not args.dry_run:
        _print_tables(args)


def _request(args: argparse.Namespace, first: int, last: int) -> "Request":
    from espnet_atat.config.selection import select
    from espnet_atat.graph.launch import Machines
    from espnet_atat.steps.driver import Request

    selection = select(args)
    for table in selection.tables:
        if args.decode_dev and not any(system.dev for system in selection.systems if system.name in table.systems):
            raise UserError(f"--decode_dev: none of the systems of {table.name} names dev sets")
    options: dict[str, Any] = {each.name: getattr(args, each.name) for each in fields(Request) if each.name in args}
    options |= {"stage": first, "stop_stage": last, "align": aligner_options(args)}
    return Request(selection=selection, machines=options_of(Machines, args), **options)


def _run(args: argparse.Namespace, first: int, last: int) -> None:
    from espnet_atat.graph.pool import die_with_parent, limit_threads

    if args.between != (1, LAST):
        die_with_parent(os.getppid())  # a second call of run.sh shall not meet it at work
    if last <= 6:
        limit_threads()  # before NumPy is imported; the processes of the data stages share the cores
    from espnet_atat.steps.driver import run_stages

    run_stages(_request(args, first, last))


def _print_tables(args: argparse.Namespace) -> None:
    from espnet_atat.bin import table
    from espnet_atat.steps.stage14_table import table_file

    request = _request(args, args.stage, args.stop_stage)
    for each in request.selection.tables:
        print()
        table.main([str(table_file(request, each))])


if __name__ == "__main__":
    sys.exit(main_guard(main))
