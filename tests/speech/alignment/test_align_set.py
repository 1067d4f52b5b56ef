"""Aligning a set: what is reported, and that processes and interruptions change nothing."""

from dataclasses import dataclass

import pytest

from espnet_atat.datadir import DataDir
from espnet_atat.errors import Unavailable
from espnet_atat.speech.alignment.align_set import align_set
from espnet_atat.speech.alignment.record import AlignedWord, read_alignments
from espnet_atat.speech.alignment.sphinx import SphinxAligner
from tests.speech.making import made


@dataclass(frozen=True)
class Broken(SphinxAligner):
    """The real aligner, until it comes to one utterance."""

    at: str = ""

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        if utt == self.at:
            raise Unavailable("the aligner is gone")
        return super().align(utt, path, text)

    def __repr__(self) -> str:
        return repr(SphinxAligner(self.fit))


def test_processes_and_order_change_no_byte(spoken_set, tmp_path):
    data = DataDir.load(spoken_set(8))
    made(align_set, data, tmp_path / "one.jsonl", SphinxAligner(), nj=1)
    made(align_set, data, tmp_path / "two.jsonl", SphinxAligner(), nj=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.report.json").read_bytes() == (tmp_path / "two.report.json").read_bytes()
    last = data.subset(data.ids[-3:])
    made(align_set, last, tmp_path / "last.jsonl", SphinxAligner())
    assert (tmp_path / "last.jsonl").read_text() in (tmp_path / "one.jsonl").read_text()


def test_continues_after_an_interruption(spoken_set, tmp_path, capsys):
    data, output = DataDir.load(spoken_set(6)), tmp_path / "a.jsonl"
    with pytest.raises(Unavailable):
        made(align_set, data, output, Broken(at=data.ids[5]))
    assert not output.exists()
    whole = made(align_set, data, tmp_path / "whole.jsonl", SphinxAligner())
    capsys.readouterr()
    report = made(align_set, data, output, SphinxAligner())
    assert "continuing after 4 of 6" in capsys.readouterr().err
    assert report.counts == whole.counts
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@dataclass(frozen=True)
class Backwards(SphinxAligner):
    """An aligner whose first word ends before it starts."""

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        return [AlignedWord("go", 0.5, 0.5), *super().align(utt, path, text)[1:]]


def test_what_the_reader_would_refuse_is_a_failure_with_the_utterance_s_name(spoken_set, tmp_path):
    data = DataDir.load(spoken_set(1))
    report = made(align_set, data, tmp_path / "a.jsonl", Backwards())
    assert report.counts["failed"] == {data.ids[0]: "word 0 (go): it ends at 0.5 s and starts at 0.5 s"}
    assert not any(word.found for word in read_alignments(tmp_path / "a.jsonl")[data.ids[0]])


def test_the_report_counts_words_and_names_failures(spoken_set, tmp_path):
    data = DataDir.load(spoken_set(4))
    missing, unspoken = data.ids[1], data.ids[2]
    data.wav[missing] = str(tmp_path / "none.wav")
    data.text[unspoken] += " --"
    report = made(align_set, data, tmp_path / "a.jsonl", SphinxAligner())
    words = sum(len(text.split()) for text in data.text.values())
    lost = len(data.text[missing].split()) + 1
    assert report.counts.items() >= {"utterances": 4, "words": words, "words_aligned": words - lost}.items()
    assert list(report.counts["failed"]) == [missing]
    assert "no such file" in report.counts["failed"][missing]
    assert f"{words - lost} of {words} words aligned" in report.lines[0]
    alignments = read_alignments(tmp_path / "a.jsonl")
    assert list(alignments) == data.ids
    assert all([word.word for word in alignments[utt]] == text.split() for utt, text in data.text.items())
