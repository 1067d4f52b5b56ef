"""How well synthetic voices are understood: word error rate of Whisper tiny.en, by engine and voice.

Whisper hears the utterances as ``bin.synthesize`` writes them (trimmed, 16 kHz), so its figure is an upper bound of the
engine's own faults, and it covers the verbalisation: the sentences have times, roads, prices and dates as TOP writes
them. What Whisper writes is verbalised like the reference before words are compared.

    python benchmarks/synthesis_wer.py --engines pico flite kokoro [--sentences 20] [--output FILE.json]

needs ``tools/install_extra.sh tts whisper``. Voices that FILE.json has for as many sentences are not measured again.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jiwer
import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.installed import models_dir
from espnet_atat.speech.synthesis.say_set import make_engine
from espnet_atat.speech.synthesis.verbalise import as_sentence, verbalise
from espnet_atat.speech.synthesis.waveform import finish

SENTENCES = """\
wake me up at 7 : 30 am tomorrow
how is the traffic on i - 95 this morning
are there any concerts in boston this weekend
what time should i leave to get to the airport by 6 pm
play the next song in the living room
turn on the lights in the kitchen please
how long will it take to drive to chicago
find me a restaurant that costs less than $ 20
is there an accident on the 405 south
tell me about the parade on july 4th
set the volume to 50 %
add milk and bread to my shopping list
remind me to call my mother at noon
what will the weather be like on friday the 13th
show me the fastest way home without toll roads
read me the third chapter of the book
make the bedroom a little bit brighter
who wrote the first novel on this list
are there any parties on december 31st 2018
stop the music and close the window
""".splitlines()
PAD = 3200  # samples (0.2 s) of silence before and after: Whisper clips a word that starts at once


def words(text: str) -> str:
    """Spoken words without punctuation and case."""
    return " ".join(verbalise(text).translate(str.maketrans("", "", ",.?!")).lower().split())


def main() -> None:
    parser = argparse.ArgumentParser(description="Intelligibility of synthetic voices.")
    parser.add_argument("--engines", nargs="+", choices=("pico", "flite", "kokoro"), default=("pico", "flite"))
    parser.add_argument("--voices", nargs="+", help="of one engine (default: all)")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="the first so many")
    parser.add_argument("--output", type=Path, help="JSON, continued where it is there")
    args = parser.parse_args()
    results = json.loads(args.output.read_text()) if args.output and args.output.is_file() else {}
    whisper = load_whisper()
    sentences = SENTENCES[: args.sentences]
    for name in args.engines:
        engine = make_engine(name)
        voices = args.voices or engine.voices()
        engine.prepare(voices)
        for voice in voices:
            key = f"{name}/{voice}"
            if results.get(key, {}).get("sentences") != len(sentences):
                results[key] = measure(engine, voice, sentences, whisper)
            print(f"{key:20} {results[key]['wer']:5.1f} %  {'; '.join(results[key]['errors'])}", flush=True)
            if args.output:
                args.output.write_text(json.dumps(results, indent=1) + "\n")


def load_whisper():
    """Whisper tiny.en, int8, one thread."""
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise SystemExit(f"{error.name} is missing: run `tools/install_extra.sh whisper`") from error
    model = models_dir() / "whisper-tiny.en"
    if not model.is_dir():
        raise SystemExit(f"{model}: no model here; run `tools/install_extra.sh whisper`")
    return WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)


def measure(engine, voice: str, sentences: list[str], whisper) -> dict[str, object]:
    """WER in per cent over all words of a voice's sentences, and what was heard amiss."""
    references = [words(sentence) for sentence in sentences]
    heard, errors = [], []
    for sentence, reference in zip(sentences, references, strict=True):
        audio = np.pad(finish(*engine.speak(as_sentence(verbalise(sentence)), voice)), PAD)
        text = " ".join(part.text for part in whisper.transcribe(audio, language="en", beam_size=1)[0])
        try:
            heard.append(words(text))
        except UserError:
            heard.append("")  # nothing that is a word
        if heard[-1] != reference:
            errors.append(f"{reference} | {heard[-1]}")
    wer = round(100 * jiwer.wer(references, heard), 2)
    return {
        "wer": wer,
        "sentences": len(sentences),
        "words": sum(map(len, map(str.split, references))),
        "errors": errors,
    }


if __name__ == "__main__":
    main()
