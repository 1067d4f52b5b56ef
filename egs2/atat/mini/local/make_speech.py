"""Say every row of the corpus: Kokoro, silence trimmed, 16 kHz, one level, Ogg/Opus.

    python egs2/atat/mini/local/make_speech.py CORPUS_DIR MODEL_DIR [--sets A B …] [--nj 2] [--limit N] [--wav]

An utterance whose file exists is skipped, and a file is renamed into place when it is whole, so the script can be
stopped and started again. Kokoro's noise source is not seeded: a second rendering says the same words in the same
voices but is not the same file.
"""

import argparse
import csv
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

REPOSITORY = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(REPOSITORY))

from espnet_atat.graph.pool import spread  # noqa: E402
from espnet_atat.speech.audio import SAMPLE_RATE, write_audio  # noqa: E402
from espnet_atat.speech.synthesis.kokoro import KOKORO_RATE, KokoroEngine  # noqa: E402
from espnet_atat.speech.synthesis.waveform import finish  # noqa: E402

SETS = [
    "music_train", "sentences_train", "music_dev", "books_dev", "music_test", "books_test", "sentences_dev",
    "lights_train", "lights_dev", "lights_test", "books_train", "chores_test",
]  # fmt: skip
COMPRESSION = 0.95  # libsndfile's knob for Opus: 0 is 256 kbit/s, 1 is 6 kbit/s a channel
QUESTION_WORDS = frozenset(
    {"who", "what", "when", "where", "which", "how", "is", "does", "do", "can", "could", "may", "did", "have", "would"}
)
# Words with two readings: the grammar means one, said so to the phonemizer in American and in British phonemes.
READINGS = {"read": ("ɹˈid", "ɹˈiːd"), "close": ("klˈOz", "klˈQz"), "i": ("ˌI", "ˌI")}


@dataclass(frozen=True)
class Job:
    """One utterance to say."""

    path: Path
    voice: str
    speed: float
    words: str
    wav: bool  # write a 16-bit WAV beside it


def sentence(words: str, british: bool) -> str:
    """The words as a written sentence: Kokoro's intonation follows its punctuation.

    The comma at the start is a pause that is trimmed later: without it some voices swallow the first consonant.

    >>> sentence("may i read", british=False)
    ', May [I](/ˌI/) [read](/ɹˈid/)?'
    """
    tokens = words.split()
    mark = "?" if tokens[0] in QUESTION_WORDS else "."
    written = ["I" if w == "i" else w for w in (tokens[0].capitalize(), *tokens[1:])]
    said = [f"[{w}](/{READINGS[t][british]}/)" if t in READINGS else w for w, t in zip(written, tokens, strict=True)]
    return ", " + " ".join(said) + mark


def say(engine: KokoroEngine, job: Job) -> np.ndarray:
    """The finished waveform of one utterance, 16 kHz, float32."""
    written = sentence(job.words, job.voice.startswith("b"))
    return finish(engine.say(written, job.voice, job.speed), KOKORO_RATE)


def work(engine: KokoroEngine, job: Job) -> float:
    """Write one file; return its length in seconds."""
    audio = say(engine, job)
    if job.wav:
        soundfile.write(job.path.with_suffix(".wav"), audio, SAMPLE_RATE, subtype="PCM_16")
    write_audio(job.path, audio, SAMPLE_RATE, "OGG", "OPUS", compression_level=COMPRESSION)
    return len(audio) / SAMPLE_RATE


def jobs_of(corpus: Path, name: str, wav: bool) -> list[Job]:
    """The utterances of a set."""
    with (corpus / f"{name}.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    folder = corpus / "audio" / name
    return [Job(folder / f"{r['utt_id']}.ogg", r["voice"], float(r["speed"]), r["words"], wav) for r in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description="Say every row of the corpus.")
    parser.add_argument("corpus", type=Path, help="folder of the tsv files; audio goes to audio/<set>/ below it")
    parser.add_argument("model_dir", type=Path, help="holds model.onnx and voices/, from tools/install_extra.sh tts")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--nj", type=int, default=2, help="processes")
    parser.add_argument("--limit", type=int, help="only the first utterances of each set")
    parser.add_argument(
        "--wav", action="store_true", help="write a 16-bit WAV beside each Ogg, to hear what coding does"
    )
    args = parser.parse_args()
    engine = KokoroEngine(args.model_dir)
    engine.prepare(engine.voices())
    for name in args.sets:
        jobs = jobs_of(args.corpus, name, args.wav)[: args.limit]
        (args.corpus / "audio" / name).mkdir(parents=True, exist_ok=True)
        todo = [job for job in jobs if not job.path.exists()]
        print(f"{name}: {len(jobs)} utterances, {len(jobs) - len(todo)} exist already", flush=True)
        start, seconds = time.monotonic(), 0.0
        said = spread(partial(work, engine), todo, args.nj)
        for i, (_, length) in enumerate(said, 1):
            seconds += length
            if i % 50 == 0 or i == len(todo):
                spent = time.monotonic() - start
                print(f"{name}: {i}/{len(todo)}, {seconds:.0f} s of speech in {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main()
