"""Records do not depend on processes or interruptions."""

import json
import os
from functools import partial

import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.parallel import run_resumable

ITEMS = {f"item{n:02d}": n for n in range(23)}


def square(log, name, payload):
    with log.open("a") as handle:
        handle.write(f"{name}\n")
    return {"square": payload**2, "pair": (payload, "ü")}


def fail_at_nine(name, payload):
    if payload == 9:
        raise UserError(f"{name} is bad")
    return {"square": payload**2}


def die_at_nine(_name, payload):
    if payload == 9:
        os.kill(os.getpid(), 9)
    return {"square": payload**2}


def run(tmp_path, *, nj=1, signature="a", items=ITEMS):
    return run_resumable(
        items,
        partial(square, tmp_path / "log"),
        tmp_path / "journal",
        signature=signature,
        label="test",
        nj=nj,
        chunk=2,
    )


@pytest.mark.parametrize("nj", [1, 2])
def test_records_come_in_the_order_of_the_items(tmp_path, nj):
    records = run(tmp_path, nj=nj)
    assert list(records) == list(ITEMS)
    assert records["item07"] == {"square": 49, "pair": [7, "ü"]}


def test_a_finished_item_is_not_done_again_and_a_torn_line_is(tmp_path):
    whole = run(tmp_path)
    journal, log = tmp_path / "journal", tmp_path / "log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:9]) + lines[9][:-8])
    log.unlink()
    assert run(tmp_path, nj=2) == whole
    assert sorted(log.read_text().split()) == list(ITEMS)[9:]
    log.unlink()
    assert run(tmp_path) == whole
    assert not log.exists()


def test_other_options_or_other_input_is_done_again(tmp_path):
    run(tmp_path)
    (tmp_path / "log").unlink()
    run(tmp_path, items=ITEMS | {"item03": 33})
    assert (tmp_path / "log").read_text().split() == ["item03"]
    (tmp_path / "log").unlink()
    run(tmp_path, signature="b")
    assert len((tmp_path / "log").read_text().split()) == len(ITEMS)


@pytest.mark.parametrize("nj", [1, 2])
def test_a_worker_s_error_reaches_the_caller_and_what_was_done_stays(tmp_path, nj):
    journal = tmp_path / "journal"
    with pytest.raises(UserError, match="item09 is bad"):
        run_resumable(ITEMS, fail_at_nine, journal, signature="", label="test", nj=nj, chunk=1)
    done = [json.loads(line)[0] for line in journal.read_text().splitlines() if line]
    assert "item09" not in done
    assert set(list(ITEMS)[:6]) <= set(done)


def test_a_killed_process_is_a_clear_error(tmp_path):
    with pytest.raises(UserError, match="smaller --nj"):
        run_resumable(ITEMS, die_at_nine, tmp_path / "journal", signature="", label="test", nj=2, chunk=1)
