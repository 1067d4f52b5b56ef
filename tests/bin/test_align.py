"""The command on recordings: what it prints, and when it has nothing to do."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.bin.align import main
from espnet_atat.datadir import DataDir


def test_prints_the_report_and_leaves_what_is_aligned_alone_until_its_audio_changes(spoken_set, tmp_path, capsys):
    data_dir = spoken_set(2)
    data = DataDir.load(data_dir)
    own = {utt: str(shutil.copy(path, tmp_path)) for utt, path in (data.wav or {}).items()}
    replace(data, wav=own).write(data_dir)
    output = data_dir / "align.jsonl"  # no input is named so
    arguments = ["--data_dir", str(data_dir), "--output", str(output)]
    assert main_guard(main, arguments) == 0
    words = [word for line in output.read_text().splitlines() for word in json.loads(line)["words"]]
    assert set(words[0]) == {"word", "start", "end", "case"}
    assert f"{len(words)} of {len(words)} words aligned (100.00 %)" in capsys.readouterr().out
    assert json.loads((data_dir / "align.report.json").read_text())["words_aligned"] == len(words)
    before = output.stat()
    assert main_guard(main, arguments) == 0
    assert "align.jsonl: done already" in capsys.readouterr().out
    assert output.stat() == before
    Path(own[data.ids[0]]).write_bytes(b"broken")
    assert main_guard(main, arguments) == 0
    assert f"failed {data.ids[0]}" in capsys.readouterr().out
