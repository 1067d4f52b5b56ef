"""Pack a trained model as one file (stage 15); see espnet_atat/package for what is in it.

python -m espnet_atat.bin.pack --recipe mini --system music
python -m espnet_atat.bin.pack --train_config RUN/config.yaml --model_file RUN/valid.acc.ave.pth --outpath model.zip \
    --metrics DECODE/metrics.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_atat.bin import main_guard, options_of
from espnet_atat.config.selection import add_selection, select
from espnet_atat.errors import UserError


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.pack",
        description="Pack a trained model for others: weights, configuration, tokens, tokenizer, scores, model card.",
    )
    add_selection(parser)
    parser.set_defaults(recipe=None)
    group = parser.add_argument_group("of a recipe's systems (stage 15); packages go to exp/<recipe>/packages")
    group.add_argument("--use_results", action="store_true", help="pass over models of which only the results are here")
    group.add_argument("--force", action="store_true", help="pack again what is packed")
    group.add_argument("--dry_run", action="store_true", help="print what is there and what would be packed")

    group = parser.add_argument_group("Any model")
    group.add_argument("--train_config", type=Path, metavar="YAML", help="config.yaml of the training run")
    group.add_argument("--model_file", type=Path, metavar="PTH", help="a checkpoint of it")
    group.add_argument("--outpath", type=Path, metavar="ZIP")
    group.add_argument("--name", help="by default that of --outpath")
    group.add_argument("--title", default="", help="one line for people")
    group.add_argument("--text_tokenizer", metavar="DIR", help="of the text encoder; by default that of the training")
    group.add_argument("--lm_train_config", type=Path, metavar="YAML", help="of an ESPnet language model")
    group.add_argument("--lm_file", type=Path, metavar="PTH")
    group.add_argument("--task", help="label that speech is decoded with; by default slu")
    group.add_argument("--inference_config", type=Path, metavar="YAML", help="search options that it is to start with")
    group.add_argument("--metrics", nargs="*", type=Path, default=[], metavar="JSON", help="metrics.json of its scores")
    group.add_argument("--trained_on", nargs="*", default=[], metavar="TASK:SET", help="such as slu:mini/music_train")
    group.add_argument("--command", default="", help="what trains it again")
    group.add_argument("--language", default="en")
    group.add_argument("--license", default="apache-2.0", help="of the weights, as SPDX names it; default %(default)s")
    group.add_argument("--license_file", type=Path, metavar="FILE", help="its text; by default this project's")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    if (args.recipe is None) == (args.outpath is None):
        raise UserError("give --recipe, or --train_config, --model_file and --outpath")
    if args.recipe is not None:
        from espnet_atat.bin import run

        flags = [f"--{name}" for name in ("use_results", "force", "dry_run") if getattr(args, name)]
        run.main([*select(args).arguments(), "--stage", "15", "--stop_stage", "15", *flags])
        return
    if args.train_config is None or args.model_file is None:
        raise UserError("--outpath goes with --train_config and --model_file")
    if (args.lm_train_config is None) != (args.lm_file is None):
        raise UserError("--lm_train_config and --lm_file go together")
    from espnet_atat.package.writer import Sources, write_package

    manifest = write_package(options_of(Sources, args), _manifest(args), args.outpath, load)
    print(f"wrote {args.outpath}: {args.outpath.stat().st_size / 1e6:.1f} MB, {manifest.parameters} parameters")


def load(package: Path) -> None:
    """Load a finished package as its users will."""
    from espnet_atat.decode.pretrained import load_pretrained

    load_pretrained(package)


def _manifest(args: argparse.Namespace) -> Any:
    from espnet_atat.package.manifest import TASK_DEFAULTS, Manifest, search_options
    from espnet_atat.package.safety import load_config

    config = args.inference_config
    return Manifest(
        **{name: getattr(args, name) for name in ("title", "language", "license", "command")},
        name=args.name or args.outpath.stem,
        tasks={**TASK_DEFAULTS, **({"speech": args.task} if args.task else {})},
        decode=search_options(load_config(config, config)) if config else {},
        trained_on=tuple(_part(text) for text in args.trained_on),
        results=tuple(_result(path, args.task) for path in args.metrics),
    )


def _result(path: Path, task: str | None) -> dict[str, Any]:
    """Scores as the manifest keeps them; what they are of is read off the file, else off its folders."""
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
        raise UserError(f"--trained_on {text}: is TASK:SET, such as slu:mini/music_train")
    return {"task": task, "set": name}


if __name__ == "__main__":
    sys.exit(main_guard(main))
