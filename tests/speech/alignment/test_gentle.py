"""Gentle: its answers, its protocol and its failures, over real alignments."""

import re
import socket
import sys
import time
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.align import main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import Unavailable, UserError
from espnet_atat.speech.alignment.align_set import align_set
from espnet_atat.speech.alignment.aligners import make_aligner
from espnet_atat.speech.alignment.gentle import GentleInstallation, GentleServers, parse_gentle, time_limit
from espnet_atat.speech.alignment.record import aligned, not_found, read_alignments
from espnet_atat.speech.alignment.sphinx import SphinxAligner
from tests.speech.alignment.gentle_server import GentleStandIn, serving
from tests.speech.making import made


def piece(word: str, offset: int, start: float | None = None, end: float | None = None, **other) -> dict:
    case = "not-found-in-audio" if start is None else "success"
    fields = {"word": word, "startOffset": offset, "endOffset": offset + len(word), "case": case}
    return fields | ({} if start is None else {"start": start, "end": end, "alignedWord": word}) | other


@pytest.fixture
def server():
    with serving() as stand_in:
        yield stand_in


second = server  # another one


@pytest.fixture
def closed() -> str:
    """An address where nothing listens."""
    stand_in = GentleStandIn()
    stand_in.server_close()
    return stand_in.url


def test_the_three_cases_unk_and_missing_and_impossible_times():
    words = ["play", "zorbo", "now"]
    pieces = [
        piece("play", 0, 0.5, 0.8),
        {"word": "uh", "case": "not-found-in-transcript", "start": 0.8, "end": 0.9, "alignedWord": "uh"},
        piece("zorbo", 5, 0.9, 1.4, alignedWord="<unk>"),
        piece("now", 11),
    ]
    result = parse_gentle({"transcript": "play zorbo now", "words": pieces}, words, 2.0)
    assert result == [aligned("play", 0.5, 0.8), aligned("zorbo", 0.9, 1.4), not_found("now")]
    words = ["a", "b", "c", "d"]
    pieces = [piece("a", 0, 0.1, 0.2), {"word": "b", "startOffset": 2, "endOffset": 3, "case": "success"}]
    pieces += [piece("c", 4, 1.8, 2.5), piece("d", 6, 2.5, 2.7)]
    result = parse_gentle({"words": pieces}, words, 2.0)
    assert result == [aligned("a", 0.1, 0.2), not_found("b"), aligned("c", 1.8, 2.0), not_found("d")]
    last = [piece("a", 0, 0.1, 0.2), piece("b", 2, 1.23, 1.25)]  # begins with the last half millisecond
    assert parse_gentle({"words": last}, ["a", "b"], 1.2304) == [aligned("a", 0.1, 0.2), not_found("b")]


def test_pieces_join_to_the_transcript_s_words_by_offset():
    words = ["rock-n-roll", "--", "o'clock", "größe", "end"]
    pieces = [piece("rock", 0, 0.0, 0.2), piece("n", 5, 0.2, 0.3), piece("roll", 7, 0.3, 0.6)]
    pieces += [piece("o'clock", 15, 0.7, 1.0), piece("größe", 23, 1.0, 1.3), piece("end", 29, 1.3, 1.5)]
    first, dashes, *rest = parse_gentle({"words": pieces}, words, 2.0)
    assert (first, dashes) == (aligned("rock-n-roll", 0.0, 0.6), not_found("--"))
    assert rest == [aligned("o'clock", 0.7, 1.0), aligned("größe", 1.0, 1.3), aligned("end", 1.3, 1.5)]
    pieces[1] = piece("n", 5)
    assert parse_gentle({"words": pieces}, words, 2.0)[0] == not_found("rock-n-roll")


def test_what_is_no_alignment_is_an_error():
    for result in (None, [], {}, {"words": 3}, {"status": "ERROR", "error": "Encoding failed."}):
        with pytest.raises(UserError, match="not an alignment"):
            parse_gentle(result, ["a"], 1.0)


