"""Prove from the committed files what DATASHEET.md says of the corpus; print every figure.

    python egs2/atat/mini/local/check_corpus.py [CORPUS_DIR] [--no_audio] [--no_regeneration]

Exit code 1, with the claims that do not hold, if there are any.
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import lexicon
import lights
import make_text
import soundfile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3]))

from espnet_atat.semantics.normalise import normalise_words  # noqa: E402
from espnet_atat.semantics.tree import Tree, TreeError, parse  # noqa: E402

CORPUS = HERE.parent / "corpus"
SIZES = {
    "music_train": 700, "music_dev": 150, "music_test": 150, "music_text": 5900,
    "sentences_train": 640, "sentences_dev": 60,
    "lights_train": 200, "lights_dev": 40, "lights_test": 60, "lights_text": 1700,
    "books_train": 400, "books_dev": 60, "books_test": 150, "books_text": 2000,
    "chores_dev": 60, "chores_test": 60, "chores_text": 2000,
}  # fmt: skip
SPOKEN = [name for name in SIZES if not name.endswith("_text") and name != "chores_dev"]
PRETRAINING_AUDIO = ["music_train", "sentences_train"]  # of the default run: what "heard" means
DOMAINS = ["music", "lights", "books", "chores"]
MAX_MEGABYTES = 18.0

Rows = list[make_text.Row]


class Findings:
    """Claims and whether they hold."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def claim(self, holds: bool, text: str) -> None:
        """Print one figure; remember it if it is not what the datasheet says."""
        print(("ok    " if holds else "FAIL  ") + text)
        if not holds:
            self.failed.append(text)

    def none_of(self, culprits: Iterable[str], text: str) -> None:
        """A claim that holds if nothing contradicts it; the first culprit is named."""
        found = list(culprits)
        self.claim(not found, text if not found else f"{text}: {len(found)} do, the first is {found[0]}")


def read_set(corpus: Path, name: str) -> Rows:
    with (corpus / f"{name}.tsv").open(encoding="utf-8", newline="") as handle:
        return [make_text.Row(**row) for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)]


def words_of(*sets: Rows) -> Counter[str]:
    """How often each word occurs."""
    return Counter(word for rows in sets for row in rows for word in row.words.split())


def nodes(node: Tree) -> list[Tree]:
    """The node and all below it."""
    return [node, *(n for child in node.children if isinstance(child, Tree) for n in nodes(child))]


def slot_values(rows: Rows) -> list[tuple[str, str]]:
    """(name, value) of every slot with words, one entry a token."""
    found = (n for row in rows for n in nodes(parse(row.tree)) if n.is_slot and n.words())
    return [(n.name, " ".join(n.words())) for n in found]


def labels(rows: Rows) -> tuple[set[str], set[str]]:
    """Names of intents and of slots."""
    every = [n for row in rows for n in nodes(parse(row.tree))]
    return {n.name for n in every if n.is_intent}, {n.name for n in every if n.is_slot}


def is_nested(tree: Tree) -> bool:
    """Whether an intent stands inside a slot."""
    return any(n.is_intent for n in nodes(tree)[1:])


def bad_rows(rows: Rows) -> list[str]:
    """Rows whose tree does not parse or strip to the words, or whose words the project would normalise."""
    bad = []
    for row in rows:
        try:
            stripped = " ".join(parse(row.tree).words()) if row.tree else row.words
        except TreeError as e:
            stripped = str(e)
        if not row.words or stripped != row.words or normalise_words(row.words) != row.words:
            bad.append(f"{row.utt_id} ({row.words!r}, {stripped!r})")
    return bad


def check_sets(sets: dict[str, Rows], find: Findings) -> None:
    for name, least in SIZES.items():
        rows = sets[name]
        find.claim(len(rows) >= least, f"{name}: {len(rows)} utterances (>= {least})")
        find.none_of(bad_rows(rows), f"{name}: no tree fails to parse or to strip to the words")
        twice = [words for words, n in Counter(row.words for row in rows).items() if n > 1]
        find.none_of(twice, f"{name}: no sentence stands twice")
    ids = Counter(row.utt_id for rows in sets.values() for row in rows)
    find.none_of((i for i, n in ids.items() if n > 1), "no utterance id stands twice")


def check_voices(sets: dict[str, Rows], find: Findings) -> None:
    by_split = {s: {r.voice for n in SPOKEN if n.endswith(s) for r in sets[n]} for s in ("train", "dev", "test")}
    wanted = {"train": lexicon.VOICES_TRAIN, "dev": lexicon.VOICES_DEV, "test": lexicon.VOICES_TEST}
    for split, voices in by_split.items():
        find.claim(voices == set(wanted[split]), f"{split}: {len(voices)} voices, the ones listed in lexicon.py")
    disjoint = len(set.union(*by_split.values())) == sum(map(len, by_split.values()))
    find.claim(disjoint, "the voices of train, dev and test are disjoint")
    spoken = [row for name in SPOKEN for row in sets[name]]
    find.none_of((r.utt_id for r in spoken if not r.utt_id.startswith(f"{r.voice}-")), "no id lacks its speaker")
    slow, fast = make_text.SPEEDS
    find.none_of((r.utt_id for r in spoken if not slow <= float(r.speed) <= fast), f"no speed is outside {slow}–{fast}")


