"""Run a function over many items in several processes, and continue where a killed run stopped.

Alignment, masking and features all work this way: a worker turns one item (an utterance, or a shard of them) into a
record that is plain JSON, and every record goes to a journal as soon as it is there. The caller makes its output from
the records, which come back in the order of the items, so that it depends neither on ``nj`` nor on who finished first
nor on how often the run was interrupted.
"""

import ctypes
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from espnet_atat.errors import UserError

Record = dict[str, Any]
Worker = Callable[[str, Any], Record]

FUTURES_PER_PROCESS = 3  # enough to keep every process busy, few enough to hold in memory
PROGRESS_SECONDS = 10.0  # between two lines of progress in a log
TERMINAL_SECONDS = 0.5  # between two updates of the line on a terminal
PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


def limit_threads() -> None:
    """One thread a process for the numeric libraries; to be called before NumPy is imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def file_size(path: str) -> int:
    """Bytes, or -1 where there is no file. In a payload it stands in for the content: a mended file is read again."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return -1


class Progress:
    """Counts on stderr: one line that changes on a terminal, a line every ten seconds in a log."""

    def __init__(self, label: str, total: int, done: int) -> None:
        self.label, self.total, self.done, self.first = label, total, done, done
        self.started = self.shown = time.monotonic()
        if done:
            print(f"{label}: continuing after {done} of {total}", file=sys.stderr)

    def add(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.shown < (TERMINAL_SECONDS if terminal else PROGRESS_SECONDS):
            return
        self.shown = now
        rate = (self.done - self.first) / (now - self.started)
        line = f"{self.label}: {self.done}/{self.total}, {rate:.1f}/s, {(self.total - self.done) / rate:.0f} s left"
        print(f"\r{line}\033[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _key(name: str, payload: Any, signature: str) -> str:
    """What a finished record must have been made from to be used again."""
    return hashlib.sha256(json.dumps([name, payload, signature], sort_keys=True).encode()).hexdigest()[:24]


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


def _start_process() -> None:
    """Ignore the keyboard's interrupt, which the parent handles, and die with the parent, however it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _work(worker: Worker, items: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Names and records as JSON text, in the order of the items."""
    return [(name, json.dumps(worker(name, payload), ensure_ascii=False)) for name, payload in items]


def _results(worker: Worker, items: list[tuple[str, Any]], nj: int, chunk: int) -> Iterator[list[tuple[str, str]]]:
    """Results of ``chunk`` items at a time, as they become ready."""
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]
    if nj <= 1 or len(chunks) <= 1:
        for part in chunks:
            yield _work(worker, part)
        return
    # Forked processes need not import again what the command has imported.
    method = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(
        min(nj, len(chunks)), mp_context=multiprocessing.get_context(method), initializer=_start_process
    )
    waiting = iter(chunks)
    running: set[Future[list[tuple[str, str]]]] = set()
    try:
        while True:
            while len(running) < nj * FUTURES_PER_PROCESS and (part := next(waiting, [])):
                running.add(pool.submit(_work, worker, part))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BrokenProcessPool as error:
        raise UserError(
            "a process died, perhaps for want of memory; run the command again to continue, with a smaller --nj"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def run_resumable(
    items: Mapping[str, Any],
    worker: Worker,
    journal: Path,
    *,
    signature: str,
    label: str,
    nj: int = 1,
    chunk: int = 4,
) -> dict[str, Record]:
    """Apply ``worker`` to every item that the journal does not hold yet.

    Args:
        items: name → payload (plain JSON), in the order of the result.
        worker: a function that can be pickled; (name, payload) → record (plain JSON). It handles bad data itself.
        journal: JSON lines ``[name, key, record]``, in order of completion. The caller removes it in the end.
        signature: the options that the records depend on; a record made with others is not used.
        label: what the progress is called.
        nj: processes.
        chunk: items handed to a process at a time.

    Returns:
        name → record, in the order of ``items``.

    Raises:
        UserError: a worker raised one, or a process was killed. What was finished stays in the journal.
    """
    keys = {name: _key(name, payload, signature) for name, payload in items.items()}
    done = _read_journal(journal, keys)
    pending = [(name, payload) for name, payload in items.items() if name not in done]
    progress = Progress(label, len(items), len(done))
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a", encoding="utf-8") as handle:
        if handle.tell():
            handle.write("\n")  # ends a line that a kill has torn
        for results in _results(worker, pending, nj, chunk):
            for name, text in results:
                handle.write(f"[{json.dumps(name)}, {json.dumps(keys[name])}, {text}]\n")
                done[name] = json.loads(text)
            handle.flush()
            progress.add(len(results))
    progress.close()
    return {name: done[name] for name in items}
