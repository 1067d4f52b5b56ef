"""The command: exit codes and the rule for test sets."""

import json
from pathlib import Path

from espnet_atat.bin import main_guard
from espnet_atat.bin.features import main
from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.speech.arks import read_features


def test_bad_audio_stops_a_test_set_alone_and_what_is_known_to_be_unusable_is_not_read(tone_set, tmp_path, capsys):
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
    # What the preparation found unusable is not read.
    data_dir = tone_set(3, "test_clean")  # a test set by a part of its name
    (data_dir / "unreadable").write_text("spk1-utt001 too long\n")
    arguments = ["--data_dir", str(data_dir), "--output_dir", str(tmp_path / "dump" / "test_clean")]
    assert main_guard(main, arguments) == 2
    assert "test_clean: spk1-utt001: too long" in capsys.readouterr().err
    assert main_guard(main, [*arguments, "--allow_bad_test", "true"]) == 0
    assert DataDir.load(tmp_path / "dump" / "test_clean").ids == ["spk0-utt000", "spk2-utt002"]
    assert json.loads((tmp_path / "dump/test_clean/report.json").read_text())["dropped"] == {"spk1-utt001": "too long"}


def test_mfcc_by_the_command(tone_set, tmp_path, capsys):
    arguments = ["--data_dir", str(tone_set(2)), "--output_dir", str(tmp_path / "dump"), "--num_ceps", "40"]
    assert main_guard(main, arguments) == 2
    assert "--num_ceps and --deltas apply only to --feats_type mfcc" in capsys.readouterr().err
    assert main_guard(main, [*arguments, "--feats_type", "mfcc", "--deltas", "true"]) == 0
    entries = read_two_column(tmp_path / "dump/feats.scp")
    assert [read_features(entry).shape[1] for entry in entries.values()] == [120, 120]