def check_labels(sets: dict[str, Rows], find: Findings) -> None:
    found = {d: labels([r for n in sets if n.startswith(d) for r in sets[n]]) for d in DOMAINS}
    for domain, least_intents, least_slots in (("music", 6, 12), ("lights", 6, 8), ("books", 4, 8), ("chores", 6, 8)):
        intents, slots = found[domain]
        find.claim(len(intents) >= least_intents, f"{domain}: {len(intents)} intents (>= {least_intents})")
        find.claim(len(slots) >= least_slots, f"{domain}: {len(slots)} slot types (>= {least_slots})")
        in_train = labels(sets["chores_text" if domain == "chores" else f"{domain}_train"])
        find.claim(found[domain] == in_train, f"{domain}: every intent and slot type occurs in training")
    for a, b in combinations(DOMAINS, 2):
        shared = (found[a][0] & found[b][0]) | (found[a][1] & found[b][1])
        find.none_of(shared, f"{a} and {b} share no intent and no slot type")
    for name in ("books_train", "books_dev", "books_test", "books_text"):
        share = sum(is_nested(parse(row.tree)) for row in sets[name]) / len(sets[name])
        find.claim(share >= 0.3, f"{name}: {100 * share:.1f} % of the trees are nested (>= 30 %)")


def check_overlap(sets: dict[str, Rows], find: Findings) -> None:
    for domain in [*DOMAINS, "sentences"]:
        training = {r.words for n in sets if n in (f"{domain}_train", f"{domain}_text") for r in sets[n]}
        for split in ("dev", "test"):
            held_out = sets.get(f"{domain}_{split}", [])
            if held_out:
                seen = (r.utt_id for r in held_out if r.words in training)
                find.none_of(seen, f"{domain}_{split}: no sentence occurs in training, text-only sets included")
    heard = words_of(*(sets[name] for name in PRETRAINING_AUDIO))
    for domain in ("music", "books"):
        known = set(slot_values(sets[f"{domain}_train"] + sets[f"{domain}_text"]))
        values = slot_values(sets[f"{domain}_test"])
        share = sum(v not in known for v in values) / len(values)
        find.claim(share >= 0.2, f"{domain}_test: {100 * share:.1f} % of {len(values)} slot values unseen (>= 20 %)")
        rows = sets[f"{domain}_test"]
        share = sum(any(w not in heard for w in r.words.split()) for r in rows) / len(rows)
        find.claim(0.04 <= share < 0.1, f"{domain}_test: {100 * share:.1f} % of utterances have a word never heard")
    other = [r.words for n in SPOKEN if not n.startswith("books") for r in sets[n]]
    barred = set().union(*map(make_text.four_grams, other))
    books = [r for n in sets if n.startswith("books") for r in sets[n]]
    sharing = (r.utt_id for r in books if make_text.four_grams(r.words) & barred)
    find.none_of(sharing, f"no books sentence shares a 4-gram with an audio transcript ({len(barred)} 4-grams)")
    with_trees = words_of(sets["music_train"], sets["music_text"])  # also what speech with trees is spliced of
    chores = words_of(*(rows for name, rows in sets.items() if name.startswith("chores")))
    content = sorted(chores.keys() - set(lexicon.FUNCTION_WORDS))
    both = (w for w in content if w in with_trees)
    find.none_of(both, f"none of the {len(content)} content words of chores occurs in the music domain")
    unspoken = {w for r in books for w in r.words.split()} - set(heard) - set(lexicon.UNHEARD)
    find.none_of(sorted(unspoken), "no word of books is missing from pretraining audio, but for the unheard ones")
    from_sentences = words_of(sets["sentences_train"])
    books_words = words_of(sets["books_test"])
    for least in (1, 3, 5):
        share = sum(n for w, n in books_words.items() if from_sentences[w] >= least) / books_words.total()
        print(f"      books_test: {100 * share:.1f} % of running words are heard {least}+ times in plain sentences")


