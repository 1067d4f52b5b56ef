r"""Pack a trained model as one file (stage 15): weights, configuration, tokens, tokenizer, scores, model card.

python -m espnet_atat.bin.pack --recipe mini --system music
python -m espnet_atat.bin.pack --train_config RUN/config.yaml --model_file RUN/valid.acc.ave.pth --outpath model.zip \
    --metrics DECODE/metrics.json
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_atat.bin import new_parser, options_of, start
from espnet_atat.config.layout import load_config
from espnet_atat.config.selection import SYSTEMS_GROUP, add_selection, select
from espnet_atat.errors import UserError
from espnet_atat.stages import Stage

#: Titles of two groups of options, one for each way to pack.
OF_RECIPE, ANY_MODEL = "the systems of a recipe (stage 15), to exp/<recipe>/packages", "any model, from its files"


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("pack", __doc__)
    add_selection(parser, recipe=None)
    add = parser.add_argument_group(OF_RECIPE).add_argument
    add("--use_results", action="store_true", help="skip models if only their results are kept")
    add("--force", action="store_true", help="pack again even if the package exists")
    add("--dry_run", action="store_true", help="print what exists and what would be packed")

    add = parser.add_argument_group(ANY_MODEL).add_argument
    add("--train_config", type=Path, metavar="YAML", help="config.yaml of the training run")
    add("--model_file", type=Path, metavar="PTH", help="a checkpoint of it")
    add("--outpath", type=Path, metavar="ZIP")
    add("--name", help="by default that of --outpath")
    add("--title", default="", help="one line for people")
    add("--text_tokenizer", metavar="DIR", help="the text encoder's tokenizer; by default the training's")
    about = "name a frozen speech encoder with its hash; by default its weights are packed"
    add("--encoder_by_name", action="store_true", help=about)
    add("--lm_train_config", type=Path, metavar="YAML", help="for an ESPnet language model")
    add("--lm_file", type=Path, metavar="PTH")
    add("--task", help="label that speech is decoded with; by default slu")
    add("--inference_config", type=Path, metavar="YAML", help="its default search options")
    add("--metrics", nargs="*", type=Path, default=[], metavar="JSON", help="metrics.json of its scores")
    add("--trained_on", nargs="*", default=[], metavar="TASK:SET", help="such as slu:mini/music_train")
    add("--command", default="", help="the command that trains it")
    add("--language", default="en")
    add("--license", default="apache-2.0", help="licence of the weights, as SPDX names it; default %(default)s")
    add("--license_file", type=Path, metavar="FILE", help="its text; by default this project's")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    parser = get_parser()
    args = parser.parse_args(argv)
    if (args.recipe is None) == (args.outpath is None):
        raise UserError("give --recipe, or --train_config, --model_file and --outpath")
    _check_way(parser, args)
    if args.recipe is not None:
        from espnet_atat.graph.launch import Machines
        from espnet_atat.steps.driver import run_stages
        from espnet_atat.steps.request import Request

        own = {"selection": select(args), "machines": Machines(), "stage": Stage.PACK, "stop_stage": Stage.PACK}
        run_stages(options_of(Request, args, own))
        return
    if args.train_config is None or args.model_file is None:
        raise UserError("--outpath goes with --train_config and --model_file")
    if (args.lm_train_config is None) != (args.lm_file is None):
        raise UserError("--lm_train_config and --lm_file go together")
    from espnet_atat.decode.pretrained import load_pretrained
    from espnet_atat.package.writer import Sources, write_package

    manifest = write_package(options_of(Sources, args), _manifest(args), args.outpath, load_pretrained)
    print(f"wrote {args.outpath}: {args.outpath.stat().st_size / 1e6:.1f} MB, {manifest.parameters} parameters")


def _check_way(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options of the other way to pack, which would change nothing."""
    way, other = ("--outpath", "--recipe") if args.recipe is None else ("--recipe", "--outpath")
    for group in parser._action_groups:
        foreign = group.title == ANY_MODEL if args.recipe else group.title in (SYSTEMS_GROUP, OF_RECIPE)
        for action in group._group_actions if foreign else ():
            if getattr(args, action.dest) != action.default:
                raise UserError(f"{action.option_strings[0]} goes with {other}, not with {way}: leave it out")


def _manifest(args: argparse.Namespace) -> Any:
    from espnet_atat.package.manifest import TASK_DEFAULTS, Manifest, search_options

    config = args.inference_config
    return Manifest(
        **{name: getattr(args, name) for name in ("title", "language", "license", "command")},
        name=args.name or args.outpath.stem,
        tasks={**TASK_DEFAULTS, **({"speech": args.task} if args.task else {})},
        decode=search_options(load_config(config)) if config else {},
        trained_on=tuple(_part(text) for text in args.trained_on),
        results=tuple(_result(path, args.task) for path in args.metrics),
    )


def _result(path: Path, task: str | None) -> dict[str, Any]:
    """Scores as the manifest keeps them; set and configuration are read off the file, else off its folders."""
    from espnet_atat.metrics.metrics_file import read_metrics
    from espnet_atat.package.manifest import TASK_DEFAULTS, result_of

    metrics = read_metrics(path)
    info, folder = metrics["info"], path.absolute().parent
    return result_of(
        metrics,
        test_set="/".join(filter(None, (info.get("recipe"), folder.name))),
        task=info.get("task") or task or TASK_DEFAULTS["speech"],
        config=info.get("inference_config") or folder.parent.name,
    )


def _part(text: str) -> dict[str, str]:
    task, colon, name = text.partition(":")
    if not (task and colon and name):
        raise UserError(f"--trained_on {text}: expected TASK:SET, such as slu:mini/music_train")
    return {"task": task, "set": name}


if __name__ == "__main__":
    start(main)
