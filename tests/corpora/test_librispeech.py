"""LibriSpeech: the real utterances, and splits written in its layout."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.corpora.librispeech import prepare
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError
from tests.corpora.conftest import write_lines, write_noise

SPEAKERS = [
    "; ID  |SEX| SUBSET           |MINUTES| NAME",
    "14   | F | train-clean-100  | 25.03 | Kristin LeMoine",
    "60   | M | dev-other        | 20.18 | | CBW | Simon",
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    root = tmp_path / "LibriSpeech"
    for split, speaker, chapter in (("train-clean-100", "14", "208"), ("dev-other", "60", "121082")):
        folder = root / split / speaker / chapter
        for number in range(3):
            write_noise(folder / f"{speaker}-{chapter}-{number:04d}.flac")
        lines = [f"{speaker}-{chapter}-{number:04d} CHAPTER {number} IT'S O'CLOCK" for number in range(3)]
        write_lines(folder / f"{speaker}-{chapter}.trans.txt", lines)
    write_lines(root / "SPEAKERS.TXT", SPEAKERS)
    return root


def test_the_real_utterances(real_corpus: Callable[[str], Path], tmp_path: Path) -> None:
    report = prepare(real_corpus("LibriSpeech"), tmp_path)
    data = DataDir.load(tmp_path / "test_clean")
    assert len(data) == 47
    assert sorted(data.spk2utt) == ["1089", "237"]
    assert data.text["237-134500-0001"] == "marie sighed"
    assert data.text["1089-134686-0001"] == "stuff it into you his belly counselled him"
    assert data.wav["237-134500-0001"].endswith("LibriSpeech/test-clean/237/134500/237-134500-0001.flac")
    assert [one.seconds for one in report.sets] == [pytest.approx(225.7, abs=60)]


@pytest.mark.parametrize("give", ["LibriSpeech", "."])
def test_splits_that_are_present_become_sets(corpus: Path, tmp_path: Path, give: str) -> None:
    prepare(corpus.parent / give, tmp_path / "data")
    assert sorted(path.name for path in find_data_dirs(tmp_path / "data")) == ["dev_other", "train_clean_100"]
    train = DataDir.load(tmp_path / "data" / "train_clean_100")
    assert train.text["14-208-0002"] == "chapter 2 it's o'clock"
    assert train.utt2spk == dict.fromkeys(train.ids, "14")
    prepare(corpus.parent / give, tmp_path / "one", splits=["dev-other"])
    assert [path.name for path in find_data_dirs(tmp_path / "one")] == ["dev_other"]
    with pytest.raises(UserError, match="no folder 'test-clean'; present: train-clean-100, dev-other"):
        prepare(corpus.parent / give, tmp_path / "none", splits=["test-clean"])


def test_missing_recordings_and_transcripts(corpus: Path, tmp_path: Path) -> None:
    (corpus / "train-clean-100" / "14" / "208" / "14-208-0001.flac").unlink()
    write_noise(corpus / "train-clean-100" / "14" / "208" / "14-208-0009.flac")
    report = prepare(corpus, tmp_path / "data")
    train = next(one for one in report.sets if one.name == "train_clean_100")
    assert list(train.dropped) == ["14-208-0001"]
    assert "1 recordings without a transcript left out, first 14-208-0009" in str(report)


def test_twins_of_macos_are_passed_over_and_a_test_chapter_without_transcripts_is_an_error(corpus, tmp_path):
    chapter = corpus / "dev-other" / "60" / "121082"
    for path in list(chapter.iterdir()):
        (chapter / f"._{path.name}").write_bytes(b"\0\5\26\7\xff")
    assert [one.kept for one in prepare(corpus, tmp_path / "data").sets] == [3, 3]
    (corpus / "SPEAKERS.TXT").unlink()
    (corpus / "dev-other").rename(corpus / "test-other")
    write_noise(corpus / "test-other" / "61" / "7" / "61-7-0000.flac")
    message = r"61-7-0000\.flac: no transcript \(1 such in test-other\); a test set is never"
    with pytest.raises(UserError, match=message):
        prepare(corpus, tmp_path / "data")