def check_vocabulary(sets: dict[str, Rows], find: Findings) -> None:
    everything = words_of(*(sets[name] for name in SPOKEN))
    find.claim(500 <= len(everything) <= 850, f"vocabulary of all transcripts: {len(everything)} words (500–850)")
    heard = words_of(*(sets[name] for name in PRETRAINING_AUDIO))
    often = sum(n for n in heard.values() if n >= 5) / heard.total()
    find.claim(often >= 0.9, f"{100 * often:.1f} % of running words of training audio belong to words heard 5+ times")
    names = lexicon.ADJECTIVES + lexicon.NOUNS + lexicon.FIRST_NAMES + lexicon.LAST_NAMES
    rarest = min(names, key=lambda w: heard[w])
    find.claim(heard[rarest] >= 6, f"each of {len(names)} name words is heard >= {heard[rarest]} times ({rarest})")
    written = words_of(*(sets[name] for name in sets if "train" in name or "text" in name))
    find.none_of((w for w in lexicon.UNHEARD if w in written), "no word listed as unheard occurs in a training set")
    plain = sets["sentences_train"] + sets["sentences_dev"]
    grams = Counter(gram for row in plain for gram in make_text.four_grams(row.words))
    gram, n = grams.most_common(1)[0]
    find.claim(n <= 0.02 * len(plain), f"plain sentences are no template: the commonest 4-gram, {gram}, is in {n}")
    for name in ("music_train", "sentences_train", "lights_train", "books_train"):
        lengths = [len(row.words.split()) for row in sets[name]]
        short = sum(n <= make_text.SHORT_WORDS for n in lengths) / len(lengths)
        print(f"      {name}: {sum(lengths) / len(lengths):.1f} words a sentence, {100 * short:.0f} % short ones")


def check_tuples(corpus: Path, sets: dict[str, Rows], find: Findings) -> None:
    with (corpus / "lights_tuples.tsv").open(encoding="utf-8", newline="") as handle:
        listed = {
            r["utt_id"]: (r["action"], r["object"], r["location"]) for r in csv.DictReader(handle, delimiter="\t")
        }
    read = {r.utt_id: lights.three_tuple(r.tree) for n in SPOKEN if n.startswith("lights") for r in sets[n]}
    find.claim(listed == read, f"lights: {len(set(listed.values()))} distinct 3-tuples, all read off the tags alone")
    empty = sum(not n.words() for r in sets["lights_train"] for n in nodes(parse(r.tree)))
    print(f"      lights_train: {empty} slots are empty, their value being unspoken")


def check_audio(corpus: Path, sets: dict[str, Rows], find: Findings) -> None:
    size = seconds = 0.0
    for name in SPOKEN:
        folder = corpus / "audio" / name
        paths = [folder / f"{row.utt_id}.ogg" for row in sets[name]]
        missing = [path.name for path in paths if not path.is_file()]
        find.none_of(missing, f"{name}: no utterance is without audio")
        stray = {path.name for path in folder.iterdir()} - {path.name for path in paths}
        find.none_of(sorted(stray), f"{name}: no file is without an utterance")
        infos = [soundfile.info(path) for path in paths if path.is_file()]
        odd = [i.name for i in infos if (i.samplerate, i.channels, i.subtype) != (16000, 1, "OPUS")]
        find.none_of(odd, f"{name}: no file is other than Opus, 16 kHz, mono")
        lengths = [i.duration for i in infos]
        in_bounds = min(lengths) >= 0.3 and max(lengths) <= 10.0
        bytes_ = sum(path.stat().st_size for path in paths if path.is_file())
        find.claim(
            in_bounds,
            f"{name}: {sum(lengths) / 60:.1f} min, {min(lengths):.2f}–{max(lengths):.2f} s,"
            f" mean {sum(lengths) / len(lengths):.2f} s, {bytes_ / 1e6:.2f} MB",
        )
        size += bytes_
        seconds += sum(lengths)
    rate = size * 8 / seconds / 1000
    find.claim(
        size <= MAX_MEGABYTES * 1e6,
        f"audio: {seconds / 3600:.2f} h, {size / 1e6:.2f} MB (<= {MAX_MEGABYTES}), {rate:.1f} kbit/s",
    )


def check_regeneration(corpus: Path, find: Findings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_text.write_all(Path(folder))
        made = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    there = {path.name: path.read_bytes() for path in corpus.glob("*.tsv")}
    changed = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    find.none_of(changed, f"no text of {len(made)} files differs when made again from the seeds")


def check(corpus: Path = CORPUS, audio: bool = True, regeneration: bool = True) -> list[str]:
    """Run every check, printing each figure; return the claims that do not hold."""
    find = Findings()
    sets = {name: read_set(corpus, name) for name in SIZES}
    check_sets(sets, find)
    if any(bad_rows(rows) for rows in sets.values()):
        return find.failed  # every other check reads the trees
    check_voices(sets, find)
    check_labels(sets, find)
    check_overlap(sets, find)
    check_vocabulary(sets, find)
    check_tuples(corpus, sets, find)
    if audio:
        check_audio(corpus, sets, find)
    if regeneration:
        check_regeneration(corpus, find)
    return find.failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove what DATASHEET.md says of the corpus.")
    parser.add_argument("corpus", type=Path, nargs="?", default=CORPUS)
    parser.add_argument("--no_audio", action="store_true", help="only the texts")
    parser.add_argument("--no_regeneration", action="store_true", help="do not make the texts again from the seeds")
    args = parser.parse_args()
    failed = check(args.corpus, not args.no_audio, not args.no_regeneration)
    for text in failed:
        print(f"does not hold: {text}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
