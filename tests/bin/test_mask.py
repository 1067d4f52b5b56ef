"""The command: what it prints and what it refuses."""

import json

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.mask import main
from espnet_atat.datadir import DataDir
from espnet_atat.speech.alignment.record import write_alignments
from tests.speech.making import tone_words


@pytest.fixture
def arguments(tone_set, tmp_path):
    """A function that gives the command's input for a set of ``count`` utterances."""

    def make(count: int) -> list[str]:
        data_dir = tone_set(count)
        write_alignments(tmp_path / "align.jsonl", tone_words(DataDir.load(data_dir)))
        return ["--data_dir", str(data_dir), "--alignments", str(tmp_path / "align.jsonl"), "--output_dir"]

    return make


def test_prints_the_report_that_it_writes_and_replaces_nothing_else(arguments, tmp_path, capsys):
    assert main_guard(main, [*arguments(12), str(tmp_path / "mlm"), "--ratio", "0.5", "--min_masked", "1"]) == 0
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "mlm/report.json").read_text())
    assert report["words_masked"] == 12
    assert "masked 12 of 24 aligned words (50.0 %)" in printed
    assert report["config"] == {"ratio": 0.5, "fill": "silence", "seed": 0, "min_masked": 1}
    # What is read or was made by hand is not replaced.
    command = arguments(1)
    assert main_guard(main, [*command, command[1]]) == 2
    assert "which is read to make it; give another output" in capsys.readouterr().err
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine").touch()
    assert main_guard(main, [*command, str(tmp_path / "notes")]) == 2
    assert "notes was not made by this step" in capsys.readouterr().err
    assert (tmp_path / "notes/mine").exists()
