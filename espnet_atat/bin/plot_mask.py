"""Draw waveform, log mel spectrogram, word boundaries and masked spans of an utterance.

python -m espnet_atat.bin.plot_mask data/mini/sentences_train_mlm UTT UTT.png --alignments ALIGN.jsonl
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.bin import new_parser, start
from espnet_atat.graph.pool import limit_threads


def get_parser() -> argparse.ArgumentParser:
    parser = new_parser("plot_mask", __doc__)
    parser.add_argument("data_dir", type=Path, help="data dir, masked or not")
    parser.add_argument("utt", help="the utterance's id")
    parser.add_argument("png", type=Path, help="picture to write")
    parser.add_argument("--alignments", type=Path, help="draw the words of this file from espnet_atat.bin.align")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    args = get_parser().parse_args(argv)
    limit_threads()
    from espnet_atat.datadir import DataDir
    from espnet_atat.errors import UserError, naming
    from espnet_atat.speech.alignment.record import read_alignments
    from espnet_atat.speech.audio import read_audio
    from espnet_atat.speech.plot import plot_utterance, read_masks

    if args.png.suffix.lower() != ".png":
        raise UserError(f"{args.png}: the picture is a PNG file: give a name that ends in .png")
    data = DataDir.load(args.data_dir)
    if args.utt not in (data.wav or {}):
        raise UserError(f"{args.data_dir} has no audio of an utterance {args.utt!r}")
    words = read_alignments(args.alignments).get(args.utt, ()) if args.alignments else ()
    masks = read_masks(args.data_dir / "masks.jsonl", args.utt)
    title = f"{args.utt}: {data.text[args.utt]}"
    with naming(f"{args.data_dir}: {args.utt}"):
        plot_utterance(read_audio((data.wav or {})[args.utt], resample=True), words, masks, title, args.png)
    print(f"wrote {args.png}: {len(words)} words, {len(masks)} masked spans")


if __name__ == "__main__":
    start(main)