def test_a_server_gives_the_alignments_of_the_aligner_behind_it(spoken_set, tmp_path, server):
    data = DataDir.load(spoken_set(3))
    report = made(align_set, data, tmp_path / "gentle.jsonl", GentleServers((server.url,)))
    made(align_set, data, tmp_path / "sphinx.jsonl", SphinxAligner(fit=False))
    assert read_alignments(tmp_path / "gentle.jsonl") == read_alignments(tmp_path / "sphinx.jsonl")
    assert report.counts["words_aligned"] == report.counts["words"]
    assert server.requests == ["/transcriptions?async=false"] * 3


def test_passing_faults_are_tried_again(spoken_set, tmp_path, server):
    data = DataDir.load(spoken_set(1))
    server.faults = ["500", "slow", "torn", "short"]
    report = made(align_set, data, tmp_path / "a.jsonl", GentleServers((server.url,), timeout=6.0, backoff=0.01))
    assert (report.counts["failed"], len(server.requests)) == ({}, 5)
    assert report.counts["words_aligned"] == report.counts["words"]
    server.faults = ["partial"]  # what was found is kept
    report = made(align_set, data, tmp_path / "b.jsonl", GentleServers((server.url,)))
    (words,) = read_alignments(tmp_path / "b.jsonl").values()
    assert [word.found for word in words] == [n % 2 == 0 for n in range(len(words))]
    assert report.counts["words_aligned"] == (len(words) + 1) // 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("500", "status 500"), ("slow", r"did not answer in time \(2 attempts in 1 s"), ("torn", "not whole JSON")],
)
def test_a_fault_that_stays_fails_the_utterance_alone(spoken_set, tmp_path, server, fault, reason):
    data = DataDir.load(spoken_set(2))
    server.faults = [fault, fault]
    aligner = GentleServers((server.url,), timeout=1.0, retries=1, backoff=0.01)
    report = made(align_set, data, tmp_path / "a.jsonl", aligner)
    assert list(report.counts["failed"]) == data.ids[:1]
    assert re.search(reason, report.counts["failed"][data.ids[0]])
    first, second = read_alignments(tmp_path / "a.jsonl").values()
    assert not any(word.found for word in first)
    assert all(word.found for word in second)


def test_a_file_that_is_never_answered_is_given_up_in_time_whatever_the_retries(spoken_set, tmp_path, server):
    data = DataDir.load(spoken_set(2))
    server.faults = ["slow"] * 2
    started = time.monotonic()
    aligner = GentleServers((server.url,), timeout=2.0, retries=50, backoff=0.01)
    report = made(align_set, data, tmp_path / "a.jsonl", aligner)
    assert time.monotonic() - started < 6.0
    assert report.counts["failed"] == {data.ids[0]: "Gentle did not answer in time (2 attempts in 2 s)"}
    assert len(server.requests) == 3
    assert [time_limit(16.5, None), time_limit(2.0, None)] == pytest.approx([159.0, 72.0])  # by default
    server.faults = ["500"] * 99
    started = time.monotonic()
    aligner = GentleServers((server.url,), timeout=1.0, retries=50)
    report = made(align_set, data.subset(data.ids[:1]), tmp_path / "b.jsonl", aligner)
    assert time.monotonic() - started < 4.0
    assert "status 500" in report.counts["failed"][data.ids[0]]


def test_processes_share_the_servers(spoken_set, tmp_path, server, second):
    data = DataDir.load(spoken_set(16))
    made(align_set, data, tmp_path / "two.jsonl", GentleServers((server.url, second.url)), nj=2)
    assert len(server.requests) + len(second.requests) == 16
    assert min(len(server.requests), len(second.requests)) >= 4
    made(align_set, data, tmp_path / "one.jsonl", GentleServers((server.url,)))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_server_that_is_gone_is_passed_over_without_a_pause(spoken_set, tmp_path, server, closed, capsys):
    data = DataDir.load(spoken_set(8))
    aligner = GentleServers((closed, server.url), backoff=100.0)
    report = made(align_set, data, tmp_path / "a.jsonl", aligner, nj=2)
    assert (report.counts["failed"], len(server.requests)) == ({}, 8)
    assert capsys.readouterr().err.startswith(f"warning: no Gentle server answers at {closed}; the others are used\n")


