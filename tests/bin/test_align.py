"""The command on recordings: what it prints, and a kill in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.align import main
from tests.speech.alignment.conftest import spoken_set

__all__ = ["spoken_set"]


def test_prints_the_report(spoken_set, tmp_path, capsys):
    arguments = ["--data_dir", str(spoken_set(3)), "--output", str(tmp_path / "align.jsonl")]
    assert main_guard(main, arguments) == 0
    lines = [json.loads(line) for line in (tmp_path / "align.jsonl").read_text().splitlines()]
    words = sum(len(line["words"]) for line in lines)
    assert len(lines) == 3
    assert set(lines[0]["words"][0]) == {"word", "start", "end", "case"}
    printed = capsys.readouterr().out
    assert f"{words} of {words} words aligned (100.00 %)" in printed
    assert json.loads((tmp_path / "align.report.json").read_text())["words_aligned"] == words


def test_a_text_only_set_is_one_line(tmp_path, capsys):
    (tmp_path / "text").write_text("a words\n")
    assert main_guard(main, ["--data_dir", str(tmp_path), "--output", str(tmp_path / "a.jsonl")]) == 2
    assert "no wav.scp" in capsys.readouterr().err


@pytest.mark.slow
def test_a_kill_in_the_middle_changes_no_byte_and_leaves_no_process(spoken_set, tmp_path, root):
    command = [
        sys.executable,
        "-m",
        "espnet_atat.bin.align",
        "--data_dir",
        str(spoken_set(20)),
        "--nj",
        "2",
        "--output",
    ]
    subprocess.run([*command, str(tmp_path / "whole.jsonl")], cwd=root, check=True, capture_output=True)
    broken = tmp_path / "broken.jsonl"
    with open(os.devnull, "w") as null:
        process = subprocess.Popen([*command, str(broken)], cwd=root, stdout=null, stderr=null)
    journal, deadline = tmp_path / "broken.jsonl.partial", time.monotonic() + 60
    while not (journal.is_file() and journal.stat().st_size > 500) and time.monotonic() < deadline:
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not broken.exists()
    done = subprocess.run([*command, str(broken)], cwd=root, check=True, capture_output=True, text=True)
    assert "continuing after" in done.stderr
    assert broken.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(children) == 2
    deadline = time.monotonic() + 30
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(runs, children))


def runs(process: str) -> bool:
    """Whether a process does something still; one that has ended may keep its entry until its parent asks for it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
