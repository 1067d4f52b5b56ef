"""The command: exit codes, the rule for test sets, and a kill in the middle."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.features import main
from espnet_atat.datadir import DataDir
from tests.speech.test_features import contents
from tests.spoken import spoken


def test_bad_audio_stops_a_test_set_alone(tone_set, tmp_path, capsys):
    for name, code in (("music_train", 0), ("music_test", 2)):
        data_dir = tone_set(3, name)
        Path(DataDir.load(data_dir).wav["spk1-utt001"]).write_bytes(b"broken")
        arguments = ["--data_dir", str(data_dir), "--output_dir", str(tmp_path / "dump" / name)]
        assert main_guard(main, arguments) == code
    printed = capsys.readouterr()
    assert "kept 2 of 3 utterances" in printed.out
    assert "dropped spk1-utt001" in printed.out
    assert printed.err.startswith("error: music_test: spk1-utt001: ")
    assert main_guard(main, [*arguments, "--allow_bad_test", "true"]) == 0


def test_what_the_preparation_found_unusable_is_not_read(tone_set, tmp_path, capsys):
    data_dir = tone_set(3, "test_clean")  # a test set by a part of its name
    (data_dir / "unreadable").write_text("spk1-utt001 too long\n")
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(tmp_path / "dump" / "test_clean")]
    assert main_guard(main, arguments) == 2
    assert "test_clean: spk1-utt001: too long" in capsys.readouterr().err
    assert main_guard(main, [*arguments, "--allow_bad_test", "true"]) == 0
    assert DataDir.load(tmp_path / "dump" / "test_clean").ids == ["spk0-utt000", "spk2-utt002"]
    assert json.loads((tmp_path / "dump/test_clean/report.json").read_text())["dropped"] == {"spk1-utt001": "too long"}


def test_no_data_dir_is_one_line(tmp_path, capsys):
    assert main_guard(main, ["--data_dir", str(tmp_path), "--output_dir", str(tmp_path / "d")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_kill_in_the_middle_changes_no_byte(root, tmp_path):
    said = spoken("music_train") + spoken("sentences_train")
    data = DataDir(text={one.id: one.words for one in said}, wav={one.id: str(one.path) for one in said})
    data.write(tmp_path / "train")
    command = [sys.executable, "-m", "espnet_atat.bin.features", "--data_dir", str(tmp_path / "train"), "--nj", "2"]
    command += ["--output_dir", str(tmp_path / "dump")]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    whole = contents(tmp_path / "dump")
    (tmp_path / "dump").rename(tmp_path / "whole")
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "dump.partial").glob("data/*.ark"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "dump").exists()
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    assert "continuing after" in done.stderr
    assert contents(tmp_path / "dump") == whole
