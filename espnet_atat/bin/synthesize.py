"""Say a set of texts with a speech synthesis engine (stage 3).

python -m espnet_atat.bin.synthesize --engine pico --text data/mini/books_text --output_dir data/mini/books_text_pico
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.bin import main_guard, make, new_parser
from espnet_atat.graph.pool import limit_threads

if TYPE_CHECKING:
    from espnet_atat.speech.synthesis.base import Engine
    from espnet_atat.speech.synthesis.run import SynthesisReport


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


def make_engine(args: argparse.Namespace) -> "Engine":
    """The engine that the options describe."""
    if args.engine == "kokoro":
        from espnet_atat.speech.synthesis.kokoro import KokoroEngine

        return KokoroEngine(args.model_dir) if args.model_dir else KokoroEngine()
    if args.engine == "pico":
        from espnet_atat.speech.synthesis.pico import Pico

        return Pico()
    if args.engine == "flite":
        from espnet_atat.speech.synthesis.flite import Flite

        return Flite()
    from espnet_atat.speech.synthesis.cache import default_cache
    from espnet_atat.speech.synthesis.polly import Polly

    return Polly(args.polly_engine, args.polly_region, args.cache_dir or default_cache(), args.polly_price)


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import TEXT_FORM
    from espnet_atat.speech.synthesis.run import (
        SynthesisConfig,
        check_voices,
        cost_lines,
        load_texts,
        synthesize_set,
    )

    engine = make_engine(args)
    voices = engine.default_voices if args.voices is None else tuple(args.voices.replace(",", " ").split())
    config = SynthesisConfig(voices, args.seed, args.audio_format)
    data = load_texts(args.text)
    if args.dry_run:
        check_voices(engine, config.voices)
        print("\n".join(cost_lines(data, engine, config)))
        return

    def work_on(work: Path) -> "SynthesisReport":
        report = synthesize_set(data, work, args.output_dir, engine, config, args.nj)
        if (args.text / TEXT_FORM).is_file():  # its scores are of that form too
            shutil.copyfile(args.text / TEXT_FORM, work / TEXT_FORM)
        return report

    make(args.output_dir, [repr(engine), config], work_on, inputs=[args.text], force=args.force)


if __name__ == "__main__":
    sys.exit(main_guard(main))
