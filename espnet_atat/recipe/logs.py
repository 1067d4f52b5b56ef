"""ESPnet's log into a file; on the terminal, a line an epoch, how far decoding is, and warnings."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

FORMAT = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
# What ESPnet's trainer and reporter write at the start and at the end of an epoch.
STARTED = re.compile(r"(\d+)/(\d+)epoch started")
RESULTS = re.compile(r"(\d+)epoch results: \[train\] (.*?)(?:, \[valid\] (.*))?$")
FIGURE = re.compile(r"(\w+)=([^, ]+)")


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append everything logged in the block, and stderr, to a file; print what :class:`Progress` picks."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    writer = logging.FileHandler(path, encoding="utf-8")
    writer.setFormatter(logging.Formatter(FORMAT))
    # ESPnet calls basicConfig, which leaves a logger alone that has handlers.
    root.handlers[:] = [writer, Progress()]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with redirect_stderr(writer.stream):  # ESPnet prints its command line there
            yield
    except BaseException:
        root.handlers[:] = [writer]
        logging.exception("interrupted by")
        raise
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        writer.close()


class Progress(logging.Handler):
    """Prints epochs in short, what this package itself logs, and warnings."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._epochs = 0
        self._started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if started := STARTED.match(message):
            self._epochs, self._started = int(started[2]), time.monotonic()
        elif results := RESULTS.match(message):
            self._print(self._epoch(int(results[1]), results[2], results[3] or ""))
        elif record.levelno >= logging.WARNING and record.name in ("root", __package__):
            self._print(f"{record.levelname.lower()}: {message.splitlines()[0]}")
        elif record.name.startswith("espnet_atat."):
            self._print(message)

    def _epoch(self, epoch: int, train: str, valid: str) -> str:
        """``epoch 3/20: loss 41.2, valid acc 0.872 (asr 0.801, slu 0.903), 31 s, about 9 min left``."""
        trained, validated = dict(FIGURE.findall(train)), dict(FIGURE.findall(valid))
        tasks = ", ".join(
            f"{name.removeprefix('acc_')} {value}"
            for name, value in validated.items()
            if name.startswith("acc_") and value != "nan"
        )
        seconds = time.monotonic() - self._started
        return (
            f"epoch {epoch}/{self._epochs}: loss {trained.get('loss', '?')}, valid acc {validated.get('acc', '?')}"
            + (f" ({tasks})" if tasks else "")
            + f", {seconds:.0f} s, about {seconds * (self._epochs - epoch) / 60:.0f} min left"
        )

    @staticmethod
    def _print(line: str) -> None:
        print(f"  {line}", flush=True)
