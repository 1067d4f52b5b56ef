"""Alignments on disk."""

import json

import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import aligned, not_found, read_alignments, write_alignments
from tests.test_strict_json import HOSTILE


def test_what_is_written_is_read(tmp_path):
    alignments = {"b-1": (aligned("größe", 0.1234, 0.5), not_found("uh")), "a-1": ()}
    write_alignments(tmp_path / "a.jsonl", alignments)
    assert read_alignments(tmp_path / "a.jsonl") == alignments
    first = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    found = {"word": "größe", "start": 0.123, "end": 0.5, "case": "success"}
    lost = {"word": "uh", "start": None, "end": None, "case": "not-found-in-audio"}
    assert first == {"utt_id": "b-1", "words": [found, lost]}


GOOD = '{"utt_id": "a", "words": []}\n'
TIMES = '{"utt_id": "b", "words": [{"word": "x", "start": %s, "end": 1, "case": "success"}]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        *((line.decode("latin-1"), message) for line, message in HOSTILE if line and b"\xff" not in line),
        ('{"utt_id": ["b"], "words": []}', "2: not a JSON object with utt_id and words"),
        ('{"utt_id": "b", "words": 3}', "2: not a JSON object with utt_id and words"),
        (TIMES % "true", r"2: b: word 0 \(x\): start and end are True and 1"),
        ("[1, 2]", "2: not a JSON object"),
        ('{"utt_id": "b"}', "2: not a JSON object with utt_id and words"),
        ('{"utt_id": "a", "words": []}', "2: utterance a a second time"),
        ('{"utt_id": "b", "words": [{"word": "x"}]}', "2: b: word 0: not an object"),
        (TIMES % 2, r"2: b: word 0 \(x\): it ends at 1"),
        (TIMES % "null", r"2: b: word 0 \(x\): start and end are None and 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_text(GOOD + line + "\n")
    with pytest.raises(UserError, match=message):
        read_alignments(tmp_path / "a.jsonl")
