"""Where a raw corpus lies. What it is listed as: changes by what changes its content, and by nothing else."""

import os
from pathlib import Path

import pytest

from espnet_atat.corpora.listing import corpus_path, listing
from espnet_atat.errors import UserError


def test_files_by_size_and_date_and_links_but_not_in_circles(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "deep").mkdir(parents=True)
    (corpus / "deep" / "a.flac").write_bytes(b"sound")
    os.utime(corpus / "deep" / "a.flac", (0, 1e9))
    assert list(listing(corpus)) == ["deep/a.flac 5 1000000000"]
    assert list(listing(tmp_path / "gone")) == ["absent"]
    (corpus / "train.tar.gz").touch()  # as fetched; its owner may delete it
    (corpus / ".unpacked-train").mkdir()
    (corpus / ".unpacked-train" / "b.flac").touch()
    assert list(listing(corpus)) == ["deep/a.flac 5 1000000000"]
    # Links are followed, but not in circles.
    (tmp_path / "disk" / "train").mkdir(parents=True)
    (tmp_path / "disk" / "train" / "a").touch()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "train" / "up").symlink_to(tmp_path / "disk")
    assert [line.split()[0] for line in listing(tmp_path / "link")] == ["train/a"]


def test_a_table_with_the_audio_that_it_names(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("audio,transcript\na.wav,go\na.wav,stay\ngone.wav,stop\n")
    (tmp_path / "a.wav").write_bytes(b"1234")
    (tmp_path / "other.wav").touch()
    lines = list(listing(table))
    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path / 'a.wav'} 4 ")
    assert lines[1] == f"{tmp_path / 'gone.wav'}: No such file or directory"
    table.write_text("nonsense,columns\n1,2\n")
    assert [line.split()[0] for line in listing(table)] == [str(table)]


def test_the_corpus_is_the_first_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "db.sh").write_text("FIRST=${FIRST-downloads/first}\nSECOND=${SECOND:-}\n")
    entries = ("$FIRST", "$SECOND")
    assert str(corpus_path("toy", entries)) == "downloads/first"  # none is there
    monkeypatch.setenv("SECOND", str(tmp_path))
    assert corpus_path("toy", entries) == tmp_path
    (tmp_path / "downloads/first").mkdir(parents=True)
    assert str(corpus_path("toy", entries)) == "downloads/first"
    monkeypatch.setenv("FIRST", "")
    assert corpus_path("toy", entries) == tmp_path
    monkeypatch.setenv("SECOND", "")
    with pytest.raises(UserError, match=r"the corpus of toy: set \$FIRST or \$SECOND in db\.sh"):
        corpus_path("toy", entries)
