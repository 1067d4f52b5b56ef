"""Fluent Speech Commands: the written rules with their two properties, the original and the drawn splits.

The corpus may not be shared: all sentences here were written for these tests.
"""

import csv
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from espnet_atat.corpora.fsc import prepare
from espnet_atat.corpora.fsc_rules import LOCATION, OBJECT, Triple, decode, encode, tree_of
from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import validate
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.semantics.tree import parse, strip_tags

Row = tuple[str, str, str, str]

ACTIONS = {"activate", "deactivate", "increase", "decrease", "bring", "change language"}
OBJECTS = {
    *("lights", "lamp", "music", "volume", "heat", "newspaper", "juice", "socks", "shoes"),
    *("English", "Chinese", "German", "Korean", "none"),
}
LOCATIONS = {"kitchen", "bedroom", "washroom", "none"}


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


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            ("Bring light to the bathroom", "activate", "lights", "washroom"),
            "[IN:ACTIVATE bring [SL:OBJECT_LIGHTS light ] to the [SL:LOCATION_WASHROOM bathroom ] ]",
        ),
        (("Be louder!", "increase", "volume", "none"), "[IN:INCREASE be louder [SL:OBJECT_VOLUME ] ]"),
        (
            ("The kitchen is freezing", "increase", "heat", "kitchen"),
            "[IN:INCREASE the [SL:LOCATION_KITCHEN kitchen ] is freezing [SL:OBJECT_HEAT ] ]",
        ),
        (
            ("Too dark there", "activate", "lights", "bedroom"),
            "[IN:ACTIVATE too dark there [SL:OBJECT_LIGHTS ] [SL:LOCATION_BEDROOM ] ]",
        ),
        (("Some other language", "change language", "none", "none"), "[IN:CHANGE_LANGUAGE some other language ]"),
        (
            ("Chinese, from Korean", "change language", "Chinese", "none"),
            "[IN:CHANGE_LANGUAGE [SL:OBJECT_CHINESE chinese ] from korean ]",
        ),
        # The value's own name is preferred to another word for it, wherever it stands.
        (
            ("Sound: more volume", "increase", "volume", "none"),
            "[IN:INCREASE sound more [SL:OBJECT_VOLUME volume ] ]",
        ),
    ],
)
def test_rules_by_example(row: Row, expected: str) -> None:
    assert tree(*row) == expected


def test_the_generated_rows_cover_every_value(fsc_rows: list[Row]) -> None:
    assert {row[1] for row in fsc_rows} == ACTIONS
    assert {row[2] for row in fsc_rows} == OBJECTS
    assert {row[3] for row in fsc_rows} == LOCATIONS


def test_both_properties_hold_for_every_row(fsc_rows: list[Row]) -> None:
    for sentence, *triple in fsc_rows:
        text = tree(sentence, *triple)
        assert triple_of(text) == Triple(*triple)
        assert " ".join(strip_tags(text)) == normalise_words(sentence)


def test_both_properties_hold_for_every_tuple_over_every_sentence(fsc_rows: list[Row]) -> None:
    """Whatever is said for whatever tuple, also sentences that name the wrong values, or the value twice."""
    for triple, (sentence, *_) in product(product({"bring"}, OBJECTS, LOCATIONS), fsc_rows):
        text = tree(sentence, *triple)
        assert triple_of(text) == Triple(*triple)
        assert " ".join(strip_tags(text)) == normalise_words(sentence)


def test_the_tags_alone_tell_the_tuple(fsc_rows: list[Row]) -> None:
    for sentence, *triple in fsc_rows:
        tags = " ".join(t for t in tree(sentence, *triple).split() if t.startswith("[") or t == "]")
        assert triple_of(tags) == Triple(*triple)


def test_rules_are_general() -> None:
    assert tree("Two towels to the garage", "bring", "towels", "garage") == (
        "[IN:BRING two [SL:OBJECT_TOWELS towels ] to the [SL:LOCATION_GARAGE garage ] ]"
    )
    assert tree("Warm up my living room", "increase", "heat", "living room") == (
        "[IN:INCREASE warm up my [SL:LOCATION_LIVING_ROOM living room ] [SL:OBJECT_HEAT ] ]"
    )


@pytest.mark.parametrize("value", ["TV", "living_room", "a  b", "", "x]", "french"])
def test_a_value_that_would_not_be_read_back_is_refused(value: str) -> None:
    with pytest.raises(UserError, match="cannot be read back"):
        encode(value)


def test_labels_and_values_are_inverse() -> None:
    for value in (ACTIONS | OBJECTS | LOCATIONS) - {"none"}:
        assert decode(encode(value)) == value


