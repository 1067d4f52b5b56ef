"""Records do not depend on processes or interruptions, and processes end with their parent."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph.pool import JOURNAL, run_resumable, spread
from tests.shell import has_ended, wait_until

ITEMS = {f"item{n:02d}": n for n in range(23)}


def square(log, name, payload):
    with log.open("a") as handle:
        handle.write(f"{name}\n")
    return {"square": payload**2, "pair": (payload, "ü")}


def run(tmp_path, *, nj=1, options="a", items=ITEMS):
    work = partial(square, tmp_path / "log")
    return run_resumable(items, work, tmp_path, options=options, label="test", nj=nj, chunk=2)


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
    run(tmp_path, items=ITEMS | {"item03": 33})  # other input and other options are done again
    assert log.read_text().split() == ["item03"]
    log.unlink()
    run(tmp_path, options="b")
    assert len(log.read_text().split()) == len(ITEMS)


def fail_at_nine(name, payload, dies=False):
    if payload == 9 and dies:
        os.kill(os.getpid(), 9)
    if payload == 9:
        raise UserError(f"{name} is bad")
    return {"square": payload**2}


@pytest.mark.parametrize(("nj", "dies"), [(1, False), (2, False), (2, True)])
def test_a_worker_s_error_or_death_reaches_the_caller_and_what_was_done_stays(tmp_path, nj, dies):
    with pytest.raises(UserError, match="smaller --nj" if dies else "item09 is bad"):
        run_resumable(ITEMS, partial(fail_at_nine, dies=dies), tmp_path, options="", label="test", nj=nj, chunk=1)
    done = [json.loads(line)[0] for line in (tmp_path / JOURNAL).read_text().splitlines() if line]
    assert "item09" not in done
    assert dies or set(list(ITEMS)[:6]) <= set(done)


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
    started: list[int] = []  # a single process is this one unless it is to be fresh
    ((_, (process, _)),) = spread(process_of, [1], 1, fresh=fresh, start=partial(started.append, 1))
    assert (process == os.getpid(), started) == ((False, []) if fresh else (True, [1]))


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
    wait_until(lambda: all(has_ended(Path(f"/proc/{worker}")) for worker in workers), 10)
