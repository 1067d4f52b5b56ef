"""ESPnet's log in a file; on the terminal, a line per epoch, the progress of decoding, and warnings."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

FORMAT = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
LINE = re.compile(r".*? (INFO|WARNING|ERROR): (.*)")
# What ESPnet's trainer and reporter write at the start and at the end of an epoch.
STARTED = re.compile(r"(\d+)/(\d+)epoch started")
RESULTS = re.compile(r"(\d+)epoch results: \[train\] (.*?)(?:, \[valid\] (.*))?$")
FIGURE = re.compile(r"(\w+)=([^, ]+)")


class Epochs:
    """Shortens what ESPnet's trainer logs of an epoch to a line."""

    def __init__(self) -> None:
        self._epochs = 0
        self._started = time.monotonic()

    def line(self, message: str) -> str | None:
        """``epoch 3/20: loss 41.2, valid acc 0.872 (asr 0.801, slu 0.903), 31 s, about 9 min left`` at its end."""
        if started := STARTED.match(message):
            self._epochs, self._started = int(started[2]), time.monotonic()
        results = RESULTS.match(message)
        if results is None:
            return None
        epoch = int(results[1])
        trained, validated = (dict(FIGURE.findall(figures or "")) for figures in results.groups()[1:])
        tasks = ", ".join(
            f"{name.removeprefix('acc_')} {value}"
            for name, value in validated.items()
            if name.startswith("acc_") and value != "nan"
        )
        seconds = time.monotonic() - self._started
        figure = "acc" if "acc" in validated else "loss"  # a language model has only a loss
        return (
            f"epoch {epoch}/{self._epochs}: loss {trained.get('loss', '?')}, "
            f"valid {figure} {validated.get(figure, '?')}"
            + (f" ({tasks})" if tasks else "")
            + f", {seconds:.0f} s, about {seconds * (self._epochs - epoch) / 60:.0f} min left"
        )


class TerminalHandler(logging.Handler):
    """Prints epochs in short, what this package itself logs, and warnings."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._epochs = Epochs()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        line = self._epochs.line(message)
        if line is None and record.levelno >= logging.WARNING and record.name == "root":
            line = f"{record.levelname.lower()}: {message.splitlines()[0]}"
        elif line is None and record.name.startswith("espnet_atat."):
            line = message
        if line is not None:
            print(f"  {line}", flush=True)


class LogFollower:
    """Prints the same of a log that another process appends to, from its end on."""

    def __init__(self, path: Path):
        self._path = path
        self._epochs = Epochs()
        self._place = path.stat().st_size if path.is_file() else 0

    def print_news(self) -> None:
        """Read on from where the last call stopped; a line that is not whole yet waits for the next call."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as handle:
            handle.seek(self._place)
            *lines, rest = handle.read().split(b"\n")
            self._place = handle.tell() - len(rest)
        for raw in lines:
            found = LINE.match(raw.decode("utf-8", errors="replace"))
            if found is None:
                continue
            line = self._epochs.line(found[2])
            if line is None and found[1] != "INFO":
                line = f"{found[1].lower()}: {found[2]}"
            if line is not None:
                print(f"  {line}", flush=True)


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append everything logged in the block, and stderr, to a file; print what :class:`TerminalHandler` picks."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    writer = logging.FileHandler(path, encoding="utf-8")
    writer.setFormatter(logging.Formatter(FORMAT))
    # ESPnet calls basicConfig, which does not touch a logger that has handlers.
    root.handlers[:] = [writer, TerminalHandler()]
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
