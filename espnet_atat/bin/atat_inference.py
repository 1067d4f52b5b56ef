r"""Decode utterances, spoken or written, to trees or words with ESPnet's batched beam search (stage 12).

python -m espnet_atat.bin.atat_inference --train_config RUN/config.yaml --model_file RUN/valid.acc_slu.best.pth \
    --data_dir dump/mini/music_test --output_dir DECODE --task slu

writes DECODE/hyp (utterance id, tree or words; sorted by id) and, with --nbest above 1, DECODE/nbest.jsonl.
"""

import argparse
import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from espnet_atat.bin import new_parser, options_of, start, to_bool
from espnet_atat.config.layout import load_config
from espnet_atat.errors import UserError
from espnet_atat.graph.work import making
from espnet_atat.model.device import check_device


def stream(text: str) -> tuple[str, str, str]:
    """``path,name,type``."""
    path, name, kind = ([*text.rsplit(",", 2), "", ""])[:3]
    if not (path and name and kind):
        raise argparse.ArgumentTypeError(f"{text!r} is not path,name,type (dump/mini/music_test/text,text_in,text)")
    return path, name, kind


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("atat_inference", __doc__)
    add = parser.add_argument_group("Model").add_argument
    add("--train_config", required=True, metavar="YAML", help="config.yaml of the training run")
    add("--model_file", required=True, metavar="PTH", help="a checkpoint of it")
    add("--text_tokenizer", metavar="DIR", help="the text encoder's tokenizer; default: the training's")
    add("--lm_train_config", metavar="YAML", help="for an ESPnet language model on the decoder's tokens")
    add("--lm_file", metavar="PTH")
    group = parser.add_argument_group("Data")
    what = group.add_mutually_exclusive_group(required=True)
    what.add_argument("--data_dir", metavar="DUMPDIR", help="a set of stage 6")
    about = "speech,kaldi_ark or speech,sound or text_in,text"
    what.add_argument("--data_path_and_name_and_type", type=stream, metavar="PATH,NAME,TYPE", help=about)
    group.add_argument("--source", choices=("speech", "text_in"), help="what to read in --data_dir; default: by task")
    group.add_argument("--output_dir", required=True, metavar="DIR")
    add = parser.add_argument_group("Search").add_argument
    add("--inference_config", type=Path, metavar="YAML", help="options of this group; the command line overrides them")
    add("--task", default="slu", help="slu, asr, mlm or nlu; or an ensemble of labels, nlu+slu")
    add("--beam_size", type=int, default=4)
    add("--nbest", type=int, default=1, help="more than 1: nbest.jsonl is written too")
    add("--maxlen", type=int, help="tokens of a hypothesis, <eos> included; none: by the input's length")
    add("--ctc_weight", type=float, help="default: 0.3 if the model has a CTC over characters")
    add("--oov_penalty", type=float, default=0.0, metavar="NATS", help="of words that the CTC spells; 0: none join")
    add("--lexicon", metavar="FILE", help="a text whose words such spellings are corrected to")
    add("--reading_weight", type=float, default=0.0, help="weight of trees read from the words that were heard")
    add("--lm_weight", type=float, default=0.0)
    add("--penalty", type=float, default=0.0, help="added for each token")
    add("--constrain_trees", type=to_bool, default=False, metavar="BOOL", help="make invalid trees impossible")
    add("--vad", default="none", help="find the speech and decode only that: auto, silero, energy (of features too)")
    add("--vad_margin", type=float, metavar="SECONDS", help="audio kept around speech; default: 0.08, in noise 0.12")
    add("--batch_size", type=int, default=16, help="utterances at once; changes no result")
    add = parser.add_argument_group("Machine").add_argument
    add("--nj", type=int, default=1, help="processes; changes no result")
    add("--ngpu", type=int, default=0, choices=(0, 1))
    add("--log_level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line over those of ``--inference_config`` over the defaults."""
    parser = get_parser()
    args = parser.parse_args(argv)
    if args.inference_config is not None:
        (group,) = (group for group in parser._action_groups if group.title == "Search")
        known = {action.dest for action in group._group_actions} - {"inference_config"}
        config = load_config(args.inference_config)
        if unknown := sorted(config.keys() - known):
            names = ", ".join(sorted(known))
            raise UserError(f"{args.inference_config}: unknown option {unknown[0]!r}; known: {names}")
        # As text, so that each is converted and checked like an option of the command line.
        parser.set_defaults(**{name: str(value) for name, value in config.items() if value is not None})
        args = parser.parse_args(argv)
    for name in ("batch_size", "nj"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} is at least 1, found {getattr(args, name)}")
    if args.source is not None and args.data_dir is None:
        raise UserError("--source says what to read in --data_dir; --data_path_and_name_and_type says it itself")
    for name in ("train_config", "model_file", "lm_train_config", "lm_file", "lexicon"):  # now, not after a slow import
        path = getattr(args, name)
        if path is not None and not Path(path).is_file():
            raise UserError(f"--{name} {path}: no such file")
        if path is not None and name.startswith("lm_") and not args.lm_weight:
            raise UserError(f"--{name}: without --lm_weight, the search takes no language model")
    if args.ngpu:
        check_device("cuda")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_arguments(argv)
    with making(Path(args.output_dir)):
        _decode(args)


def _decode(args: argparse.Namespace) -> None:
    started = time.monotonic()
    logging.basicConfig(level=args.log_level, format="%(asctime)s %(levelname)s: %(message)s")
    logging.getLogger("espnet2").setLevel(logging.WARNING)  # it reports every batch

    from espnet_atat.decode.decode_set import decode_set, write_results
    from espnet_atat.decode.lm_fusion import load_models
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    config = options_of(SearchConfig, args)
    if args.data_dir is not None:
        utterances = Source.of_dump(args.data_dir, args.source or config.source)
    else:
        utterances = Source.of_stream(*args.data_path_and_name_and_type)
    device = "cuda" if args.ngpu else "cpu"
    model = (args.train_config, args.model_file, device, args.text_tokenizer, args.lm_train_config, args.lm_file)
    load = partial(load_models, *model)
    results = decode_set(load, utterances, config, batch_size=args.batch_size, nj=args.nj)
    write_results(results, args.output_dir, config.nbest)
    seconds = time.monotonic() - started
    print(f"wrote {args.output_dir}/hyp: {len(results)} utterances, task {config.task}, in {seconds:.1f} s")


if __name__ == "__main__":
    start(main)
