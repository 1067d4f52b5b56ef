"""The driver's options: each is used, a mistake is one line, and help needs nothing but Python."""

import argparse
import ast
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.run import _request, get_parser, main
from espnet_atat.config.recipe import recipe_names
from espnet_atat.config.selection import Selection
from espnet_atat.graph.launch import Machines
from espnet_atat.stages import LAST, STAGES, markdown
from espnet_atat.steps.driver import Request

#: What ``main`` itself reads: it gives the request the stages of its call.
OF_MAIN = {"help", "stage", "stop_stage", "between"}


@pytest.fixture(autouse=True)
def at_root(root, monkeypatch):
    monkeypatch.chdir(root)


def attributes(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every ``x.name`` that a package's code reads, whatever ``x`` is, with its file."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield path, node.attr


def test_every_option_reaches_the_request_and_is_read_by_a_stage(root):
    parser, read = get_parser(), set()

    class Reads(argparse.Namespace):
        def __getattribute__(self, name: str):
            read.add(name)
            return super().__getattribute__(name)

    _request(Reads(**vars(parser.parse_args([]))), 1, LAST)
    assert {action.dest for action in parser._actions} - OF_MAIN <= read
    used = {name for path, name in attributes(root / "espnet_atat") if path.parent.name != "bin"}
    for kind in (Request, Selection, Machines):
        assert {field.name for field in dataclasses.fields(kind)} <= used
    assert {"selection", "machines"} < {field.name for field in dataclasses.fields(Request)}


def test_help_names_all_stages_and_recipes_are_found_without_any_package():
    command = [sys.executable, "-S", "-m", "espnet_atat.bin.run", "--help"]  # -S: no site-packages
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(f"{stage.number:>2} {stage.title}" in done.stdout for stage in STAGES)
    assert "--between" not in done.stdout


def test_the_readme_lists_the_stages(root):
    assert markdown() in (root / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nope"], f"unknown recipe 'nope'; known: {', '.join(recipe_names())}"),
        (["--recipes", "mini"], "unrecognized arguments: --recipes mini"),
        (["--rec", "mini"], "unrecognized arguments: --rec mini"),  # no abbreviations, for the sake of run.sh
        (["mini"], "unrecognized arguments: mini"),
        (["--system", "nope"], "recipe mini: unknown row 'nope'; known: music"),
        (["--table", "1,99"], "recipe mini: unknown table 'table99'"),
        (["--table", ","], "recipe mini: unknown table ','"),
        (["--stage", "two"], "argument --stage: invalid int value: 'two'"),
        (["--stage", "12", "--stop_stage", "3"], "stages are 1 to 16, not 12 to 3"),
        (["--jobs", "many"], "argument --jobs: 'many' is no whole number from 1 on"),
        (["--jobs", "2", "--num_nodes", "2"], "give one of them"),
        (["--feats_type", "mfcc"], "argument --feats_type: invalid choice: 'mfcc'"),
        (["--table", "default", "--system", "music"], "argument --system: not allowed with argument --table"),
        (["--hf_repo", "me/model"], "one model is uploaded at a time: name its system (--system)"),
        (["--system", "music", "--hf_repo", "me/model", "--upload_dir", "out"], "not allowed with argument --hf_repo"),
        (["--seeds", "1,1"], "'1,1' has a seed twice"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(arguments, message, capsys):
    assert main_guard(main, [*arguments, "--dry_run"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
