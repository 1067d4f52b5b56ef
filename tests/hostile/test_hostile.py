"""The table of bad inputs: each ends its command with one line, and leaves nothing behind.

python -m tests.hostile prints the table. Rows that today's code fails are in ``pending.txt``, exactly.
"""

import argparse
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import rows_corpora, rows_data
from tests.hostile.rows_models import add_model
from tests.hostile.table import QUICK, ROWS, SLOW, Row, faults, pending, run
from tests.hostile.world import make_good
from tests.shell import processes_in

#: Rows in all, and at least of each command and sub-command.
LEAST, LEAST_EACH = 400, 3
COMMANDS = [path.stem for path in Path(__file__).parents[2].glob("espnet_atat/bin/[!_]*.py")]
GOOD = [
    *(call.format("data/words" if "words" in name else "data/train") for name, call in rows_data.READERS.items()),
    *(call for call, _ in rows_data.HEARERS.values()),
    *rows_corpora.GOOD,
    *(f"prepare custom corpora/mine.{kind} out" for kind in ("csv", "tsv", "jsonl")),
    *("score --ref ref --hyp hyp --output out", "compare a.json b.json --subset mine", "table table.json"),
    *("table table.jsonl.xz", "atat info package.zip", "validate data"),
    "pipeline understand --model_dir crf --data_dir data/flat_test --output_dir out --oracle",
    "token_list --targets data/words/target --output_dir out --grow_from tokens",
]  # fmt: skip


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "good").mkdir()
    (folder / "home").mkdir()
    make_good(folder / "good")
    return folder


@pytest.fixture
def good(made, monkeypatch) -> Path:
    """The good folder as the working directory; what goes to the user's home or to /tmp is seen too."""
    monkeypatch.chdir(made / "good")
    for name in ("AN4", "ATAT_MODEL", "CUSTOM", "FSC", "LIBRISPEECH", "SNIPS", "TOP", "WORDNET", "train_cmd"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(made / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(made / "good"))
    return made / "good"


@pytest.fixture(scope="session")
def with_model(made, toy_run, toy_package) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made / "good")
        add_model(toy_run, toy_package)


def check(rows: list[Row], folder: Path) -> None:
    """Run rows, one after the other: a test each would take longer than most commands."""
    said = []
    for row in rows:
        wrong = faults(row)
        if row.id in pending():
            wrong = [] if wrong else ["it passes: take it out of pending.txt"]
        if wrong:
            said.append("\n    ".join([f"{row.id} | {row.call}", *wrong]))
    said += [f"a process is left: {each}" for each in processes_in(folder)]
    assert not said, "\n".join(said)


def by_command(kinds: Sequence[str]) -> list[Any]:
    """The rows of each kind and command."""
    groups: dict[str, list[Row]] = {}
    for kind in kinds:
        for row in ROWS[kind]:
            groups.setdefault(f"{kind}-{row.call.split()[0]}", []).append(row)
    return [pytest.param(rows, id=f"{name}-{len(rows)}") for name, rows in groups.items()]


@pytest.mark.parametrize("rows", by_command(QUICK))
def test_a_bad_input_is_one_line(rows, good):
    check(rows, good)


@pytest.mark.slow
@pytest.mark.usefixtures("with_model")
@pytest.mark.parametrize("rows", by_command(SLOW))
def test_a_bad_input_of_a_model_is_one_line(rows, good):
    check(rows, good)


@pytest.mark.slow
def test_what_the_rows_spoil_is_good(good):
    Path("conf").mkdir()
    Path("conf/augment.yaml").write_text("speeds: [0.9]\n")
    for call in GOOD:
        found = run(Row("good", call, {}, ""))
        for path in [*good.glob("out*"), *good.glob(".out*")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert found.code == 0, f"{call}: {found.err}"
    shutil.rmtree("conf")


def test_every_command_has_rows():
    rows = [row for kind in ROWS.values() for row in kind]
    assert len(rows) >= LEAST
    assert len({row.id for row in rows}) == len(rows)
    assert pending() <= {row.id for row in rows}
    calls = [shlex.split(row.call) for row in rows]
    for words in (words for command in COMMANDS for words in subcommands(command)):
        found = sum(call[: len(words)] == words for call in calls)
        assert found >= LEAST_EACH, f"{' '.join(words)}: {found} rows in tests/hostile, at least {LEAST_EACH}"


def subcommands(command: str) -> list[list[str]]:
    """The command in words, then each of its sub-commands."""
    module = import_module(f"espnet_atat.bin.{command}")
    found, parsers = [[command]], [([command], module.get_parser())] if hasattr(module, "get_parser") else []
    while parsers:
        words, parser = parsers.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += [([*words, name], each) for name, each in action.choices.items()]
        found.append(words)
    return found
