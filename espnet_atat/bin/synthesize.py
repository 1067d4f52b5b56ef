"""Write a data dir of synthetic speech (stage 3); tools/install_extra.sh tts installs kokoro, pico and flite.

python -m espnet_atat.bin.synthesize --engine pico --text data/mini/books_text --output_dir data/mini/books_text_pico
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from espnet_atat.arguments import positive
from espnet_atat.bin import add_force, make, new_parser, start
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import limit_threads
from espnet_atat.speech.synthesis.engines import ENGINES
from espnet_atat.stages import Stage


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("synthesize", __doc__)
    add = parser.add_argument
    add("--engine", choices=ENGINES, required=True, help="polly, the paper's, is a paid service")
    add("--text", type=Path, required=True, help="file of lines 'id words', or a data dir with targets")
    add("--output_dir", type=Path, required=True, help="data dir to write")
    add("--voices", help="such as rms,slt; one is drawn per utterance (default: the engine's defaults)")
    add("--audio_format", choices=("flac", "wav"), default="flac", help="16 kHz, 16 bits")
    add("--nj", type=positive, default=1, help="processes")
    add("--sentences", type=int, metavar="N", help="say only N, chosen to hold all words, slot values, phrasings")
    add("--seed", type=int, default=0, help="another seed draws other voices")
    add_force(parser)
    add("--dry_run", action="store_true", help="print utterances, characters and cost; make nothing")
    add = parser.add_argument_group("kokoro").add_argument
    add("--model_dir", type=Path, help="model.onnx and voices/ (default: where the script puts them)")
    add = parser.add_argument_group("polly").add_argument
    add("--polly_engine", choices=("neural", "standard"), default="neural", help="kind of voices")
    add("--polly_region", help="AWS region (default: the configured one, else us-east-1)")
    add("--polly_price", type=float, help="dollars for a million characters (default: list price)")
    add("--cache_dir", type=Path, help="keeps what was paid for (default: ~/.cache/atat/speech)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    parser = get_parser()
    args = parser.parse_args(argv)
    for group in parser._action_groups:
        for action in group._group_actions if group.title in ENGINES and group.title != args.engine else ():
            if getattr(args, action.dest) != action.default:
                raise UserError(f"{action.option_strings[0]} applies to the engine {group.title}, not to {args.engine}")
    if args.polly_price is not None and not args.polly_price >= 0:
        raise UserError(f"--polly_price is at least 0, found {args.polly_price:g}")
    limit_threads()
    from espnet_atat.speech.sets import set_node
    from espnet_atat.speech.synthesis import say_set as room

    names = ("model_dir", "polly_engine", "polly_region", "polly_price", "cache_dir")
    engine = room.make_engine(args.engine, **{name: getattr(args, name) for name in names})
    voices = engine.default_voices if args.voices is None else tuple(args.voices.replace(",", " ").split())
    config = room.SynthesisConfig(voices, args.seed, args.audio_format)
    if args.dry_run:
        room.check_voices(engine, config.voices)
        data, lines = room.load_texts(args.text), []
        if args.sentences is not None:
            data, line = room.choose_sentences(data, args.sentences)
            lines = [line]
        print("\n".join([*lines, *room.cost_lines(data, engine, config, args.nj)]))
        return
    chosen = {} if args.sentences is None else {"sentences": args.sentences}
    work_on = partial(
        room.say_set,
        args.text,
        output=args.output_dir,
        engine=engine,
        config=config,
        nj=args.nj,
        sentences=args.sentences,
    )
    options = {"engine": repr(engine), "config": asdict(config), **chosen}
    sets, files = ([args.text], []) if args.text.is_dir() else ([], [args.text])
    node = set_node(Stage.SYNTHESIZE, args.output_dir, options, work_on, sets=sets, files=files)
    make(node, force=args.force)


if __name__ == "__main__":
    start(main)
