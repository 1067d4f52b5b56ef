"""Amounts read off what the stages wrote."""

import json
from pathlib import Path

import pytest

from espnet_atat.graph.node import Node
from espnet_atat.graph.work import stamp_file
from espnet_atat.report.amounts import hours_of, stage_times, training_amounts

LOG = """
    Total Number of model parameters: 3.10 M
1epoch results: [train] loss=3.0, time=1 second, total_count=160, [valid] loss=2.0, time=1 second, total_count=11
2epoch results: [train] loss=3.0, total_count=320, gpu_max_cached_mem_GB=0.4, [valid] loss=2.0, total_count=22
"""


def made(root, name, identity, files, stage=10):
    """A run that was made of some files."""

    def make(work):
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)

    node = Node(stage=stage, at=root / name, identify=lambda: identity, make=make)
    node.build()
    return node.place


def test_training_counts_updates_of_all_phases_and_each_recording_once(tmp_path, monkeypatch):
    monkeypatch.setattr("espnet_atat.graph.node.commit", lambda: "abc")
    tuned = made(tmp_path, "tuned", {"kind": "training", "config": {"accum_grad": 2}}, {"train.log": LOG})
    first = made(tmp_path, "first", {"kind": "training", "config": {}}, {"train.log": LOG})
    shapes = "slu-a-u1 36000,80\nasr-a-u1 36000,80\nslu.nlu-a-u1 36000,80\nasr-b-u1 18000,80\n"
    stats = made(tmp_path, "stats", {"kind": "statistics"}, {"stats/train/speech_shape": shapes})
    raw = made(tmp_path, "raw", {"kind": "statistics"}, {"stats/train/speech_shape": "slu-c-u1 2880000\n"})
    found = training_amounts([tuned, first, stats, raw])
    assert found["parameters"] == 3_100_000
    assert found["updates"] == 160 + 320
    assert found["utterances"] == 3
    assert found["hours"] == pytest.approx(0.1 + 0.05 + 0.05)
    assert found["commits"] == ["abc"]
    found = training_amounts([made(tmp_path, "run", {"kind": "training", "config": {}}, {})])  # without a log
    assert found.items() >= {"parameters": None, "updates": 0, "hours": 0.0, "utterances": 0}.items()


def test_hours_of_an_encoder_s_states_are_those_of_the_audio(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dump/toy/a").mkdir(parents=True)
    Path("dump/toy/a/utt2num_frames").write_text("u1 36000\nu2 18000\n")
    identity = {"kind": "statistics", "data": {"train": [{"part": {"task": "slu", "set": "toy/a"}}]}}
    states = {"stats/train/speech_shape": "slu-a-u1 18025,384\n"}  # one every 20 ms, and of the silence behind
    assert training_amounts([made(tmp_path, "stats", identity, states)])["hours"] == pytest.approx(0.1)


def test_hours_of_a_test_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, file, length in (("a", "utt2num_frames", 36_000), ("b", "utt2num_samples", 5_760_000)):
        (tmp_path / "dump/toy" / name).mkdir(parents=True)
        (tmp_path / "dump/toy" / name / file).write_text(f"u1 {length}\nu2 {length}\n")
    (tmp_path / "dump/toy/words").mkdir()
    assert hours_of(["toy/a"]) == pytest.approx(0.2)
    assert hours_of(["toy/a", "toy/b"]) == pytest.approx(0.4)
    assert hours_of(["toy/a", "toy/words"]) is None


def test_stages_take_as_long_as_the_stamps_of_what_they_made_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [made(Path(), f"exp/runs/{stage}", {"kind": "x"}, {"a": ""}, stage) for stage in (7, 10)]
    hypotheses = made(Path(), "exp/toy/old/seed1/decode/test", {}, {"hyp": "", "metrics.json": ""}, 12)
    made(Path(), "data/toy/train", {}, {"text": ""}, 1)
    made(Path(), "dump/toy/train", {}, {"text": ""}, 6)
    states = stamp_file(made(Path(), "dump/whisper-1/toy/train", {}, {"text": ""}, 6))
    states.write_text(json.dumps(json.loads(states.read_text()) | {"seconds": 60.0}))
    made(Path(), "dump/other/train", {}, {"text": ""}, 5)  # of another recipe
    times = stage_times("toy", [hypotheses / "metrics.json"], runs)
    assert times.keys() == {"1", "6", "7", "10", "12"}
    assert times["6"] >= 60
    for stage, seconds in ((7, 2.26), (10, 100.0)):
        stamp = stamp_file(Path(f"exp/runs/{stage}"))
        stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"seconds": seconds}))
    times = stage_times("toy", [hypotheses / "metrics.json"], [*runs, runs[0].with_name("gone")])
    assert (times["7"], times["10"]) == (2.3, 100.0)
