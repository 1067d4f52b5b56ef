"""Amounts read off what the stages wrote."""

import pytest
import yaml
from espnet_atat.report.amounts import hours_of, training_amounts

LOG = """
    Total Number of model parameters: 3.10 M
1epoch results: [train] loss=3.0, time=1 second, total_count=160, [valid] loss=2.0, time=1 second, total_count=11
2epoch results: [train] loss=3.0, time=1 second, total_count=320, [valid] loss=2.0, time=1 second, total_count=22
"""


def folder(root, name, identity, files):
    made = root / name
    for path, text in {"run.yaml": yaml.safe_dump(identity), **files}.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text)
    return made


def test_training_counts_updates_of_all_phases_and_each_recording_once(tmp_path):
    made_by = {"commit": "abc"}
    tuned = folder(
        tmp_path, "tuned", {"kind": "training", "config": {"accum_grad": 2}, "made_by": made_by}, {"train.log": LOG}
    )
    first = folder(tmp_path, "first", {"kind": "training", "config": {}, "made_by": made_by}, {"train.log": LOG})
    shapes = "slu-a-u1 36000,80\nasr-a-u1 36000,80\nslu.nlu-a-u1 36000,80\nasr-b-u1 18000,80\n"
    stats = folder(tmp_path, "stats", {"kind": "statistics"}, {"stats/train/speech_shape": shapes})
    raw = folder(tmp_path, "raw", {"kind": "statistics"}, {"stats/train/speech_shape": "slu-c-u1 2880000\n"})
    found = training_amounts([tuned, first, stats, raw])
    assert found["parameters"] == 3_100_000
    assert found["updates"] == 160 + 320
    assert found["utterances"] == 3
    assert found["hours"] == pytest.approx(0.1 + 0.05 + 0.05)
    assert found["commits"] == ["abc"]


def test_a_run_without_a_log_has_no_parameters(tmp_path):
    run = folder(tmp_path, "run", {"kind": "training", "config": {}}, {})
    assert training_amounts([run]) == {"parameters": None, "updates": 0, "hours": 0.0, "utterances": 0, "commits": []}


def test_hours_of_a_test_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, file, length in (("a", "utt2num_frames", 36_000), ("b", "utt2num_samples", 5_760_000)):
        (tmp_path / "dump/toy" / name).mkdir(parents=True)
        (tmp_path / "dump/toy" / name / file).write_text(f"u1 {length}\nu2 {length}\n")
    (tmp_path / "dump/toy/words").mkdir()
    assert hours_of(["toy/a"]) == pytest.approx(0.2)
    assert hours_of(["toy/a", "toy/b"]) == pytest.approx(0.4)
    assert hours_of(["toy/a", "toy/words"]) is None