def test_the_next_attempt_is_another_server_s(spoken_set, tmp_path, server, second):
    server.faults = second.faults = ["500"]  # of the two the one that is asked first
    aligner = GentleServers((server.url, second.url), backoff=0.01)
    report = made(align_set, DataDir.load(spoken_set(1)), tmp_path / "a.jsonl", aligner)
    assert report.counts["failed"] == {}
    assert (len(server.requests), len(second.requests)) == (1, 1)


def test_a_server_that_hangs_is_gone_and_stops_the_run(spoken_set, monkeypatch):
    monkeypatch.setattr("espnet_atat.speech.alignment.gentle.CONNECT_TIMEOUT", 0.2)
    data = DataDir.load(spoken_set(1))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match="no Gentle server answers"):
            GentleServers((url,)).prepare()
        with pytest.raises(Unavailable, match=rf"{data.ids[0]}: Gentle at {url} cannot be reached"):
            GentleServers((url,), timeout=1.0).align(data.ids[0], data.wav[data.ids[0]], data.text[data.ids[0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gentle_url": ()}, "names no server"),
        ({"gentle_timeout": 0.0}, "above 0"),
        ({"gentle_retries": -1}, "gentle_retries 0 or more"),
        ({"gentle_url": "a", "gentle_dir": "b"}, "replaces servers"),
        ({"name": "sphinx", "gentle_url": "a"}, "the aligner is sphinx"),
        ({"name": "kaldi"}, "no aligner 'kaldi'"),
    ],
)
def test_options_that_do_not_fit_are_errors(options, message):
    with pytest.raises(UserError, match=message):
        make_aligner(**{"name": "gentle", **options})


def test_urls_may_leave_out_what_is_clear_and_are_not_part_of_what_is_made():
    assert make_aligner("gentle", gentle_url=["a:1/", "https://b"]).urls == ("http://a:1", "https://b")
    assert repr(GentleServers(("http://a:1",), timeout=1.0, retries=0)) == repr(GentleServers())


def test_no_server_and_another_one_are_clear_errors(spoken_set, tmp_path, capsys, closed, server):
    arguments = ["--aligner", "gentle", "--gentle_url", closed, "--data_dir", str(spoken_set(1))]
    assert main_guard(main, [*arguments, "--output", str(tmp_path / "a.jsonl")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: no Gentle server answers at {closed}; start it with tools/start_gentle.sh")
    assert printed.count("\n") == 1
    server.faults = ["404"]
    with pytest.raises(Unavailable, match="status 404: is it a Gentle server"):
        made(align_set, DataDir.load(spoken_set(1)), tmp_path / "a.jsonl", GentleServers((server.url,)))


ALIGN_PY = """
import argparse, json, pathlib, sys
sys.path.insert(0, {root!r})
from tests.speech.alignment.gentle_server import answer
parser = argparse.ArgumentParser()
parser.add_argument("--nthreads")
parser.add_argument("-o")
parser.add_argument("audiofile")
parser.add_argument("txtfile")
args = parser.parse_args()
if not pathlib.Path("exp").is_dir():
    sys.exit("run me from my own folder")
result = answer("utt", pathlib.Path(args.audiofile).read_bytes(), pathlib.Path(args.txtfile).read_text())
pathlib.Path(args.o).write_text(json.dumps(result))
"""


@pytest.mark.slow
def test_a_local_installation(spoken_set, tmp_path, root):
    gentle = tmp_path / "gentle"
    (gentle / "exp").mkdir(parents=True)
    (gentle / "align.py").write_text(ALIGN_PY.format(root=str(root)))
    data = DataDir.load(spoken_set(2))
    aligner = GentleInstallation(str(gentle), sys.executable)
    report = made(align_set, data, tmp_path / "a.jsonl", aligner)
    assert report.counts["words_aligned"] == report.counts["words"]
    (gentle / "exp").rmdir()
    report = made(align_set, data, tmp_path / "b.jsonl", aligner)
    assert set(report.counts["failed"].values()) == {"align.py failed with code 1: run me from my own folder"}
    with pytest.raises(Unavailable, match=r"no align\.py"):
        made(align_set, data, tmp_path / "c.jsonl", GentleInstallation(str(tmp_path)))
    with pytest.raises(Unavailable, match="does not start"):
        made(align_set, data, tmp_path / "d.jsonl", GentleInstallation(str(gentle), str(Path("no-such-python"))))
