"""SNIPS smart-lights: annotated chunks to trees, the join with recordings, and the folds."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.corpora.snips import label, prepare, tree_of_query
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import SPOKEN
from espnet_atat.semantics.tree import parse
from tests.corpora.conftest import problems_below, write_snips

METADATA = "speech_corpus/metadata.json"


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (
            [("Make the ", ""), ("guest room", "room"), (" PALE\n", ""), ("green", "color"), (" !", "")],
            "[IN:SET_LIGHT_COLOR make the [SL:ROOM guest room ] pale [SL:COLOR green ] ]",
        ),
        ([("  the\n\n", ""), ("kitchen", "room"), ("'s  lights", "")], "[SL:ROOM kitchen's ] lights ]"),
        ([("blue", "color"), (", ", ""), ("red", "color")], "[IN:SET_LIGHT_COLOR [SL:COLOR blue ] [SL:COLOR red ] ]"),
        ([("only words", "")], "[IN:SET_LIGHT_COLOR only words ]"),
        ([("in the ", ""), (" attic ", "room")], "[IN:SET_LIGHT_COLOR in the [SL:ROOM attic ] ]"),
    ],
)
def test_chunks_become_trees(chunks: list[tuple[str, str]], expected: str) -> None:
    data = [{"text": text, **({"slot_name": slot, "entity": f"x_{slot}"} if slot else {})} for text, slot in chunks]
    assert tree_of_query("SetLightColor", data, SPOKEN, "query").serialise().endswith(expected)
    labels = [label(name) for name in ("SetLightColor", "room", "house_room", "a-b c")]
    assert labels == ["SET_LIGHT_COLOR", "ROOM", "HOUSE_ROOM", "A_B_C"]


def folds(data_dir: Path, field: str, part: str) -> list[DataDir]:
    return [DataDir.load(data_dir / f"{field}_fold{fold}_{part}") for fold in range(1, 6)]


def test_both_fields_in_five_folds(snips_corpus: Path, tmp_path: Path) -> None:
    report = prepare(snips_corpus, tmp_path)
    printed = str(report)
    assert "close: 25 recordings of 24 queries, 25 queries in all" in printed
    assert "close: 1 queries without a recording are not utterances of the set" in printed
    assert "close: 1 queries repeat another" in printed
    assert "close: 1 recordings repeat the words of another" in printed
    assert len(find_data_dirs(tmp_path)) == 2 * 5 * (3 + 2)
    assert problems_below(tmp_path) == []
    plain = [folds(tmp_path, "close_plain", part) for part in ("train", "test")]
    assert [len(train) + len(test) for train, test in zip(*plain, strict=True)] == [25] * 5  # nothing is held out
    assert "no sentence is in two folds" in (tmp_path / "close_fold1_test/split").read_text()
    assert "five plain folds, drawn with seed 0" in (tmp_path / "close_plain_fold1_test/split").read_text()
    test = folds(tmp_path, "close", "test")
    tested = [key for data in test for key in data.ids]
    assert sorted(key for data in plain[1] for key in data.ids) == sorted(tested)
    assert len(tested) == len(set(tested)) == 25
    for fold, data in enumerate(test, start=1):
        others = {part: DataDir.load(tmp_path / f"close_fold{fold}_{part}") for part in ("train", "dev")}
        assert len(data) + len(others["train"]) + len(others["dev"]) == 25
        for other in others.values():
            assert not set(other.text.values()) & set(data.text.values())
    # Folds are alike in intents, and the same in both fields.
    for close, far in zip(test, folds(tmp_path, "far", "test"), strict=True):
        assert close.text == far.text
        counts = Counter(parse(tree).name for tree in close.target.values())
        assert counts["SET_LIGHT_COLOR"] in {1, 2}
        assert max(counts.values()) <= 3
    trees = {tree for data in test for tree in data.target.values()}
    assert len({parse(tree).name for tree in trees}) == 6
    assert "[IN:SET_LIGHT_BRIGHTNESS [SL:BRIGHTNESS fifty five ] percent in the [SL:ROOM guest room ] ]" in trees


def test_folds_can_be_disjoint_in_speakers(snips_corpus: Path, tmp_path: Path) -> None:
    prepare(snips_corpus / "smart-lights-en-far-field", tmp_path, speaker_disjoint=True)
    speakers = [set(data.spk2utt) for data in folds(tmp_path, "far", "test")]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6
    train, test = folds(tmp_path, "far", "train")[0], folds(tmp_path, "far", "test")[0]
    assert not train.spk2utt.keys() & test.spk2utt.keys()
    with pytest.raises(UserError, match="no smart-lights-en-close-field; present: far"):
        prepare(snips_corpus / "smart-lights-en-far-field", tmp_path, fields=["close"])
    prepare(snips_corpus, tmp_path / "far", fields=["far"])
    assert len(find_data_dirs(tmp_path / "far")) == 25


def change(folder: Path, file: str, edit: Callable[[Any], None]) -> None:
    content = json.loads((folder / file).read_text())
    edit(content)
    (folder / file).write_text(json.dumps(content))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_snips(tmp_path / "snips")


def test_what_cannot_be_joined_or_contradicts_is_counted(corpus: Path, tmp_path: Path) -> None:
    contradicting = {"data": [{"text": "let there be light in the kitchen"}]}
    change(corpus, "dataset.json", lambda c: c["intents"]["SwitchLightOff"]["utterances"].append(contradicting))
    (corpus / "speech_corpus" / "audio" / "3.wav").unlink()
    change(corpus, METADATA, lambda content: content["5"].update(text="never written down"))
    printed = str(prepare(corpus, tmp_path / "data"))
    assert "close: 23 recordings of 22 queries" in printed
    assert "close: 1 recordings whose words no query has left out: 5.wav" in printed
    assert "close: 1 recordings named in metadata.json but absent left out: 3.wav" in printed
    assert "with other labels; the first counts: let there be light in the kitchen" in printed


def test_an_unreadable_recording_stops_for_every_one_is_tested(corpus: Path, tmp_path: Path) -> None:
    (corpus / "speech_corpus" / "audio" / "3.wav").write_bytes(b"")
    with pytest.raises(UserError, match=r"00000003-aaaa-3 .*empty audio.*never shrunk"):
        prepare(corpus, tmp_path / "data")
    report = prepare(corpus, tmp_path / "data", allow_bad_test=True)
    assert [key for one in report.sets for key in one.unreadable] == ["00000003-aaaa-3"] * 2  # plain folds too
    (corpus / "dataset.json").write_text('{"intents":\n{"a": }}')
    with pytest.raises(UserError, match=r"dataset\.json:2: not JSON"):
        prepare(corpus, tmp_path / "data")
