"""Write the text of every set of mini, a pure function of the grammar and the seeds below.

    python egs2/atat/mini/local/make_text.py OUTPUT_DIR

Each `<set>.tsv` has the columns utt_id, voice, speed, words and tree; voice and speed are empty in a text-only set,
tree is empty for plain sentences. `lights_tuples.tsv` has utt_id, action, object and location.
"""

import csv
import random
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import books
import chores
import grammar
import lexicon
import lights
import music

COLUMNS = ["utt_id", "voice", "speed", "words", "tree"]
SHORT_WORDS = 4  # a sentence of at most this many words is short
SHORT_SHARE = 0.15
MAX_WORDS = 14
SPEEDS = (1.0, 1.3)
VOICES = {"train": lexicon.VOICES_TRAIN, "dev": lexicon.VOICES_DEV, "test": lexicon.VOICES_TEST}
SENTENCES = Path(__file__).with_name("sentences.txt")
SENTENCES_DEV = 60


@dataclass(frozen=True)
class SetPlan:
    """One generated set."""

    name: str
    domain: ModuleType
    split: str
    size: int
    seed: int
    spoken: bool = True

    @property
    def held_out_share(self) -> float:
        """Share of composed names that no training set holds."""
        return 0.0 if self.split == "train" else 0.5

    @property
    def unheard_share(self) -> float:
        """Share of utterances with a word that no training set holds."""
        return 0.07 if self.split != "train" and self.domain in (music, books) else 0.0


MUSIC_AND_LIGHTS = [
    SetPlan("music_test", music, "test", 150, 11),
    SetPlan("music_dev", music, "dev", 150, 12),
    SetPlan("music_train", music, "train", 700, 13),
    SetPlan("music_text", music, "train", 6000, 14, spoken=False),
    SetPlan("lights_test", lights, "test", 60, 21),
    SetPlan("lights_dev", lights, "dev", 40, 22),
    SetPlan("lights_train", lights, "train", 200, 23),
]
BOOKS = [
    SetPlan("books_test", books, "test", 150, 31),
    SetPlan("books_dev", books, "dev", 60, 32),
    SetPlan("books_train", books, "train", 400, 33),
    SetPlan("books_text", books, "train", 2000, 34, spoken=False),
]
# Texts of which no part of training has speech; the sets above are as they were without them.
LIGHTS_TEXT = SetPlan("lights_text", lights, "train", 2000, 24, spoken=False)
CHORES = [
    SetPlan("chores_test", chores, "test", 60, 51),
    SetPlan("chores_dev", chores, "dev", 60, 52, spoken=False),
    SetPlan("chores_text", chores, "train", 2000, 53, spoken=False),
]
SENTENCE_SEED = 41


@dataclass(frozen=True)
class Row:
    """One line of a tsv file."""

    utt_id: str
    voice: str
    speed: str
    words: str
    tree: str


def four_grams(words: str) -> set[tuple[str, ...]]:
    """All runs of four words."""
    tokens = words.split()
    return {tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)}


def draw_trees(plan: SetPlan, taken: set[str], barred: set[tuple[str, ...]]) -> list[str]:
    """Distinct trees of one set, none of whose sentences is in `taken` (which grows) or holds a barred 4-gram."""
    sampler = grammar.Sampler(plan.domain.RULES, plan.domain.NAMES, plan.seed, plan.held_out_share)
    rng = random.Random(f"{plan.seed}:shape")
    intents, weights = zip(*plan.domain.INTENT_WEIGHTS.items(), strict=True)
    n_unheard = round(plan.unheard_share * plan.size)
    trees: list[str] = []
    for i in range(plan.size):
        unheard = i < n_unheard
        short = not unheard and rng.random() < SHORT_SHARE
        for _ in range(5000):
            try:
                tree = sampler.draw(rng.choices(intents, weights)[0], unheard)
            except grammar.Retry:
                continue
            words = grammar.strip(tree)
            length = len(words.split())
            fits = length <= SHORT_WORDS if short else SHORT_WORDS < length <= MAX_WORDS
            if fits and words not in taken and grammar.split_of(words) == plan.split and not four_grams(words) & barred:
                break
        else:
            if not short:
                raise RuntimeError(f"{plan.name}: the grammar has no further sentence of the kind wanted")
            continue  # the short ones are used up: the set is a little smaller
        sampler.keep()
        taken.add(words)
        trees.append(tree)
    rng.shuffle(trees)
    return trees


