"""No option of the commands that choose systems is accepted and ignored."""

import argparse
import ast
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from espnet_atat.arguments import Parser
from espnet_atat.bin import main_guard, pack, run, tune
from espnet_atat.graph.launch import Machines
from espnet_atat.stages import STAGES, Stage, options_between
from espnet_atat.steps.driver import OF_CALL
from espnet_atat.steps.request import Request
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("world")
#: Read by the modules that act on them, whatever the names of their variables.
USERS = ("bin", "steps", "graph", "config")


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
    """Somewhere its name is an attribute that is read."""
    files = [path for room in USERS for path in (ROOT / "espnet_atat" / room).glob("*.py")]
    nodes = (node for path in files for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    assert {field.name for field in fields(kind)} <= used  # type: ignore[arg-type]


def test_a_job_is_given_every_option_of_its_stages_but_those_of_the_call_that_starts_it() -> None:
    options = set(options_between(Stage.TOKENS, Stage.SCORE))
    assert not OF_CALL - options
    assert options - OF_CALL <= {field.name for kind in (Request, Machines) for field in fields(kind)}
    parsed = {action.dest: action.option_strings for action in run.get_parser()._actions}
    assert all(f"--{name}" in parsed[name] for name in options - OF_CALL)
    assert {option for stage in STAGES for option in stage.options} <= parsed.keys()
