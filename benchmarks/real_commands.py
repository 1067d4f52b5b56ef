"""Does the path from text to a model that listens understand real people? AN4's speakers, and commands made of them.

    python benchmarks/real_commands.py --an4 downloads/an4 --output real
    tools/install_extra.sh tts ears vad
    ./run.sh --system music_ears --stop_stage 10
    CUSTOM=real/commands.csv ./run.sh --recipe custom --table synthetic
    python benchmarks/silence.py --package exp/custom/packages/custom_synthetic_seed1.zip --data_dir data/custom/test \\
        --seconds 1 --noise silence --levels 0

Writes a table for the recipe ``custom``: sentences with trees of a grammar (control words, spelt names, numbers, dates,
and ``enter``, ``erase`` and ``rubout`` with a code), drawn without a look at a recording, for train and dev; and AN4's
recordings that are such commands, all speakers, as ``test``: between half a second and 2.5 s of silence, quieter by up
to 20 dB, with the talk of six other speakers 6 to 24 dB below the command. ``test_clean`` has the same recordings as
they are. The last command above finds the speech first, as ``atat understand`` does; the table's figures are without.
"""

import argparse
import csv
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from espnet_atat.corpora.an4 import _read_part
from espnet_atat.corpora.builder import Utterance
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio, write_audio
from espnet_atat.speech.augmentation.effects import add_noise, change_volume

CONTROL = ["yes", "no", "go", "help", "start", "stop", "repeat"]
VERBS = ["enter", "erase", "rubout"]
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
DIGITS = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
NUMBERS = DIGITS + TENS + TEENS
MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip
ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "thirtieth",
]  # fmt: skip


def any_of(words: Sequence[str], most: int) -> str:
    one = f"(?:{'|'.join(words)})"
    return rf"{one}(?: {one}){{0,{most - 1}}}"


def perhaps(name: str, words: Sequence[str], most: int) -> str:
    return rf"(?:(?:^| )(?P<{name}>{any_of(words, most)}))?"


CODE = re.compile(f"(?P<verb>{'|'.join(VERBS)})?" + perhaps("letters", LETTERS, 12) + perhaps("number", NUMBERS, 8))
DATE = re.compile(
    rf"(?P<month>{'|'.join(MONTHS)}) (?P<day>{any_of(ORDINALS + NUMBERS, 2)}) (?P<year>nineteen {any_of(NUMBERS, 2)})"
)


def tree_of(words: str) -> str | None:
    """The tree of a sentence of the grammar."""
    if words in CONTROL:
        return f"[IN:{words.upper()} {words} ]"
    if match := DATE.fullmatch(words):
        return f"[IN:DATE {' '.join(f'[SL:{name.upper()} {value} ]' for name, value in match.groupdict().items())} ]"
    if (match := CODE.fullmatch(words)) is None or not (match["letters"] or match["number"]):
        return None
    intent = match["verb"] or ("spell" if match["letters"] else "dial")
    parts = [match["verb"], *(f"[SL:{name.upper()} {match[name]} ]" for name in ("letters", "number") if match[name])]
    return f"[IN:{intent.upper()} {' '.join(filter(None, parts))} ]"


def draw_sentence(rng: random.Random) -> str:
    """A sentence of the grammar."""
    number = [" ".join(rng.choices(NUMBERS, [2] * 11 + [1] * 8 + [0.3] * 10, k=rng.randint(1, 7)))]
    letters = [" ".join(rng.choices(LETTERS, k=rng.randint(2, 8)))]
    kind = rng.choice(("code", "code", "spell", "spell", "dial", "dial", "date"))
    if kind == "code":
        return " ".join([rng.choice(VERBS), *rng.choice((letters, number, letters + number))])
    if kind == "date":
        day = rng.choice((rng.choice(ORDINALS), rng.choice(NUMBERS), f"twenty {rng.choice(DIGITS[2:])}"))
        year = f"{rng.choice(TENS + TEENS)} {rng.choice(DIGITS[2:])}"
        return f"{rng.choice(MONTHS)} {day} nineteen {year}"
    return (letters if kind == "spell" else number)[0]


def draw_sentences(count: int, seed: int) -> list[str]:
    """``count`` different sentences; control words stand at the beginning."""
    rng = random.Random(seed)
    found = dict.fromkeys(CONTROL)
    while len(found) < count:
        found.setdefault(draw_sentence(rng))
    return list(found)


def as_people_record(utterance: Utterance, others: Sequence[Utterance]) -> np.ndarray:
    """A recording among silence and other people's talk, samples (num_samples,); its id decides how."""
    draw = random.Random(f"{utterance.id}:room")
    samples = read_audio(str(utterance.audio))
    before, behind = (round(draw.uniform(0.5, 2.5) * SAMPLE_RATE) for _ in range(2))
    talk = np.zeros(before + len(samples) + behind)
    for other in draw.sample([each for each in others if each.speaker != utterance.speaker], 6):
        talk += np.resize(read_audio(str(other.audio)), len(talk))
    snr, level = draw.uniform(6, 24), draw.uniform(-20, 0)
    louder = 10 * np.log10(len(samples) / len(talk))  # silence lowers the mean power that add_noise goes by
    noisy = add_noise(np.pad(samples, (before, behind)), talk, snr + louder)
    return change_volume(noisy, level)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--an4", required=True, type=Path, metavar="DIR", help="the corpus, with etc and wav")
    add("--output", required=True, type=Path, metavar="DIR", help="folder for commands.csv and recordings")
    add("--sentences", type=int, default=1200, help="of text to learn from; default %(default)s")
    add("--recordings", type=int, default=300, help="to be tested on, drawn from all; default %(default)s")
    args = parser.parse_args()
    recordings = [each for part in ("train", "test") for each in _read_part(args.an4, part, Normalisation())]
    commands = [each for each in recordings if tree_of(each.text)]
    chosen = random.Random(0).sample(commands, min(args.recordings, len(commands)))
    sentences = draw_sentences(args.sentences + 100, seed=0)
    rows = [["", text, tree_of(text), "train", ""] for text in sentences[: args.sentences]]
    rows += [["", text, tree_of(text), "dev", ""] for text in sentences[args.sentences :]]
    (args.output / "test").mkdir(parents=True, exist_ok=True)
    for each in sorted(chosen, key=lambda utterance: utterance.id):
        file = f"test/{each.id}.flac"
        write_audio(args.output / file, as_people_record(each, recordings), SAMPLE_RATE, "FLAC", "PCM_16")
        for audio, split in ((file, "test"), (str(Path(str(each.audio)).absolute()), "test_clean")):
            rows.append([audio, each.text, tree_of(each.text), split, each.speaker])
    with (args.output / "commands.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["audio", "transcript", "tree", "split", "speaker"], *rows])
    print(f"{len(commands)} of {len(recordings)} recordings are commands; {len(chosen)} of them in {args.output}/test")


if __name__ == "__main__":
    main()
