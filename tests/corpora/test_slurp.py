"""SLURP: tokens and spans to trees, recordings, speakers, and what is left out."""

import json
from pathlib import Path

import pytest

from espnet_atat.corpora.slurp import prepare
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError
from tests.corpora.conftest import problems_below, write_slurp


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_slurp(tmp_path / "slurp")


def edit(corpus: Path, part: str, number: int, **changes: object) -> None:
    path = corpus / f"dataset/slurp/{part}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[number] |= changes
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_recording_is_an_utterance_with_its_sentence_s_tree(corpus: Path, tmp_path: Path) -> None:
    report = str(prepare(corpus, tmp_path / "data"))
    assert "train: 6 sentences, 12 recordings, 6 by headset, 0 a second time, left out" in report
    sets = {path.name: DataDir.load(path) for path in find_data_dirs(tmp_path / "data")}
    sizes = {"train": 12, "train_synthetic": 6, "dev": 12, "test": 12}
    assert {name: len(data) for name, data in sets.items()} == sizes
    assert problems_below(tmp_path / "data") == []
    test = sets["test"]
    assert test.utt2spk["FE-401-audio-3100-headset"] == "FE-401"
    assert test.wav["FO-401-audio-3100"] == str(corpus / "audio/slurp_real/audio-3100.flac")
    assert {tree for key, tree in test.target.items() if "-401-" in key} == {
        "[IN:CALENDAR_SET remind me of the dentist on [SL:DATE friday ] [SL:TIME at half past nine ] ]"
    }
    assert test.target["FE-400-audio-3000-headset"] == "[IN:LISTS_QUERY what 's on my list for [SL:DATE monday ] ]"
    assert "[IN:IOT_HUE_LIGHTOFF lamps off in the [SL:HOUSE_PLACE attic ] please ]" in test.target.values()
    assert test.target["FE-402-audio--3207"] == "[IN:PLAY_MUSIC play some [SL:MUSIC_GENRE jazz ] ]"


def test_microphones_and_the_flat_layout_without_synthetic_speech_and_speakers(corpus: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    (corpus / "dataset/slurp").rename(flat)
    (corpus / "audio/slurp_real").rename(flat / "slurp_real")
    (flat / "metadata.json").unlink()
    report = str(prepare(flat, tmp_path / "data", microphones=("far",)))
    assert f"train_synthetic: left out, as {flat / 'slurp_synth'} is not there" in report
    assert "every recording is its own speaker" in report
    train = DataDir.load(tmp_path / "data/train")
    assert len(train) == 6
    assert not [key for key in train.ids if key.endswith("-headset")]
    assert train.utt2spk == {key: key for key in train.ids}


def test_what_is_there_twice_or_does_not_fit_a_tree_is_counted(corpus: Path, tmp_path: Path) -> None:
    spans = [{"span": [6], "type": "date"}, {"span": [5, 6]}, {"span": [0, 2]}, {"span": [9]}]
    edit(corpus, "train", 1, entities=spans)
    edit(corpus, "devel", 3, recordings=[{"file": "audio-0000-headset.flac"}, {"file": "audio-2300-headset.flac"}])
    report = str(prepare(corpus, tmp_path / "data"))
    assert "2 entities that overlap others or have gaps, left out" in report
    assert "dev: 6 sentences, 12 recordings, 6 by headset, 1 a second time, left out" in report
    trees = DataDir.load(tmp_path / "data/train").target
    half = "[IN:CALENDAR_SET remind me of the dentist on [SL:DATE friday ] at half [SL:UNKNOWN past ] nine ]"
    assert trees["FE-401-audio-0100-headset"] == half


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": [{}]}, r"train\.jsonl:2: expected scenario, action, tokens .*'surface'"),
        ({"entities": [{"span": [40]}]}, r"train\.jsonl:2: expected .* entities → span"),
        ({"recordings": [{"file": "../x.flac"}]}, r"train\.jsonl:2: recording '\.\./x\.flac' is not the name of"),
        ({"recordings": [{}]}, r"train\.jsonl:2: expected recordings → file"),
    ],
)
def test_a_bad_row_is_named(corpus: Path, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    edit(corpus, "train", 1, **changes)
    with pytest.raises(UserError, match=message):
        prepare(corpus, tmp_path / "data")


def test_a_test_recording_that_is_not_there_stops(corpus: Path, tmp_path: Path) -> None:
    (corpus / "audio/slurp_real/audio-3100.flac").unlink()
    with pytest.raises(UserError, match=r"FO-401-audio-3100 .*missing audio.*never shrunk"):
        prepare(corpus, tmp_path / "data")
