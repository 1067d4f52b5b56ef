"""The command: what it prints and what it refuses."""

import json

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.features import main as features
from espnet_atat.bin.mask import main
from espnet_atat.bin.token_list import main as token_list
from espnet_atat.datadir import DataDir
from espnet_atat.graph.work import STAMP
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
    # Nor is what another stage has made, or is making in place.
    assert main_guard(features, ["--data_dir", command[1], "--output_dir", str(tmp_path / "dump")]) == 0
    assert main_guard(main, [*command, str(tmp_path / "dump")]) == 2
    assert "dump was made by stage 6, and would be replaced" in capsys.readouterr().err
    tokens = ["--targets", f"{command[1]}/text", "--bpe_size", "16", "--output_dir", str(tmp_path / "dump")]
    assert main_guard(token_list, tokens) == 2
    assert "dump was made by stage 6" in capsys.readouterr().err
    assert main_guard(features, ["--data_dir", command[1], "--output_dir", str(tmp_path / "mlm")]) == 2
    assert "mlm was made by stage 5" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run/checkpoint").touch()
    (tmp_path / "run" / STAMP).write_text('{"made_from": "a"}')
    assert main_guard(main, [*command, str(tmp_path / "run")]) == 2
    assert "run was made by a step that was interrupted" in capsys.readouterr().err
    assert (tmp_path / "dump/feats.scp").exists()
    assert (tmp_path / "run/checkpoint").exists()


@pytest.mark.parametrize(("start", "end"), [(0.5, 9.0), (0.05, 1e308), (5, 6)])
def test_times_beyond_the_audio_are_those_of_another_recording(arguments, tmp_path, capsys, start, end):
    command = arguments(1)
    words = [{"word": word, "start": start, "end": end, "case": "success"} for word in ("tone", "0")]
    (tmp_path / "align.jsonl").write_text(json.dumps({"utt_id": "spk0-utt000", "words": words}) + "\n")
    assert main_guard(main, [*command, str(tmp_path / "mlm")]) == 2
    assert f"error: spk0-utt000: a word ends at {end:g} s of audio of 0.188 s" in capsys.readouterr().err
