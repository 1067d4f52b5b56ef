"""Multilingual LibriSpeech: its folders in both encodings, and the ten hours."""

from pathlib import Path

import pytest

from espnet_atat.corpora.mls import prepare
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_lines, write_mls
from tests.spoken import spoken

PARTS = {"train": spoken("sentences_train", 4), "dev": spoken("lights_train", 2), "test": spoken("music_test", 2)}


@pytest.mark.parametrize(("name", "suffix"), [("mls_english", ".flac"), ("mls_english_opus", ".opus")])
def test_both_encodings_and_the_ten_hours(tmp_path: Path, name: str, suffix: str) -> None:
    root = write_mls(tmp_path / name, PARTS, suffix)
    folder = tmp_path if name == "mls_english" else root
    prepare(folder, tmp_path / "data")
    sets = {path.name: DataDir.load(path) for path in (tmp_path / "data").iterdir() if (path / "text").is_file()}
    assert {name: len(data) for name, data in sets.items()} == {"train": 4, "train_10h": 2, "dev": 2, "test": 2}
    assert list(sets["train"].text.values()) == [one.words for one in PARTS["train"]]
    key = "4800_10003_000000"
    assert (sets["train"].utt2spk[key], sets["train_10h"].text[key]) == ("4800", PARTS["train"][0].words)


def test_sets_that_are_asked_for_and_what_is_wrong(tmp_path: Path) -> None:
    root = write_mls(tmp_path / "mls_english", {"train": PARTS["train"]})
    write_lines(root / "train/limited_supervision/9hr/handles.txt", ["4800_10003_000000", "1_2_3"])
    report = prepare(root, tmp_path / "data", splits=["train_10h"])
    assert "train_10h: 1 handles have no transcript" in str(report)
    assert [one.name for one in report.sets] == ["train_10h"]
    with pytest.raises(UserError, match="no dev; present: train, train_10h"):
        prepare(root, tmp_path / "data", splits=["dev"])
