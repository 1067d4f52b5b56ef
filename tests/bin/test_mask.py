"""The command: what it prints, what it refuses, and a kill in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.mask import main
from espnet_atat.datadir import DataDir
from espnet_atat.speech.alignment.record import aligned, write_alignments
from tests.speech.making import contents


@pytest.fixture
def arguments(tone_set, tmp_path):
    """A function that gives the command's input for a set of ``count`` utterances."""

    def make(count: int) -> list[str]:
        data_dir = tone_set(count)
        words = {
            utt: tuple(aligned(word, 0.02 + 0.08 * n, 0.09 + 0.08 * n) for n, word in enumerate(text.split()))
            for utt, text in DataDir.load(data_dir).text.items()
        }
        write_alignments(tmp_path / "align.jsonl", words)
        return ["--data_dir", str(data_dir), "--alignments", str(tmp_path / "align.jsonl"), "--output_dir"]

    return make


def test_prints_the_report_that_it_writes(arguments, tmp_path, capsys):
    assert main_guard(main, [*arguments(12), str(tmp_path / "mlm"), "--ratio", "0.5", "--min_masked", "1"]) == 0
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "mlm/report.json").read_text())
    assert report["words_masked"] == 12
    assert "masked 12 of 24 aligned words (50.0 %)" in printed
    assert report["config"] == {"ratio": 0.5, "fill": "silence", "seed": 0, "min_masked": 1}


def test_what_is_read_or_was_made_by_hand_is_not_replaced(arguments, tmp_path, capsys):
    command = arguments(1)
    assert main_guard(main, [*command, command[1]]) == 2
    assert "which is read to make it; give another output" in capsys.readouterr().err
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine").touch()
    assert main_guard(main, [*command, str(tmp_path / "notes")]) == 2
    assert "notes was not made by this step" in capsys.readouterr().err
    assert (tmp_path / "notes/mine").exists()


def test_a_bad_ratio_is_one_line(arguments, tmp_path, capsys):
    assert main_guard(main, [*arguments(1), str(tmp_path / "mlm"), "--ratio", "15"]) == 2
    assert capsys.readouterr().err.startswith("error: the ratio of masked words is 15.0")


@pytest.mark.slow
def test_a_kill_in_the_middle_changes_no_byte(arguments, tmp_path, root):
    # A relative path, so that wav.scp is the same in both.
    command = [sys.executable, "-m", "espnet_atat.bin.mask", *arguments(150), "mlm", "--fill", "mean", "--nj", "2"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    subprocess.run(command, cwd=tmp_path / "whole", env=environment, check=True, capture_output=True)
    with open(os.devnull, "w") as null:
        process = subprocess.Popen(command, cwd=tmp_path / "broken", env=environment, stdout=null, stderr=null)
    journal, deadline = Path(tmp_path / "broken/mlm.partial/journal.jsonl"), time.monotonic() + 60
    while not (journal.is_file() and journal.stat().st_size > 1000) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "broken/mlm").exists()
    done = subprocess.run(command, cwd=tmp_path / "broken", env=environment, check=True, capture_output=True, text=True)
    assert "continuing after" in done.stderr
    assert contents(tmp_path / "broken/mlm") == contents(tmp_path / "whole/mlm")
