"""Fluent Speech Commands: the written rules with their two properties, the original and the drawn splits.

The corpus may not be shared: all sentences here were written for these tests.
"""

import csv
import shutil
from collections.abc import Callable
from itertools import batched, product
from pathlib import Path

import pytest

from espnet_atat.corpora.builder import Utterance
from espnet_atat.corpora.fsc import PUBLIC, PUBLIC_FILES, Command, _draw_phrasings, prepare
from espnet_atat.corpora.fsc_rules import LOCATION, OBJECT, Triple, decode, encode, tree_of
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.semantics.tree import parse, strip_tags
from tests.corpora.conftest import FSC_ROWS, problems_below, write_fsc


def tree(sentence: str, *triple: str) -> str:
    return tree_of(Triple(*triple), normalise_words(sentence)).serialise()


def triple_of(text: str) -> Triple:
    """The tuple of a tree, from its tags."""
    node = parse(text)
    values = {
        prefix: decode(slot.name.removeprefix(prefix))
        for slot in node.slots()
        for prefix in (OBJECT, LOCATION)
        if slot.name.startswith(prefix)
    }
    assert len(values) == len(node.slots())
    return Triple(decode(node.name), values.get(OBJECT, "none"), values.get(LOCATION, "none"))


#: What is said, and its tuple; the tree.
EXAMPLES = """
Bring light to the bathroom | activate | lights | washroom
[IN:ACTIVATE bring [SL:OBJECT_LIGHTS light ] to the [SL:LOCATION_WASHROOM bathroom ] ]
Be louder! | increase | volume | none
[IN:INCREASE be louder [SL:OBJECT_VOLUME ] ]
The kitchen is freezing | increase | heat | kitchen
[IN:INCREASE the [SL:LOCATION_KITCHEN kitchen ] is freezing [SL:OBJECT_HEAT ] ]
Too dark there | activate | lights | bedroom
[IN:ACTIVATE too dark there [SL:OBJECT_LIGHTS ] [SL:LOCATION_BEDROOM ] ]
Some other language | change language | none | none
[IN:CHANGE_LANGUAGE some other language ]
Chinese, from Korean | change language | Chinese | none
[IN:CHANGE_LANGUAGE [SL:OBJECT_CHINESE chinese ] from korean ]
Two towels to the garage | bring | towels | garage
[IN:BRING two [SL:OBJECT_TOWELS towels ] to the [SL:LOCATION_GARAGE garage ] ]
Warm up my living room | increase | heat | living room
[IN:INCREASE warm up my [SL:LOCATION_LIVING_ROOM living room ] [SL:OBJECT_HEAT ] ]
Sound: more volume | increase | volume | none
[IN:INCREASE sound more [SL:OBJECT_VOLUME volume ] ]
"""


@pytest.mark.parametrize(("row", "expected"), list(batched(EXAMPLES.strip().splitlines(), 2)))
def test_rules_by_example(row: str, expected: str) -> None:
    """Of the last: the value's own name is preferred to another word for it, wherever it stands."""
    assert tree(*row.split(" | ")) == expected


def test_the_tags_tell_the_tuple_and_the_rest_is_what_was_said() -> None:
    """Whatever is said for whatever tuple, also sentences that name the wrong values, or the value twice."""
    objects, locations = ({row[column] for row in FSC_ROWS} for column in (2, 3))
    assert (len(objects), len(locations)) == (14, 4)  # all that the corpus has
    every = [(row[0], ("bring", *values)) for row in FSC_ROWS for values in product(objects, locations)]
    for sentence, triple in [*((row[0], row[1:]) for row in FSC_ROWS), *every]:
        text = tree(sentence, *triple)
        tags = " ".join(token for token in text.split() if token.startswith("[") or token == "]")
        assert triple_of(tags) == Triple(*triple)
        assert " ".join(strip_tags(text)) == normalise_words(sentence)


@pytest.mark.parametrize("value", ["TV", "living_room", "a  b", "", "x]", "french"])
def test_a_value_that_would_not_be_read_back_is_refused(value: str) -> None:
    with pytest.raises(UserError, match="cannot be read back"):
        encode(value)


