"""The reader of JSON: what it refuses, and that nothing else reads what others may have written."""

import json
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.strict_json import DEEPEST, MOST_DIGITS, parse_json, read_json
from tests.test_floors import ROOT, modules

#: Content of a file that is no JSON for us, and what the message says; readers of JSON of all kinds are tested with it.
HOSTILE = [
    (b'{"form": 1, "form": 2}', "has the key 'form' twice"),
    (b'{"form": NaN}', "NaN is not a JSON number"),
    (b"[-Infinity]", "-Infinity is not a JSON number"),
    (b"[1e400]", "1e400 is too large"),
    (b"[" + b"1" * 5000 + b"]", "a number of 5000 digits; at most 300"),
    (b"[" * 100_000, "inside each other, deeper than 100"),
    (b'["\\ud800"]', "'\\\\ud800' has half a character"),
    (b'{"\\udfff": 1}', "has half a character"),
    (b"[\xff]", "not UTF-8"),
    (b"{torn", "not JSON at column 2"),
    (b"", "not JSON at column 1"),
]


@pytest.mark.parametrize(("content", "message"), HOSTILE)
def test_what_would_be_taken_in_silence_or_end_in_a_traceback_is_an_error(content, message, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_json(tmp_path / "a.json")
    assert str(caught.value).startswith(f"{tmp_path / 'a.json'}: ")


def test_all_other_json_is_read_as_it_is():
    content = {"a": [1, -2.5, 1e-3, None, True, "\U0001f600 \\ud800"], "b": {"a": int("9" * MOST_DIGITS)}}
    assert parse_json(json.dumps(content), "x") == content
    assert parse_json(b"\xef\xbb\xbf" + json.dumps(content, ensure_ascii=False).encode(), "x") == content
    assert parse_json("[" * DEEPEST + "]" * DEEPEST, "x")
    with pytest.raises(UserError, match=r"x:2: not JSON at column 1"):
        parse_json('{"a":\n}', "x")
    with pytest.raises(UserError, match="not UTF-8"):
        parse_json('"\udcff"', "x")


def test_nothing_but_its_own_notes_is_read_by_another_reader():
    other = {
        str(path.relative_to(ROOT / "espnet_atat"))
        for path in map(Path, modules().values())
        if "json.load" in path.read_text(encoding="utf-8")
    }
    assert other == {"strict_json.py", "graph/pool.py", "graph/work.py"}