def rows_of(name: str, split: str, spoken: bool, pairs: list[tuple[str, str]], seed: int) -> list[Row]:
    """Give each (words, tree) an utterance id and, if spoken, a voice (all equally often) and a speed."""
    if not spoken:
        return [Row(f"{name}_{i:05d}", "", "", words, tree) for i, (words, tree) in enumerate(pairs, 1)]
    rng = random.Random(f"{seed}:voices")
    voices: list[str] = []
    while len(voices) < len(pairs):
        voices += rng.sample(VOICES[split], len(VOICES[split]))
    return [
        Row(f"{voice}-{name}_{i:04d}", voice, f"{rng.uniform(*SPEEDS):.2f}", words, tree)
        for i, ((words, tree), voice) in enumerate(zip(pairs, voices, strict=False), 1)
    ]


def sentence_sets(known: Counter[str]) -> dict[str, list[Row]]:
    """The plain sentences; every word of a dev sentence is also heard in training, `known` counting music's words."""
    lines = [line.strip() for line in SENTENCES.read_text(encoding="utf-8").splitlines() if line.strip()]
    counts = known + Counter(w for line in lines for w in line.split())
    random.Random(SENTENCE_SEED).shuffle(lines)
    dev: list[str] = []
    for line in lines:
        own = Counter(line.split())
        if len(dev) < SENTENCES_DEV and all(counts[w] - own[w] >= 2 for w in own):
            dev.append(line)
            counts -= own
    train = [line for line in lines if line not in set(dev)]
    return {
        "sentences_train": rows_of("sentences_train", "train", True, [(w, "") for w in train], SENTENCE_SEED),
        "sentences_dev": rows_of("sentences_dev", "dev", True, [(w, "") for w in dev], SENTENCE_SEED + 1),
    }


def make_sets() -> dict[str, list[Row]]:
    """Every set of the corpus, by name."""
    sets: dict[str, list[Row]] = {}

    def generate(plans: Iterable[SetPlan], barred: set[tuple[str, ...]], taken: Iterable[str] = ()) -> None:
        taken = set(taken)
        for plan in plans:
            pairs = [(grammar.strip(tree), tree) for tree in draw_trees(plan, taken, barred)]
            sets[plan.name] = rows_of(plan.name, plan.split, plan.spoken, pairs, plan.seed)

    generate(MUSIC_AND_LIGHTS, set())
    sets |= sentence_sets(Counter(w for row in sets["music_train"] for w in row.words.split()))
    heard = [row.words for rows in sets.values() for row in rows if row.voice]
    generate(BOOKS, set().union(*map(four_grams, heard)))
    generate([LIGHTS_TEXT], set(), [row.words for name in sets if name.startswith("lights_") for row in sets[name]])
    generate(CHORES, set())
    return sets


def write_tsv(path: Path, columns: list[str], rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE)
        writer.writerow(columns)
        writer.writerows(rows)


def write_all(output_dir: Path) -> None:
    """Write every `<set>.tsv` and `lights_tuples.tsv`."""
    output_dir.mkdir(parents=True, exist_ok=True)
    sets = make_sets()
    for name, rows in sets.items():
        write_tsv(output_dir / f"{name}.tsv", COLUMNS, [(r.utt_id, r.voice, r.speed, r.words, r.tree) for r in rows])
    tuples = [
        (row.utt_id, *lights.three_tuple(row.tree))
        for name in sets
        for row in sets[name]
        if name.startswith("lights_") and row.voice
    ]
    write_tsv(output_dir / "lights_tuples.tsv", ["utt_id", "action", "object", "location"], tuples)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_text.py OUTPUT_DIR")
    write_all(Path(sys.argv[1]))