def test_the_sets_of_all_splits(fsc_corpus: Path, tmp_path: Path) -> None:
    report = prepare(fsc_corpus.parent, tmp_path)
    sets = {path.name: DataDir.load(path) for path in find_data_dirs(tmp_path)}
    splits = dict.fromkeys(("", "unseen_speaker_", "unseen_utterance_"), ("train", "dev", "test"))
    splits |= dict.fromkeys((f"{split}_" for split in PUBLIC), tuple(PUBLIC_FILES))
    assert sorted(sets) == sorted(prefix + part for prefix, parts in splits.items() for part in parts)
    everything = sorted(key for part in ("train", "dev", "test") for key in sets[part].ids)
    assert len(everything) == len(set(everything)) == 105
    assert "105 utterances, 31 distinct tuples, 35 phrasings" in str(report)
    assert sets["test"].spk2utt.keys() == {"spk00XyZ"}
    assert problems_below(tmp_path) == []
    for prefix in ("unseen_speaker_", "unseen_utterance_"):
        drawn = {part: sets[prefix + part] for part in ("train", "dev", "test")}
        assert sorted(key for data in drawn.values() for key in data.ids) == everything
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not sets[f"unseen_speaker_{one}"].spk2utt.keys() & sets[f"unseen_speaker_{other}"].spk2utt.keys()
        texts = [set(sets[f"unseen_utterance_{part}"].text.values()) for part in (one, other)]
        assert not texts[0] & texts[1]
    tuples = {}
    for part in ("train", "test"):
        tuples[part] = {triple_of(text) for text in sets[f"unseen_utterance_{part}"].target.values()}
    assert tuples["test"] <= tuples["train"]  # each keeps a phrasing for training
    assert len(tuples["train"]) == 31
    assert "unseen_utterance_test: 3 of 31 tuples; split: phrasings drawn with seed 0, by tuple" in str(report)
    for split in PUBLIC:
        train, test = sets[f"{split}_train"], {part: sets[f"{split}_test_{part}"] for part in ("speaker", "utterance")}
        assert not train.spk2utt.keys() & test["speaker"].spk2utt.keys()
        assert not {*train.text.values()} & {*test["utterance"].text.values()}
        assert not {*test["speaker"].ids} & {*test["utterance"].ids}
        about = f"drawn with seed 0 in the manner of the public {split} split, which is not there\n"
        assert (tmp_path / f"{split}_test_speaker/split").read_text() == about
    for data in sets.values():
        assert all(key.startswith(speaker) for key, speaker in (data.utt2spk or {}).items())


def test_every_tuple_is_tested_as_often_as_another() -> None:
    commands = [
        Command(Utterance(f"u{n}", f"{n % 12} of {n % 4}", "", speaker="s"), Triple("act", str(n % 4), "none"), "train")
        for n in range(120)
    ]  # three phrasings of each of four tuples, ten times each
    drawn = _draw_phrasings(commands, {"test": 40, "dev": 40}, [f"{n} of {n % 4}" for n in range(12)])
    tuples = {part: sorted(text[-1] for text, own in drawn.items() if own == part) for part in ("test", "dev", "train")}
    assert tuples == {"test": [*"0123"], "dev": [*"0123"], "train": [*"0123"]}


def test_the_public_splits_are_taken_where_they_are(fsc_corpus: Path, tmp_path: Path) -> None:
    corpus = shutil.copytree(fsc_corpus, tmp_path / "fsc")
    with (corpus / "data/train_data.csv").open(newline="", encoding="utf-8") as handle:
        rows = [[row[0], "index", *row[1:]] for row in csv.reader(handle)]  # the owners' tables have two of numbers
    folder = corpus / "data/unseen_splits"
    folder.mkdir()
    for number, table in enumerate(PUBLIC_FILES.values(), start=1):
        with pytest.raises(UserError, match=rf"unseen_splits: no {table}; the split is train_data"):
            prepare(corpus, tmp_path / "data", splits=["unseen"])
        with (folder / table).open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([rows[0], *rows[number::4]])
    prepare(corpus, tmp_path / "data", splits=["unseen"])
    assert sum(len(DataDir.load(tmp_path / f"data/unseen_{part}")) for part in PUBLIC_FILES) == len(rows) - 1
    assert (tmp_path / "data/unseen_test_utterance/split").read_text() == "the public unseen split\n"


def test_drawn_splits_are_the_seeds(fsc_corpus: Path, tmp_path: Path) -> None:
    for run, seed in (("a", 0), ("b", 0), ("c", 5)):
        prepare(fsc_corpus, tmp_path / run, seed=seed, splits=["unseen_speaker"])
    texts = {run: (tmp_path / run / "unseen_speaker_test" / "text").read_bytes() for run in "abc"}
    assert texts["a"] == texts["b"] != texts["c"]


def edit(root: Path, part: str, change: Callable[[list[list[str]]], None]) -> Path:
    path = root / "data" / f"{part}_data.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.reader(handle))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)
    return root


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_fsc(tmp_path / "fsc", [("More juice", "bring", "juice", "none")] * 4, speakers=3)


def set_value(column: int, value: str) -> Callable[[list[list[str]]], None]:
    return lambda rows: rows[1].__setitem__(column, value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (set_value(4, ""), r"train_data\.csv:2: column 'action' is empty"),
        (set_value(4, "none"), r"train_data\.csv:2: the action is 'none'"),
        (set_value(6, "Living Room"), r"train_data\.csv:2: value 'Living Room' cannot be read back"),
        (lambda rows: rows.append(rows[1]), "occurs twice"),
    ],
)
def test_a_bad_table_is_named(corpus, tmp_path, change, what):
    edit(corpus, "train", change)
    with pytest.raises(UserError, match=what):
        prepare(corpus, tmp_path / "data", splits=["original"])


def test_a_missing_recording(corpus: Path, tmp_path: Path) -> None:
    edit(corpus, "test", set_value(1, "wavs/speakers/gone.wav"))
    with pytest.raises(UserError, match=r"spk00XyZ-gone .*missing audio.*never shrunk"):
        prepare(corpus, tmp_path / "data", splits=["original"])
