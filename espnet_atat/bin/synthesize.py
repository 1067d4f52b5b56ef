"""Say a set of texts with a speech synthesis engine (stage 3).

python -m espnet_atat.bin.synthesize --engine pico --text data/mini/books_text --output_dir data/mini/books_text_pico
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from espnet_atat.bin import main_guard, make, new_parser
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser(
        "synthesize", "Write a data dir of synthetic speech; kokoro, pico and flite come by tools/install_extra.sh tts."
    )
    parser.add_argument(
        "--engine", choices=("kokoro", "pico", "flite", "polly"), required=True, help="polly is the paper's, and paid"
    )
    parser.add_argument("--text", type=Path, required=True, help="file of lines 'id words', or a data dir with targets")
    parser.add_argument("--output_dir", type=Path, required=True, help="data dir to write")
    parser.add_argument("--voices", help="such as rms,slt; one is drawn an utterance (default: the engine's defaults)")
    parser.add_argument("--audio_format", choices=("flac", "wav"), default="flac", help="16 kHz, 16 bits")
    parser.add_argument("--nj", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other voices")
    parser.add_argument("--force", action="store_true", help="say again what is there and complete")
    parser.add_argument("--dry_run", action="store_true", help="print utterances, characters and cost; nothing is made")
    local = parser.add_argument_group("kokoro")
    local.add_argument("--model_dir", type=Path, help="model.onnx and voices/ (default: where the script puts them)")
    polly = parser.add_argument_group("polly")
    polly.add_argument("--polly_engine", choices=("neural", "standard"), default="neural", help="kind of voices")
    polly.add_argument("--polly_region", help="AWS region (default: the configured one, else us-east-1)")
    polly.add_argument("--polly_price", type=float, help="dollars for a million characters (default: list price)")
    polly.add_argument("--cache_dir", type=Path, help="what was paid for is kept here (default: ~/.cache/atat/speech)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.speech.synthesis.say_set import (
        SynthesisConfig,
        check_voices,
        cost_lines,
        load_texts,
        make_engine,
        say_set,
    )

    names = ("model_dir", "polly_engine", "polly_region", "polly_price", "cache_dir")
    engine = make_engine(args.engine, **{name: getattr(args, name) for name in names})
    voices = engine.default_voices if args.voices is None else tuple(args.voices.replace(",", " ").split())
    config = SynthesisConfig(voices, args.seed, args.audio_format)
    if args.dry_run:
        check_voices(engine, config.voices)
        print("\n".join(cost_lines(load_texts(args.text), engine, config)))
        return
    is_set = args.text.is_dir()
    make(
        3,
        args.output_dir,
        {"engine": repr(engine), "config": asdict(config)},
        lambda work: say_set(args.text, work, args.output_dir, engine, config, args.nj),
        sets=[args.text] if is_set else [],
        files=[] if is_set else [args.text],
        force=args.force,
    )


if __name__ == "__main__":
    sys.exit(main_guard(main))
