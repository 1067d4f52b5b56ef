"""The command on recordings: what it prints, and when it has nothing to do."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.bin.align import main
from espnet_atat.datadir import DataDir
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


def test_what_is_aligned_is_left_alone_until_its_audio_changes(spoken_set, tmp_path, capsys):
    data_dir = spoken_set(2)
    data = DataDir.load(data_dir)
    own = {utt: str(shutil.copy(path, tmp_path)) for utt, path in (data.wav or {}).items()}
    replace(data, wav=own).write(data_dir)
    arguments = ["--data_dir", str(data_dir), "--output", str(data_dir / "align.jsonl")]  # no input is named so
    assert main_guard(main, arguments) == 0
    before = (data_dir / "align.jsonl").stat()
    assert main_guard(main, arguments) == 0
    assert "align.jsonl: made already" in capsys.readouterr().out
    assert (data_dir / "align.jsonl").stat() == before
    Path(own[data.ids[0]]).write_bytes(b"broken")
    assert main_guard(main, arguments) == 0
    assert f"failed {data.ids[0]}" in capsys.readouterr().out


def test_a_text_only_set_is_one_line(tmp_path, capsys):
    (tmp_path / "text").write_text("a words\n")
    assert main_guard(main, ["--data_dir", str(tmp_path), "--output", str(tmp_path / "a.jsonl")]) == 2
    assert "no wav.scp" in capsys.readouterr().err
