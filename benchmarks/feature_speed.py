"""Speed and precision of the log mel filterbank, beside other implementations of Kaldi's definition, in one run.

All on one thread and the same samples; imports and one warm-up round are not counted. The figure of a method is its
best of several rounds, taken in turn, so that other work on the machine harms all alike.

    python benchmarks/feature_speed.py AUDIO_DIR [--rounds 5] [--output FILE.json]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import kaldi_native_fbank
import numpy as np
import torch
from torchaudio.compliance import kaldi

from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.fbank import KALDI_SCALE, NUM_MELS, SAMPLE_RATE, fbank

Method = Callable[[np.ndarray], np.ndarray]


def by_torchaudio(samples: np.ndarray) -> np.ndarray:
    wave = torch.from_numpy(samples)[None] * KALDI_SCALE
    return kaldi.fbank(wave, num_mel_bins=NUM_MELS, dither=0.0, sample_frequency=SAMPLE_RATE).numpy()


def by_kaldi_native_fbank(samples: np.ndarray) -> np.ndarray:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = NUM_MELS
    computer = kaldi_native_fbank.OnlineFbank(options)
    computer.accept_waveform(SAMPLE_RATE, samples * KALDI_SCALE)
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


METHODS: dict[str, Method] = {
    "espnet_atat": fbank,
    "torchaudio.compliance.kaldi": by_torchaudio,
    "kaldi_native_fbank": by_kaldi_native_fbank,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the filterbank.")
    parser.add_argument("audio", type=Path, help="folder with wav or flac files at 16 kHz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=int, default=200, help="files")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    files = sorted(path for kind in ("wav", "flac") for path in args.audio.rglob(f"*.{kind}"))[: args.most]
    waves = [read_audio(path) for path in files]
    seconds = sum(map(len, waves)) / SAMPLE_RATE

    best = dict.fromkeys(METHODS, float("inf"))
    for turn in range(args.rounds + 1):
        for name, method in METHODS.items():
            started = time.process_time()
            for wave in waves:
                method(wave)
            if turn:
                best[name] = min(best[name], time.process_time() - started)

    reference = [by_torchaudio(wave) for wave in waves]
    result: dict[str, object] = {"files": len(files), "seconds of audio": round(seconds, 1)}
    for name, method in METHODS.items():
        difference = [np.abs(method(wave) - other) for wave, other in zip(waves, reference, strict=True)]
        result[name] = {
            "times real time": round(seconds / best[name]),
            "hours a minute": round(seconds / 60 / best[name], 1),
            "times torchaudio's speed": round(best["torchaudio.compliance.kaldi"] / best[name], 2),
            "largest difference from torchaudio": round(float(max(d.max() for d in difference)), 5),
            "mean difference": float(f"{np.mean([d.mean() for d in difference]):.1e}"),
        }
    text = json.dumps(result, indent=1)
    print(text)
    if args.output:
        args.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
