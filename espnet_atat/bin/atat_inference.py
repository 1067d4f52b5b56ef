"""Decode a set with a trained model (stage 12).

python -m espnet_atat.bin.atat_inference --train_config RUN/config.yaml --model_file RUN/valid.acc_slu.best.pth \
    --data_dir dump/mini/music_test --output_dir DECODE --task slu

writes ``DECODE/hyp`` (utterance id, tree or words; sorted by id) and, with ``--nbest`` above 1, ``DECODE/nbest.jsonl``.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.bin import main_guard, to_bool
from espnet_atat.errors import UserError


def stream(text: str) -> tuple[str, str, str]:
    """``path,name,type``."""
    path, name, kind = ([*text.rsplit(",", 2), "", ""])[:3]
    if not (path and name and kind):
        raise argparse.ArgumentTypeError(f"{text!r} is not path,name,type (dump/mini/music_test/text,text_in,text)")
    return path, name, kind


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet_atat.bin.atat_inference",
        description="Decode utterances, spoken or written, to trees or words with ESPnet's batched beam search.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    group = parser.add_argument_group("Model")
    group.add_argument("--train_config", required=True, metavar="YAML", help="config.yaml of the training run")
    group.add_argument("--model_file", required=True, metavar="PTH", help="a checkpoint of it")
    group.add_argument("--text_tokenizer", metavar="DIR", help="of the text encoder; default: that of the training")
    group.add_argument("--lm_train_config", metavar="YAML", help="of an ESPnet language model on the decoder's tokens")
    group.add_argument("--lm_file", metavar="PTH")

    group = parser.add_argument_group("Data")
    what = group.add_mutually_exclusive_group(required=True)
    what.add_argument("--data_dir", metavar="DUMPDIR", help="a set as stage 6 leaves it")
    what.add_argument(
        "--data_path_and_name_and_type",
        type=stream,
        metavar="PATH,NAME,TYPE",
        help="speech,kaldi_ark or speech,sound or text_in,text",
    )
    group.add_argument("--source", choices=("speech", "text_in"), help="of --data_dir; default: what the task reads")
    group.add_argument("--output_dir", required=True, metavar="DIR")

    group = parser.add_argument_group("Search")
    group.add_argument("--inference_config", metavar="YAML", help="options of this group; the command line goes first")
    group.add_argument("--task", default="slu", help="slu, asr, mlm or nlu; or an ensemble of labels, nlu+slu")
    group.add_argument("--beam_size", type=int, default=4)
    group.add_argument("--nbest", type=int, default=1, help="more than 1: nbest.jsonl is written too")
    group.add_argument("--maxlen", type=int, help="tokens of a hypothesis, <eos> included; None: by the input's length")
    group.add_argument("--ctc_weight", type=float, default=0.0)
    group.add_argument("--lm_weight", type=float, default=0.0)
    group.add_argument("--penalty", type=float, default=0.0, help="added for each token")
    group.add_argument(
        "--constrain_trees", type=to_bool, default=False, metavar="BOOL", help="make invalid trees impossible"
    )
    group.add_argument("--batch_size", type=int, default=16, help="utterances at once; changes no result")

    group = parser.add_argument_group("Machine")
    group.add_argument("--nj", type=int, default=1, help="processes; changes no result")
    group.add_argument("--ngpu", type=int, default=0, choices=(0, 1))
    group.add_argument("--log_level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


def search_options(parser: argparse.ArgumentParser) -> set[str]:
    """What an inference configuration may hold."""
    (group,) = (group for group in parser._action_groups if group.title == "Search")
    return {action.dest for action in group._group_actions} - {"inference_config"}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line over those of ``--inference_config`` over the defaults.

    Raises:
        UserError: the configuration is not a mapping of known options.
    """
    parser = get_parser()
    args = parser.parse_args(argv)
    if args.inference_config is not None:
        known = search_options(parser)
        try:
            config: Any = yaml.safe_load(Path(args.inference_config).read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise UserError(f"{args.inference_config}: not YAML: {error}") from error
        if not isinstance(config, dict):
            raise UserError(f"{args.inference_config}: a mapping of options, found {type(config).__name__}")
        if unknown := config.keys() - known:
            raise UserError(
                f"{args.inference_config}: unknown option {sorted(map(str, unknown))[0]!r}; known: "
                f"{', '.join(sorted(known))}"
            )
        # As text, so that each is converted and checked like an option of the command line.
        parser.set_defaults(**{name: str(value) for name, value in config.items()})
        args = parser.parse_args(argv)
    for name in ("batch_size", "nj"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} is at least 1, found {getattr(args, name)}")
    for name in ("train_config", "model_file", "lm_train_config", "lm_file"):  # now, not after a slow import
        path = getattr(args, name)
        if path is not None and not Path(path).is_file():
            raise UserError(f"--{name} {path}: no such file")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    started = time.monotonic()
    logging.basicConfig(level=args.log_level, format="%(asctime)s %(levelname)s: %(message)s")
    logging.getLogger("espnet2").setLevel(logging.WARNING)  # it reports every batch

    from espnet_atat.decode.decode_set import decode_set, load_models, write_results
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    config = SearchConfig(**{field.name: getattr(args, field.name) for field in fields(SearchConfig)})
    if args.data_dir is not None:
        utterances = Source.of_dump(args.data_dir, args.source or config.source)
    else:
        utterances = Source.of_stream(*args.data_path_and_name_and_type)
    load = partial(
        load_models,
        args.train_config,
        args.model_file,
        "cuda" if args.ngpu else "cpu",
        args.text_tokenizer,
        args.lm_train_config,
        args.lm_file if args.lm_weight else None,
    )
    results = decode_set(load, utterances, config, batch_size=args.batch_size, nj=args.nj)
    write_results(results, args.output_dir, config.nbest)
    seconds = time.monotonic() - started
    print(f"wrote {args.output_dir}/hyp: {len(results)} utterances, task {config.task}, in {seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main_guard(main))
