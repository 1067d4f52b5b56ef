"""How far the local aligner's word times are from the truth.

Real recordings have no true word times, so the truth is made: every word of a sentence is spoken alone by the Pico
voices, cut to its sound, and joined to the next with a gap that is known (0 to 600 ms), over quiet background noise.
There is no coarticulation between the words, which makes it easier than speech, and no prosody, which makes it harder.

    python benchmarks/alignment_accuracy.py [--sentences 60] [--noise -60] [--output FILE.json]

needs ``tools/install_extra.sh tts``.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from espnet_atat.datadir import SAMPLE_RATE
from espnet_atat.speech.alignment.sphinx import SphinxAligner

SENTENCES = Path(__file__).resolve().parent.parent / "egs2/atat/mini/local/sentences.txt"
VOICES = ("en-US", "en-GB")
GAPS = (0.0, 0.05, 0.2, 0.6)  # seconds
FLOOR = 45  # dB below its peak a word's sound begins and ends
STEP = 80  # samples, 5 ms, of that measurement


def speak(word: str, voice: str) -> np.ndarray:
    """A word alone, from where its sound begins to where it ends, float32."""
    from py_nanotts import NanoTTS

    samples = np.frombuffer(NanoTTS().speak(word, voice=voice), "<i2").astype(np.float32) / 32768
    blocks = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    level = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() - FLOOR)
    return samples[loud[0] * STEP : (loud[-1] + 1) * STEP]


def sentence(words: list[str], voice: str, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple]]:
    """Samples, and the true start and end of each word in seconds."""
    parts, truth, place = [np.zeros(SAMPLE_RATE // 4, np.float32)], [], SAMPLE_RATE // 4
    for word in words:
        sound = speak(word, voice)
        truth.append((place / SAMPLE_RATE, (place + len(sound)) / SAMPLE_RATE))
        gap = np.zeros(round(rng.choice(GAPS) * SAMPLE_RATE), np.float32)
        parts += [sound, gap]
        place += len(sound) + len(gap)
    samples = np.concatenate([*parts, np.zeros(SAMPLE_RATE // 4, np.float32)])
    return samples + (10 ** (noise / 20) * rng.standard_normal(len(samples))).astype(np.float32), truth


def summary(errors: list[float]) -> dict[str, float]:
    """Errors in milliseconds; positive is late."""
    values = 1000 * np.array(errors)
    size = np.abs(values)
    return {
        "median": round(float(np.median(size)), 1),
        "mean": round(float(size.mean()), 1),
        "90th percentile": round(float(np.percentile(size, 90)), 1),
        "median bias": round(float(np.median(values)), 1),
        "within 50 ms, %": round(float(100 * np.mean(size <= 50)), 1),
    }


def measure(fit: bool, count: int, noise: float) -> dict[str, object]:
    """Errors over ``count`` sentences with or without the fit."""
    lines = SENTENCES.read_text().splitlines()[:count]
    starts, ends, words, found = [], [], 0, 0
    for number, line in enumerate(lines):
        rng = np.random.default_rng(number)
        samples, truth = sentence(line.split(), VOICES[number % len(VOICES)], noise, rng)
        for word, (start, end) in zip(
            SphinxAligner(fit).align_samples(f"utt{number}", samples, line.split()), truth, strict=True
        ):
            words += 1
            if word.found:
                found += 1
                starts.append(word.start - start)
                ends.append(word.end - end)
    return {"words": words, "found": found, "start, ms": summary(starts), "end, ms": summary(ends)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the local aligner.")
    parser.add_argument("--sentences", type=int, default=60)
    parser.add_argument("--noise", type=float, default=-60.0, help="level of the background, dB of full scale")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    results = {
        "fitted to the sound": measure(True, args.sentences, args.noise),
        "as the search gives them": measure(False, args.sentences, args.noise),
    }
    text = json.dumps(results, indent=1)
    print(text)
    if args.output:
        args.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
