"""Records do not depend on processes or interruptions, and processes end with their parent."""

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph.pool import JOURNAL, run_resumable, spread

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


def run(tmp_path, *, nj=1, options="a", items=ITEMS):
    return run_resumable(
        items, partial(square, tmp_path / "log"), tmp_path, options=options, label="test", nj=nj, chunk=2
    )


@pytest.mark.parametrize("nj", [1, 2])
def test_records_come_in_the_order_of_the_items(tmp_path, nj):
    records = run(tmp_path, nj=nj)
    assert list(records) == list(ITEMS)
    assert records["item07"] == {"square": 49, "pair": [7, "ü"]}


def test_a_finished_item_is_not_done_again_and_a_torn_line_is(tmp_path):
    whole = run(tmp_path)
    journal, log = tmp_path / JOURNAL, tmp_path / "log"
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
    run(tmp_path, options="b")
    assert len((tmp_path / "log").read_text().split()) == len(ITEMS)


@pytest.mark.parametrize("nj", [1, 2])
def test_a_worker_s_error_reaches_the_caller_and_what_was_done_stays(tmp_path, nj):
    journal = tmp_path / JOURNAL
    with pytest.raises(UserError, match="item09 is bad"):
        run_resumable(ITEMS, fail_at_nine, tmp_path, options="", label="test", nj=nj, chunk=1)
    done = [json.loads(line)[0] for line in journal.read_text().splitlines() if line]
    assert "item09" not in done
    assert set(list(ITEMS)[:6]) <= set(done)


def test_a_killed_process_is_a_clear_error(tmp_path):
    with pytest.raises(UserError, match="smaller --nj"):
        run_resumable(ITEMS, die_at_nine, tmp_path, options="", label="test", nj=2, chunk=1)


def process_of(_part):
    return os.getpid(), os.environ.get("TEST_OF_THE_POOL")


def mark():
    os.environ["TEST_OF_THE_POOL"] = "started"


@pytest.mark.parametrize("fresh", [False, True])
def test_parts_are_spread_over_processes_that_have_been_started(fresh):
    results = dict(spread(process_of, range(6), 2, fresh=fresh, start=mark))
    assert sorted(results) == list(range(6))
    assert os.getpid() not in {process for process, _ in results.values()}
    assert {marked for _, marked in results.values()} == {"started"}


def test_one_process_is_this_one_unless_it_is_to_be_fresh():
    started: list[int] = []
    results = dict(spread(process_of, [1, 2], 1, start=partial(started.append, 1)))
    assert results == dict.fromkeys([1, 2], (os.getpid(), None))
    assert started == [1]
    ((_, (process, _)),) = spread(process_of, [1], 1, fresh=True)
    assert process != os.getpid()


ENDLESS = """
import os, time
from espnet_atat.graph.pool import spread
def endless(_):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(600)
for _ in spread(endless, [1, 2], 2):
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_parent_takes_its_processes_with_it(root):
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=root, stdout=subprocess.PIPE, text=True)
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while any(map(runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, workers))


def runs(process: int | str) -> bool:
    """Whether a process still does something; one that has ended may keep its entry until its parent asks for it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
