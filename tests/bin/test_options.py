"""No option of the commands that choose systems is accepted and ignored."""

import argparse
import ast
import inspect
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from espnet_atat.arguments import Parser, count, positive
from espnet_atat.bin import main_guard, pack, run, tune
from espnet_atat.graph.launch import Machines
from espnet_atat.stages import STAGES, Stage, options_between
from espnet_atat.steps.driver import OF_CALL
from espnet_atat.steps.request import Request
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("world")
#: Where a request's options are read: rooms, and the names that a request and its machines have there.
USERS = ("bin", "steps", "graph", "report")
NAMES = {"request", "asked", "machines"}


class Recorded(argparse.Namespace):
    """Remembers which options are read."""

    read: set[str] = set()  # noqa: RUF012

    def __getattribute__(self, name: str) -> object:
        Recorded.read.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("command", "options"),
    [(run, ["--dry_run"]), (pack, ["--dry_run"]), (tune, [])],
    ids=lambda value: value.__name__.rpartition(".")[2] if isinstance(value, ModuleType) else "",
)
def test_every_option_is_read(command: ModuleType, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parse = Parser.parse_args
    monkeypatch.setattr(Parser, "parse_args", lambda self, argv: Recorded(**vars(parse(self, argv))))
    monkeypatch.setattr(run, "check_stages", lambda *_: None)  # it looks at all, and acts on none
    monkeypatch.setattr(Recorded, "read", set())
    main_guard(command.main, ["--recipe", "toy", *options])
    other_way = {pack.ANY_MODEL} if command is pack else set()
    groups = [group for group in command.get_parser()._action_groups if group.title not in other_way]
    asked = {action.dest for group in groups for action in group._group_actions} - {"help"}
    assert asked <= Recorded.read


@pytest.mark.parametrize("kind", [Request, Machines])
def test_every_option_of_a_request_is_used(kind: type) -> None:
    """Somewhere it is read from a request, or in its class."""
    own = Path(inspect.getfile(kind))
    used = set()
    for path in (path for room in USERS for path in (ROOT / "espnet_atat" / room).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                of = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                if of in NAMES or (of == "self" and path == own):
                    used.add(node.attr)
    assert {field.name for field in fields(kind)} <= used  # type: ignore[arg-type]


def test_a_job_is_given_every_option_of_its_stages_but_those_of_the_call_that_starts_it() -> None:
    options = set(options_between(Stage.TOKENS, Stage.SCORE))
    assert not OF_CALL - options
    assert options - OF_CALL <= {field.name for kind in (Request, Machines) for field in fields(kind)}
    parsed = {action.dest: action for action in run.get_parser()._actions}
    for action in (parsed[name] for name in options - OF_CALL):  # flags, and what ``str`` writes as it is read
        assert f"--{action.dest}" in action.option_strings
        assert action.nargs == 0 or action.type in (int, count, positive)
    assert {option for stage in STAGES for option in stage.options} <= parsed.keys()
