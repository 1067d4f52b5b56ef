"""Shapes and sums from what stage 6 has left: those of ESPnet's ``--collect_stats``, which reads everything."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest
from espnet2.layers.global_mvn import GlobalMVN

from espnet_atat.data import statistics
from espnet_atat.data.mixture import parse_mixture
from espnet_atat.data.statistics import write_statistics
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.model.text_encoder import load_text_tokenizer
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.text.pieces import read_pieces
from tests.toy import MELS, UTTERANCES, Toy, make_toy
from tests.toy_training import CONFIG, prepare

#: A set twice, a share of one, the rest of it, the same audio under another label, and text; weights change no sum.
ENTRIES = [
    {"task": "slu", "set": "toy/audio", "weight": 7},
    {"task": "asr", "set": "toy/audio", "limit": 3},
    {"task": "mlm", "set": "toy/audio_mlm", "limit": 3, "complement": True},
    {"task": "slu", "set": "toy/audio", "label": "nlu", "limit": 0.9},
    {"task": "nlu", "set": "toy/words"},
    {"task": "nlu", "set": "toy/audio", "limit": 5},
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Toy:
    toy = make_toy(tmp_path_factory.mktemp("toy"))
    for name in ("audio", "audio_mlm"):
        feats = toy.feats(name)
        folder = toy.dump / "toy" / name
        write_two_column(folder / "utt2num_frames", {utt_id: str(len(each)) for utt_id, each in feats.items()})
        sum(map(FeatureSums.of, feats.values()), FeatureSums()).save(folder / SUMS_FILE)
    return toy


def written(toy: Toy, output: Path, entries: list = ENTRIES, **options: object) -> bool:
    known = {"text_tokenizer": str(toy.text_tokenizer), "text_encoder_conf": CONFIG["text_encoder_conf"]}
    return write_statistics(parse_mixture(entries, "toy"), toy.dump, output, **{**known, **options})  # type: ignore[arg-type]


def test_they_are_what_espnet_collects(toy, tmp_path):
    collected = prepare(toy, ENTRIES, "collected").stats / "train"
    assert written(toy, tmp_path)
    for name in ("speech_shape", "text_in_shape"):
        assert (tmp_path / name).read_bytes() == (collected / name).read_bytes()
    ours, espnets = GlobalMVN(tmp_path / SUMS_FILE), GlobalMVN(collected / SUMS_FILE)
    assert FeatureSums.load(tmp_path / SUMS_FILE).count == FeatureSums.load(collected / SUMS_FILE).count
    np.testing.assert_allclose(ours.mean, espnets.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.std, espnets.std, rtol=1e-5)
    assert ours.mean.dtype == espnets.mean.dtype
    text, speech = read_two_column(tmp_path / "text_in_shape"), read_two_column(tmp_path / "speech_shape")
    for number, (words, _) in enumerate(UTTERANCES):
        assert speech[f"slu-audio-spk0-{number:02d}"] == f"{8 * len(words.split())},{MELS}"
        assert text[f"nlu-words-spk0-{number:02d}"] == str(len(words.split()) + 2)  # [CLS], [SEP]


def test_processes_change_no_byte(toy, tmp_path, monkeypatch):
    assert written(toy, tmp_path / "1")
    monkeypatch.setattr(statistics, "TEXTS", 3)
    monkeypatch.setattr(statistics, "UTTERANCES", 2)
    assert written(toy, tmp_path / "2", nj=2)
    for name in ("speech_shape", "text_in_shape"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    one, two = FeatureSums.load(tmp_path / "1" / SUMS_FILE), FeatureSums.load(tmp_path / "2" / SUMS_FILE)
    np.testing.assert_allclose(one.sum, two.sum, rtol=1e-12)


def test_features_of_whole_sets_are_not_read(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(kaldiio, "load_mat", None)
    assert written(toy, tmp_path, [{"task": "slu", "set": "toy/audio"}, {"task": "mlm", "set": "toy/audio_mlm"}])
    assert not (tmp_path / "text_in_shape").exists()


def test_of_a_share_the_smaller_side_is_read(toy, tmp_path, monkeypatch):
    read: list[str] = []
    monkeypatch.setattr(kaldiio, "load_mat", lambda path, load=kaldiio.load_mat: read.append(path) or load(path))
    for limit, complement in ((2, False), (2, True), (6, False)):
        read.clear()
        part = {"task": "asr", "set": "toy/audio", "limit": limit, "complement": complement}
        assert written(toy, tmp_path, [part])
        assert len(read) == 2
        taken = read_two_column(tmp_path / "speech_shape")
        feats = np.concatenate([toy.feats("audio")[example.removeprefix("asr-audio-")] for example in taken])
        np.testing.assert_allclose(FeatureSums.load(tmp_path / SUMS_FILE).sum, feats.sum(0, dtype=float), rtol=1e-9)


def test_long_texts_are_cut_where_the_encoder_ends(toy, tmp_path):
    config = {**CONFIG["text_encoder_conf"]["config"], "max_position_embeddings": 5}
    assert written(toy, tmp_path, text_encoder_conf={"config": config})
    assert max(map(int, read_two_column(tmp_path / "text_in_shape").values())) == 5


@pytest.mark.parametrize("name", [SUMS_FILE, "utt2num_frames", "feats.scp"])
def test_without_what_stage_6_leaves_nothing_is_written(toy, tmp_path, name):
    file = toy.dump / "toy/audio" / name
    content = file.read_bytes()
    try:
        file.unlink()
        assert not written(toy, tmp_path / "new", ENTRIES[:1])
        if name != SUMS_FILE:  # an utterance taken out by hand: the sums are of other features
            file.write_bytes(content.partition(b"\n")[2])
            assert not written(toy, tmp_path / "new", ENTRIES[:1])
    finally:
        file.write_bytes(content)
    assert not (tmp_path / "new").exists()


def test_texts_at_the_pace_of_speech_have_the_length_that_the_encoder_reads(toy, tmp_path):
    assert written(toy, tmp_path, text_pace=0.8)
    shapes = read_two_column(tmp_path / "text_in_shape")
    tokenizer = load_text_tokenizer(toy.text_tokenizer)
    for number, (words, _) in enumerate(UTTERANCES):
        pieces = read_pieces(tokenizer, words, 512, 0.8)
        assert len(pieces) > len(words.split()) + 2
        assert shapes[f"nlu-words-spk0-{number:02d}"] == str(len(pieces))
