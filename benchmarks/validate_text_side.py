"""Time and memory of checking the text side of a large data dir.

    python benchmarks/validate_text_side.py [--utterances 300000]

Generates a data dir of nested trees with speakers and audio paths (no audio), runs ``bin.validate --audio none`` on it
in a process of its own, and prints seconds and peak memory. The floors are 30 s and 1 GB for 300 000 utterances.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from espnet_atat.datadir import DataDir

MAX_SECONDS = 30.0
MAX_BYTES = 1 << 30
WORDS = [first + rest for first in "bdfgklmnprst" for rest in ("ale", "ine", "ore", "up", "ana", "ish", "ow", "elt")]


def generate(path: Path, utterances: int) -> None:
    """Write a data dir of trees with 8 to 24 words, two slots and one nested intent."""
    draw = random.Random(1)
    text, target, wav, utt2spk = {}, {}, {}, {}
    for number in range(utterances):
        speaker = f"spk{number % 1000:04d}"
        key = f"{speaker}-utt{number:07d}"
        a, b, c = (draw.choices(WORDS, k=draw.randint(2, 8)) for _ in range(3))
        words = [" ".join(part) for part in (a, b, c)]
        text[key] = " ".join(words)
        target[key] = (
            f"[IN:GET_PLACE {words[0]} [SL:NAME {words[1]} ] [SL:NEAR [IN:GET_SPOT [SL:SPOT {words[2]} ] ] ] ]"
        )
        wav[key] = f"corpus/{speaker}/{key}.flac"
        utt2spk[key] = speaker
    DataDir(text=text, target=target, wav=wav, utt2spk=utt2spk).write(path)


def main() -> None:
    """Generate, check, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=300_000)
    utterances = parser.parse_args().utterances
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train"
        command = [sys.executable, "-m", "espnet_atat.bin.validate", str(path), "--audio", "none"]
        generate(path, utterances)
        start = time.monotonic()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # Linux counts kilobytes
    print(done.stdout.strip(), done.stderr.strip())
    print(f"{utterances} utterances: {seconds:.1f} s (at most {MAX_SECONDS:.0f}), {peak / 2**20:.0f} MB (at most 1024)")
    if done.returncode or seconds > MAX_SECONDS or peak > MAX_BYTES:
        sys.exit(1)


if __name__ == "__main__":
    main()
