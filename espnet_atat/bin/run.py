"""The driver: all stages of a recipe, from raw corpus to tables and packages. ``run.sh`` calls it.

python -m espnet_atat.bin.run --recipe mini --table 1,2 --seeds 1,2,3
python -m espnet_atat.bin.run --recipe mini --system music --stage 10 --stop_stage 12
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.arguments import Parser, count, positive
from espnet_atat.bin import add_aligner, given, options_of, start, to_bool
from espnet_atat.config.selection import add_selection, set_list
from espnet_atat.errors import UserError
from espnet_atat.stages import LAST_STAGE, OF_ALIGNER, STAGE_PARTS, Stage, columns, readers

if TYPE_CHECKING:
    from espnet_atat.config.selection import Selection
    from espnet_atat.steps.request import Request


RESULTS = (
    "Results: exp/<recipe>/<system>/seed<N>/<inference config>/<set>/{ref,hyp,metrics.json}, exp/<recipe>/tables;",
    "runs (models, taggers, token lists, statistics, Whisper's words): exp/runs; packages: exp/<recipe>/packages.",
)


def get_parser() -> argparse.ArgumentParser:
    """Needs the standard library only, so that there is help before there is an environment."""
    parser = Parser(
        prog="./run.sh",
        description="From data to tables of scores, in stages. Finished stages are skipped; interrupted ones continue.",
        epilog="\n".join(["stages:", *columns(), "", *RESULTS]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # run.sh looks for --help and --dry_run
    )
    add_selection(parser)
    add = parser.add_argument_group("what to do").add_argument
    add("--stage", type=int, default=1, metavar="N", help="first stage (default: 1)")
    add("--stop_stage", type=int, default=LAST_STAGE, metavar="N", help=f"last stage (default: {LAST_STAGE})")
    add("--force", action="store_true", help="redo the selected stages")
    add("--dry_run", action="store_true", help="print what exists and what would be made")
    add("--decode_dev", action="store_true", help="decode and score the dev sets, not the test sets")
    add("--keep_results", action="store_true", help="keep what was scored in egs2/atat/<recipe>/results")
    about = "do not train what has results there, for the same model and data"
    add("--use_results", action="store_true", help=about)
    add("--part", choices=STAGE_PARTS, help=argparse.SUPPRESS)
    group = parser.add_argument_group("data")
    add = group.add_argument
    about = "sets that stage 2 makes augmented copies of, such as train"
    add("--augment_sets", type=set_list, metavar="SETS", help=about)
    about = "sets whose text stage 3 speaks, such as books_text; test@flite: by that engine, unless recordings exist"
    add("--synthesize_sets", type=set_list, metavar="SETS", help=about)
    add_aligner(group)
    about = "raw: training reads audio; encoder, mfcc: also states of a frozen speech encoder, or MFCC (default: fbank)"
    add("--feats_type", choices=("fbank", "raw", "encoder", "mfcc"), default="fbank", help=about)
    about = "folder or hub name of that encoder (default: those of the systems' audio_encoder_conf)"
    add("--encoder", metavar="NAME", help=about)
    add("--num_ceps", type=int, choices=(13, 40), default=13, help="MFCC per frame (default: 13)")
    add("--deltas", type=to_bool, default=False, metavar="BOOL", help="true: with their first and second differences")
    about = "false: features take four bytes per value, not one"
    add("--compress", type=to_bool, default=True, metavar="BOOL", help=about)
    about = "a test utterance with unusable audio counts as wrong; else it stops stages 1 and 6"
    add("--allow_bad_test", action="store_true", help=about)
    add = parser.add_argument_group("machines").add_argument
    add("--nj", type=positive, default=os.cpu_count() or 1, metavar="N", help="processes for data")
    add("--ngpu", type=count, default=0, metavar="N", help="GPUs of each machine (default: 0, the CPU)")
    add("--num_nodes", type=positive, default=1, metavar="N", help="machines of one training (default: 1)")
    add("--jobs", type=positive, default=1, metavar="N", help="systems (of one seed and fold each) trained at once")
    add("--cpu_processes", type=positive, metavar="N", help="data-parallel processes of one training on the CPU")
    starter = os.environ.get("train_cmd", "run.pl")  # noqa: SIM112 (Kaldi's name for it)
    about = "command that starts jobs (default: that of cmd.sh)"
    add("--train_cmd", dest="command", metavar="TRAIN_CMD", default=starter, help=about)
    group = parser.add_argument_group("upload, stage 16")
    target = group.add_mutually_exclusive_group()
    target.add_argument("--hf_repo", metavar="USER/NAME", help="repository of the model hub for the model of --system")
    target.add_argument("--upload_dir", type=Path, metavar="DIR", help="a folder instead")
    group.add_argument("--private", action="store_true", help="make a new repository private")
    return parser


def check_stages(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse an option that none of the selected stages reads."""
    for action in parser._actions:
        name = action.dest
        read_by = readers(name)
        # Rows may follow --tts_engine too: whether one does, the selection knows. Jobs are started in any stage.
        elsewhere = name == "tts_engine" or (name == "command" and args.jobs > 1)
        if elsewhere or not read_by or getattr(args, name) == action.default:
            continue
        if not readers(name, args.stage, args.stop_stage):
            option, of = action.option_strings[0], ", ".join(map(str, read_by))
            raise UserError(
                f"{option} belongs to stage {of}, but stages {args.stage} to {args.stop_stage} are selected: leave it "
                "out, or select such a stage (--stage, --stop_stage)"
            )


