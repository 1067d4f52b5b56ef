"""The command ``atat``: a trained model from the shell.

Exit codes: 0 all was done; 1 some inputs could not be understood (each is named on stderr, the others are printed);
2 nothing could be done, and the message says how to fix it; 130 interrupted.
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from espnet_atat import __version__
from espnet_atat.arguments import Parser
from espnet_atat.bin import given, main_guard, to_bool
from espnet_atat.errors import UserError
from espnet_atat.model.device import check_device

#: Names the model where ``--model`` does not.
MODEL_VARIABLE = "ATAT_MODEL"
EXAMPLES = f"""\
examples:
  export {MODEL_VARIABLE}=exp/mini/packages/mini_music_ears_seed1.zip
  atat understand order.wav
  atat understand --text "play watermelon sugar"
  atat understand --json recordings/*.wav > understood.jsonl
  arecord -d 4 -f S16_LE -r 16000 | atat understand -
  atat transcribe order.wav
  atat score --ref REF --hyp HYP --output metrics.json
  atat info exp/mini/packages/mini_music_ears_seed1.zip
  atat demo
"""


def get_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="atat",
        description="Understand spoken and written commands with a trained AT-AT model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"atat {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    about = (
        "Prints a line for each input: the tree (or the words), after the input's name and a tab if there are "
        "several; with --nbest, each hypothesis after its rank and score."
    )
    understand = commands.add_parser("understand", help="trees of recordings or texts", description=about)
    understand.add_argument("--text", action="append", metavar="TEXT", help="a text; - for one per line from stdin")
    _add_inputs(understand)
    understand.add_argument("--task", help="label to start from: slu, nlu …; by default the model's")
    transcribe = commands.add_parser("transcribe", help="words of recordings", description=about)
    _add_inputs(transcribe)
    transcribe.set_defaults(text=None, task="asr")
    # These take all arguments that follow; their own parsers know their options.
    commands.add_parser("score", help="score hypotheses against references", add_help=False)
    commands.add_parser("demo", help="serve a page to speak to or type in", add_help=False)
    about = "Print what a model says about itself."
    info = commands.add_parser("info", help="describe a model and its scores", description=about)
    info.add_argument("model", help="package, folder or hub name")
    info.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="*", metavar="AUDIO", help="recordings in any common format; - for stdin")
    add("--model", help=f"package, folder, training run or hub name; by default the environment's {MODEL_VARIABLE}")
    add("--json", action="store_true", help="a JSON object per line: tree, frame, words with times …")
    add("--quiet", action="store_true", help="no progress on stderr")
    add = parser.add_argument_group(
        "search (by default as the model's scores were measured, except for the vad)"
    ).add_argument
    add("--beam_size", type=int)
    add("--nbest", type=int)
    add("--ctc_weight", type=float)
    add("--oov_penalty", type=float, metavar="NATS", help="of words that the CTC spells; 0: none join")
    add("--lexicon", metavar="FILE", help="a text whose words such spellings are corrected to")
    add("--reading_weight", type=float, help="weight of trees read from the words that were heard")
    add("--lm_weight", type=float)
    add("--constrain_trees", type=to_bool, metavar="BOOL", help="make invalid trees impossible")
    about = "how speech is found in a recording: auto, silero, energy; none: silence is understood too; default auto"
    add("--vad", metavar="KIND", help=about)
    add(
        "--vad_margin",
        type=float,
        metavar="SECONDS",
        help="audio kept around the speech; default: the package's, else 0.08, in noise 0.12",
    )
    add("--device", default="cpu", help="cpu, cuda or cuda:N; default %(default)s")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] in (["score"], ["demo"]):
        module = import_module("espnet_atat.bin.score" if argv[0] == "score" else "espnet_atat.demo.app")
        return main_guard(module.main, argv[1:])
    code = 0

    def run(arguments: Sequence[str] | None) -> None:
        nonlocal code
        args = get_parser().parse_args(arguments)
        try:
            if args.command == "info":
                from espnet_atat.package.describe import describe

                print(describe(args.model, as_json=args.json))
            else:
                code = _understand(args)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1

    return main_guard(run, argv) or code


def _understand(args: argparse.Namespace) -> int:
    model = args.model or os.environ.get(MODEL_VARIABLE)
    texts = args.text or []
    if bool(args.files) == bool(texts):
        or_text = ", or --text TEXT" if args.command == "understand" else ""
        raise UserError(f"give recordings{or_text}; - is stdin")
    if [*args.files, *texts].count("-") > 1:
        raise UserError("stdin (-) can be read once")
    check_device(args.device)
    if not model:
        raise UserError(f"no model: give --model, or put one into {MODEL_VARIABLE} (stage 15 makes packages)")
    from espnet_atat.package.reader import find_source

    if texts and (args.lexicon is not None or args.oov_penalty):
        raise UserError("--oov_penalty and --lexicon are for recordings: a text has its spelling")
    if args.lexicon is not None and not Path(args.lexicon).exists():
        raise UserError(f"--lexicon {args.lexicon}: no such file")
    model = str(find_source(model))  # a mistake is told now, not after a slow import
    names = (
        "task beam_size nbest ctc_weight oov_penalty lexicon reading_weight lm_weight constrain_trees vad vad_margin"
    )
    options = given(args, *names.split(), "device")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of libraries; what concerns the user is printed
    try:
        from espnet_atat.decode.lines import understand_all

        return int(understand_all(model, args.files, texts, options, as_json=args.json, quiet=args.quiet) > 0)
    finally:
        logging.disable(before)


def console() -> None:
    """Entry point of the command ``atat``."""
    # One utterance is too little for several threads: they would wait for each other longer than they compute.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # What is imported and loaded stays. Python's search for cycles among it takes 0.7 s of CPU time; whoever has loaded
    # a model exempts it from the search and begins that.
    gc.disable()
    sys.exit(main())


if __name__ == "__main__":
    console()
