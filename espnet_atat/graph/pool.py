"""One pool of processes for all work on data, which continues where an interrupted command stopped.

``run_resumable`` is for data sets: a worker turns an item (an utterance, or a shard of them) into a record of plain
JSON, and each record goes to a journal at once. Records come back in the order of the items, so that
what is made of them depends neither on ``nj``, nor on which process was first, nor on interruptions. ``spread`` is the
pool itself.
"""

import ctypes
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.datadir import Clip
from espnet_atat.errors import UserError

Record = dict[str, Any]
Worker = Callable[[str, Any], Record]

#: JSON lines ``[name, key, record]`` in the folder that a set is made in, in order of completion.
JOURNAL = "journal.jsonl"

FUTURES_PER_PROCESS = 3  # enough to keep every process busy, few enough to hold in memory

PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


def limit_threads() -> None:
    """One thread per process for the numeric libraries; call it before NumPy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def file_size(entry: str) -> int:
    """Size in bytes of the file of a path or clip; -1 if there is none.

    As part of a payload it tells when the content has changed, so that a repaired file is read again.
    """
    try:
        return Path(Clip.of(entry).path).stat().st_size
    except OSError:
        return -1


def die_with_parent(parent: int | None = None) -> None:
    """In a child, on Linux: be killed when the parent dies, so that after a restart no two work in its folder.

    With the parent's process id given, a child whose parent died before this call ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def with_progress[Item](items: Iterable[Item], label: str, total: int, done: int = 0) -> Iterator[Item]:
    """The items, counted on stderr as they go by: one line that changes on a terminal, one every ten seconds in a log.

    ``total``: with those that were ``done`` before.
    """
    if done:
        print(f"{label}: continuing after {done} of {total}", file=sys.stderr)
    terminal = sys.stderr.isatty()
    started = shown = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - shown >= (0.5 if terminal else 10.0):
            shown, rate, left = now, number / (now - started), total - done - number
            line = f"{label}: {done + number}/{total}, {rate:.1f}/s, {left / rate:.0f} s left"
            print(f"\r{line}\033[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _start_process(parent: int, start: Callable[[], None] | None) -> None:
    """Leave the keyboard's interrupt to the parent, and die with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent)
    if start is not None:
        start()


def spread[Part, Result](
    function: Callable[[Part], Result],
    parts: Sequence[Part],
    nj: int,
    *,
    fresh: bool = False,
    threads: bool = False,
    start: Callable[[], None] | None = None,
) -> Generator[tuple[Part, Result], None, None]:
    """Apply ``function`` to every part and yield each with its result, in order of completion.

    Args:
        function: can be pickled, as can parts and results.
        nj: processes (or threads); one part, or one process, is worked on in this process.
        fresh: start new interpreters, even for one: for PyTorch, whose threads and devices do not survive a fork.
            Otherwise processes are forked on Linux, and need not import again what this one has imported.
        threads: for work that waits for files, in libraries that let other threads run; nothing need be pickled.
        start: called first in each process, this one too.
    """
    nj = min(nj, len(parts))
    if not fresh and nj <= 1:
        if start is not None:
            start()
        yield from ((part, function(part)) for part in parts)
        return
    pool: Executor
    if threads:
        pool = ThreadPoolExecutor(nj)
    else:
        context = multiprocessing.get_context("fork" if sys.platform == "linux" and not fresh else "spawn")
        pool = ProcessPoolExecutor(max(1, nj), context, initializer=_start_process, initargs=(os.getpid(), start))
    waiting = iter(parts)
    running: dict[Future[Result], Part] = {}
    try:
        while True:
            for part in waiting:
                running[pool.submit(function, part)] = part
                if len(running) >= nj * FUTURES_PER_PROCESS:
                    break
            if not running:
                return
            finished = wait(running, return_when=FIRST_COMPLETED).done
            for future in sorted(finished, key=lambda each: each.exception() is not None):  # good results first
                yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise UserError(
            "a process died, perhaps out of memory; run the command again to continue, with a smaller --nj"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def run_resumable(
    items: Mapping[str, Any],
    worker: Worker,
    work: Path,
    *,
    options: object,
    label: str,
    nj: int = 1,
    chunk: int = 16,
    fresh: bool = False,
) -> dict[str, Record]:
    """Apply ``worker`` to every item that the journal does not hold yet.

    Args:
        items: name → payload (plain JSON), in the order of the result.
        worker: (name, payload) → record (plain JSON); it can be pickled, and deals with bad data itself.
        work: the folder that holds the journal.
        options: what the records depend on besides; a record made with others is not used.
        chunk: items handed to a process at a time.
        fresh: see :func:`spread`; new processes have one thread each.
    """
    keys = {}  # what a finished record must have been made from to be used again
    for name, payload in items.items():
        made_from = json.dumps([name, payload, repr(options)], sort_keys=True)
        keys[name] = hashlib.sha256(made_from.encode()).hexdigest()[:24]
    journal = work / JOURNAL
    done = _read_journal(journal, keys)
    pending = [(name, payload) for name, payload in items.items() if name not in done]
    chunks = [pending[first : first + chunk] for first in range(0, len(pending), chunk)]
    work.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as handle:
        if handle.tell():
            handle.write("\n")  # ends a line that a kill has torn
        start = limit_threads if fresh else None
        with closing(spread(partial(_work, worker), chunks, nj, fresh=fresh, start=start)) as finished:
            records = (record for _, some in finished for record in some)
            for name, text in with_progress(records, label, len(items), len(done)):
                handle.write(f"[{json.dumps(name)}, {json.dumps(keys[name])}, {text}]\n")
                handle.flush()
                done[name] = json.loads(text)
    return {name: done[name] for name in items}


def _read_journal(journal: Path, keys: Mapping[str, str]) -> dict[str, Record]:
    """Records made from the same input with the same options; a line torn by a kill is skipped."""
    done: dict[str, Record] = {}
    if not journal.is_file():
        return done
    for line in journal.read_bytes().splitlines():
        try:
            name, key, record = json.loads(line)
        except (ValueError, TypeError):
            continue
        if keys.get(name) == key:
            done[name] = record
    return done


def _work(worker: Worker, items: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Names and records as JSON text, in the order of the items."""
    return [(name, json.dumps(worker(name, payload), ensure_ascii=False)) for name, payload in items]
