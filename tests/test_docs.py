"""What the Markdown pages name exists: linked files and headings, commands with their options, tables and systems."""

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from espnet_atat.bin import run
from espnet_atat.bin.atat import get_parser
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_tables
from tests.conftest import ROOT

FOLDERS = (".", "docs", "conf", "egs2/atat/*", "egs2/atat/*/results")
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md"))
#: The history names options that are gone.
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
#: A table or system of the reader's choice.
PLACEHOLDER = re.compile(r"N|NAME|…|<.*")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    titles = re.findall(r"^#+ +(.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, fragment = target.partition("#")
        if "://" in target:
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target}: no such file"
        assert linked.is_relative_to(ROOT), f"{target} leaves the repository"
        assert not fragment or fragment in anchors(linked), f"{target}: no such heading"


def test_a_promise_names_a_test_that_is_there():
    promises = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text())
    assert promises
    for file, name in promises:
        assert not name or f"\ndef {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def commands(page: Path, start: str) -> Iterator[list[str]]:
    """The words behind ``start``, wherever a page shows the command."""
    text = page.read_text().replace("\\\n", " ")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.S)
    shown = [line.split(" #")[0] for block in blocks for line in block.splitlines()]
    shown += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    for command in shown:
        for call in re.split(r" \| |; | && ", command):
            if match := re.search(rf"(?:^|[ =]){start}(?= |$)(.*)", call):
                yield [*match.groups()[:-1], *shlex.split(match[match.lastindex or 0].replace("'…", ""))]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a parser and of its subcommands."""
    found = {option for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {option for each in action.choices.values() for option in options_of(each)}
    return found


def options_in(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_run_sh_has_the_options_tables_and_systems_that_are_shown(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = options_of(run.get_parser())
    for words in commands(page, r"\./run\.sh"):
        shown = f"./run.sh {' '.join(words)}"
        assert options_in(words) <= known, shown
        given = dict(pairwise(words))
        recipe = given.get("--recipe", "mini")
        if PLACEHOLDER.fullmatch(recipe):
            continue
        for option, load in (("--table", load_tables), ("--system", load_system)):
            name = given.get(option, "N")
            if not PLACEHOLDER.fullmatch(name) and name not in ("mine", "large_close"):  # docs/tables.md makes those
                assert load(recipe, name), shown


@pytest.mark.parametrize("page", CURRENT, ids=name_of)
def test_commands_exist_with_the_options_that_are_shown(page):
    for name in re.findall(r"\bbin\.(\w+)", page.read_text()):
        assert name == "NAME" or (ROOT / f"espnet_atat/bin/{name}.py").is_file(), f"bin.{name}"
    for name, *words in commands(page, r"(?:python -m espnet_atat\.)?bin\.(\w+)"):
        if options := options_in(words):
            module = importlib.import_module(f"espnet_atat.bin.{name}")
            assert options <= options_of(module.get_parser()), f"bin.{name} {' '.join(words)}"
    parser = get_parser()
    (subcommands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for words in filter(None, commands(page, "atat")):
        assert words[0] in subcommands.choices, f"atat {' '.join(words)}"
        assert options_in(words) <= options_of(subcommands.choices[words[0]]), f"atat {' '.join(words)}"
    shown = r"(?<=`)(?:tools|tests|benchmarks|examples|utils|espnet_atat|docs|\.ci|\.github)/[\w./-]*(?=[`\s{])"
    for path in re.findall(shown, page.read_text()):
        assert (ROOT / path).exists(), path
