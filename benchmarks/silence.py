"""Does a model understand a command between seconds of silence or noise, at any level, as it does without?

    python benchmarks/silence.py --package exp/mini/packages/mini_music_ears_seed1.zip --data_dir data/mini/music_test

Each recording of the set is put between silence, or noise like a room's of a level that is given relative to its own,
and made quieter, as a file of 16 bits. Prints exact match in per cent, silence and noise in rows and levels in columns.
The exit code is 1 if any figure lies more than ``--tolerance`` points below that of the recordings as they are.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.datadir import DataDir
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio
from espnet_atat.speech.augmentation.effects import change_volume, surround

SILENT = -np.inf


def disturbed(samples: np.ndarray, seconds: float, noise: float, level: float, seed: int) -> np.ndarray:
    """An utterance (num_samples,) between ``seconds`` of noise, ``noise`` dB to its own level, the whole at ``level``.

    Rounded to 16 bits; the same seed gives the same noise.
    """
    sides = np.random.default_rng(seed).standard_normal((2, round(seconds * SAMPLE_RATE)))
    quieter = change_volume(surround(samples, *sides, noise), level)
    return (np.round(quieter * 2**15) / 2**15).astype(np.float32)


def exact_match(understand: Speech2Understand, audio: Sequence[np.ndarray], references: Sequence[str]) -> float:
    """In per cent."""
    results = understand(list(audio))
    return 100 * float(np.mean([result.line == ref for result, ref in zip(results, references, strict=True)]))


def numbers(text: str) -> list[float]:
    """``0,1,5``; ``silence`` is minus infinity."""
    return [SILENT if part == "silence" else float(part) for part in text.split(",")]


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--package", required=True, metavar="MODEL", help="package, training run or hub name")
    add("--data_dir", required=True, type=Path, metavar="DIR", help="a set with audio, as stage 1 leaves it")
    add("--task", help="label to decode with; default: the package's")
    add("--ctc_weight", type=float, help="default: the package's")
    add("--reading_weight", type=float, help="default: the package's")
    add("--oov_penalty", type=float, help="default: the package's")
    add("--lexicon", help="a text file of words; default: none")
    add("--vad", default="auto", help="auto, silero, energy or none; default %(default)s")
    add("--vad_margin", type=float, help="seconds kept around the speech; default: the package's")
    add("--seconds", type=numbers, default="1,3,5", help="before, and behind; default %(default)s")
    add("--noise", type=numbers, default="silence,-50,-40,-30,-20,-10,0", help="dB to the speech; default %(default)s")
    add("--levels", type=numbers, default="0,-10,-20,-30", help="dB of the whole; default %(default)s")
    add("--limit", type=int, help="so many utterances of the set, evenly drawn")
    add("--tolerance", type=float, default=2.0, help="points; default %(default)s")
    return parser


def main() -> None:
    args = get_parser().parse_args()
    data = DataDir.load(args.data_dir)
    if data.wav is None:
        sys.exit(f"{args.data_dir}: no audio")
    ids = list(data.ids)[:: max(1, len(data.ids) // args.limit) if args.limit else 1]
    audio = [read_audio(data.wav[utt_id], resample=True) for utt_id in ids]
    pretrained = load_pretrained(args.package)
    search = {name: getattr(args, name) for name in ("task", "ctc_weight", "reading_weight", "oov_penalty", "lexicon")}
    options: dict[str, Any] = {**search, "max_seconds": None}

    def understander(vad: str, margin: float | None = None) -> Speech2Understand:
        return Speech2Understand.from_pretrained(pretrained, vad=vad, vad_margin=margin, word_times=False, **options)

    understand = understander(args.vad, args.vad_margin)
    targets = data.target if understand.config.wants_trees else data.text
    if targets is None:
        sys.exit(f"{args.data_dir}: no trees; give --task asr")
    references = [targets[utt_id] for utt_id in ids]
    clean = exact_match(understander("none"), audio, references)
    print(f"{len(ids)} recordings as they are: EM {clean:.1f}; vad {args.vad} below", flush=True)
    print("\t".join(["seconds", "noise", *(f"{level:g} dB" for level in args.levels)]), flush=True)
    worst = np.inf
    for seconds, noise in [(0.0, SILENT), *((s, n) for s in args.seconds for n in args.noise)]:
        row = []
        for level in args.levels:
            heard = [disturbed(samples, seconds, noise, level, seed) for seed, samples in enumerate(audio)]
            row.append(exact_match(understand, heard, references))
        worst = min(worst, *row)
        name = "silence" if noise == SILENT else f"{noise:g} dB"
        print("\t".join([f"{seconds:g}", name, *(f"{figure:.1f}" for figure in row)]), flush=True)
    print(f"the lowest is {worst - clean:+.1f} points from {clean:.1f}")
    sys.exit(int(worst < clean - args.tolerance))


if __name__ == "__main__":
    main()