def test_the_sets_of_all_splits(fsc_corpus: Path, tmp_path: Path) -> None:
    report = prepare(fsc_corpus.parent, tmp_path)
    sets = {path.name: DataDir.load(path) for path in tmp_path.iterdir()}
    assert sorted(sets) == sorted(
        prefix + part for prefix in ("", "unseen_speaker_", "unseen_utterance_") for part in ("train", "dev", "test")
    )
    everything = sorted(key for part in ("train", "dev", "test") for key in sets[part].ids)
    assert len(everything) == len(set(everything)) == 105
    assert "105 utterances, 31 distinct tuples, 35 phrasings" in str(report)
    assert sets["test"].spk2utt.keys() == {"spk00XyZ"}
    assert [validate(path, AudioRules(), audio="header").problems for path in tmp_path.iterdir()] == [[]] * 9
    for prefix in ("unseen_speaker_", "unseen_utterance_"):
        drawn = {part: sets[prefix + part] for part in ("train", "dev", "test")}
        assert sorted(key for data in drawn.values() for key in data.ids) == everything
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not sets[f"unseen_speaker_{one}"].spk2utt.keys() & sets[f"unseen_speaker_{other}"].spk2utt.keys()
        texts = [set(sets[f"unseen_utterance_{part}"].text.values()) for part in (one, other)]
        assert not texts[0] & texts[1]
    for data in sets.values():
        assert data.target is not None
        assert all(key.startswith(speaker) for key, speaker in (data.utt2spk or {}).items())


def test_every_tuple_keeps_a_phrasing_for_training(fsc_corpus: Path, tmp_path: Path) -> None:
    prepare(fsc_corpus, tmp_path, splits=["unseen_utterance"])
    tuples = {}
    for part in ("train", "dev", "test"):
        target = DataDir.load(tmp_path / f"unseen_utterance_{part}").target
        assert target is not None
        tuples[part] = {triple_of(text) for text in target.values()}
    assert len(tuples["train"]) == 31
    assert tuples["test"] <= tuples["train"]


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
def corpus(tmp_path: Path, make_fsc: Callable[..., Path]) -> Path:
    return make_fsc(tmp_path / "fsc", [("More juice", "bring", "juice", "none")] * 4, speakers=3)


def drop_column(rows: list[list[str]]) -> None:
    for row in rows:
        del row[5]


def set_value(row: int, column: int, value: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (drop_column, r"train_data\.csv:1: no column 'action'|train_data\.csv:1: no column 'object'"),
        (set_value(1, 4, ""), r"train_data\.csv:2: column 'action' is empty"),
        (set_value(1, 4, "none"), r"train_data\.csv:2: the action is 'none'"),
        (set_value(1, 6, "Living Room"), r"train_data\.csv:2: value 'Living Room' cannot be read back"),
        (lambda rows: rows[1].append("x"), r"train_data\.csv:2: 8 fields where the header has 7"),
        (lambda rows: rows.append(rows[1]), "stands twice"),
    ],
)
def test_a_bad_table_is_named(
    corpus: Path, tmp_path: Path, change: Callable[[list[list[str]]], None], what: str
) -> None:
    edit(corpus, "train", change)
    with pytest.raises(UserError, match=what):
        prepare(corpus, tmp_path / "data", splits=["original"])


def test_bytes_that_are_not_utf8_are_named(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "data" / "valid_data.csv"
    path.write_bytes(path.read_bytes().replace(b"More", b"M\xf6re"))
    with pytest.raises(UserError, match=r"valid_data\.csv:2: byte b'\\xf6' is not UTF-8"):
        prepare(corpus, tmp_path / "data")


def test_a_missing_recording(corpus: Path, tmp_path: Path) -> None:
    edit(corpus, "train", lambda rows: rows[1].__setitem__(1, "wavs/speakers/gone.wav"))
    edit(corpus, "train", lambda rows: rows.append([*rows[1][:1], "wavs/speakers/spk02XyZ/x.wav", *rows[1][2:]]))
    (corpus / "wavs" / "speakers" / "spk02XyZ" / "x.wav").write_bytes(
        next((corpus / "wavs" / "speakers" / "spk02XyZ").glob("*.wav")).read_bytes()
    )
    report = prepare(corpus, tmp_path / "data", splits=["original"])
    assert list(report.sets[0].dropped) == ["spk02XyZ-gone"]
    edit(corpus, "test", set_value(1, 1, "wavs/speakers/gone.wav"))
    with pytest.raises(UserError, match=r"spk00XyZ-gone .*missing audio.*never shrunk"):
        prepare(corpus, tmp_path / "data", splits=["original"])


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match="give the folder 'fluent_speech_commands_dataset'"):
        prepare(tmp_path, tmp_path / "data")