def main(argv: Sequence[str] | None = None) -> None:
    parser = get_parser()
    args = parser.parse_args(argv)
    if not 1 <= args.stage <= args.stop_stage <= LAST_STAGE:
        raise UserError(f"stages are 1 to {LAST_STAGE}, not {args.stage} to {args.stop_stage}")
    check_stages(parser, args)
    if args.private and not args.hf_repo:
        raise UserError("--private makes a new repository private: give --hf_repo too")
    if args.cpu_processes and args.ngpu:
        raise UserError("--cpu_processes trains on the CPU, --ngpu on GPUs: give one of them")
    if (args.hf_repo or args.upload_dir) and not args.system:
        raise UserError("one model is uploaded at a time: name its system (--system)")
    if args.jobs > 1 and args.num_nodes > 1:
        raise UserError("--jobs trains several systems at once, --num_nodes one on several machines: give one of them")
    begin, end = STAGE_PARTS.get(args.part, (1, LAST_STAGE))
    first, last = max(args.stage, begin), min(args.stop_stage, end)
    if first <= last:
        request = _run(args, first, last)
        if request.wants(Stage.TABLE) and not request.dry_run:
            _print_tables(request)


def _request(args: argparse.Namespace, first: int, last: int) -> "Request":
    from espnet_atat.config.selection import select
    from espnet_atat.graph.launch import Machines
    from espnet_atat.steps.request import Request

    selection = select(args)
    if args.hf_repo or args.upload_dir:
        _check_upload(selection)
    for table in selection.tables:
        if args.decode_dev and not any(system.dev for system in selection.systems if system.name in table.systems):
            raise UserError(f"--decode_dev: none of the systems of {table.name} names dev sets")
    own = {"selection": selection, "machines": options_of(Machines, args), "align": given(args, *OF_ALIGNER)}
    request = options_of(Request, args, {**own, "stage": first, "stop_stage": last})
    if first <= Stage.ALIGN and (request.augment_sets or request.align):
        from espnet_atat.steps.stage02_augment import check_data_options

        check_data_options(request)
    return request


def _check_upload(selection: "Selection") -> None:
    """Stage 16 uploads one package: say so before hours of training."""
    (system,) = selection.systems
    if system.pipeline is not None:
        raise UserError(f"system {system.name} is a pipeline of two models, which no package holds: nothing to upload")
    seeds, folds = selection.seeds_of(system), selection.folds_of(system)
    if len(seeds) * len(folds) > 1:
        many = "seeds (--seeds)" if len(seeds) > 1 else "folds (--fold)"
        raise UserError(f"one model is uploaded at a time, and system {system.name} has several {many}: name one")


def _run(args: argparse.Namespace, first: int, last: int) -> "Request":
    from espnet_atat.graph.pool import die_with_parent, limit_threads

    if args.part is not None:
        die_with_parent(os.getppid())  # a second call of run.sh shall not meet it at work
    if last <= Stage.FEATURES:
        limit_threads()  # before NumPy is imported; the processes of the data stages share the cores
    from espnet_atat.steps.driver import run_stages

    request = _request(args, first, last)
    if first <= Stage.FEATURES < args.stop_stage and not (args.dry_run or args.use_results):
        _check_other_recipes(request)
    run_stages(request)
    return request


def _check_other_recipes(request: "Request") -> None:
    """Refuse before the data stages, which may take hours, what training needs of other recipes and no stage makes."""
    from espnet_atat.config.pretrain_slu import check_prepared

    for training in (each for trial in request.trials if trial.training is not None for each in trial.training.chain):
        check_prepared(training.mixtures.parts, training.recipe, training.encoder_input)


def _print_tables(request: "Request") -> None:
    from espnet_atat.bin import table
    from espnet_atat.steps.stage14_table import table_file

    for each in request.selection.tables:
        print()
        table.main([str(table_file(request, each))])


if __name__ == "__main__":
    start(main)
