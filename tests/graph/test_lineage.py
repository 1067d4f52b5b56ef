"""Runs that exclude each other, what a finished run came from, and the commit of the code."""

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph import work as working_module
from espnet_atat.graph.node import Node, commit, lineage


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text: str, work: Path) -> dict[str, int]:
    (work / "model").write_text((work / "model").read_text() + text if (work / "model").exists() else text)
    return {"letters": len(text)}


def run(name: str = "pretrain-seed1", text: str = "whole", *, needs: tuple[Node, ...] = (), **identity) -> Node:
    make = partial(write, text)
    return Node(stage=10, name=name, identify=lambda: {"kind": "training", **identity}, make=make, needs=needs)


def test_what_is_being_made_is_neither_made_twice_nor_removed(monkeypatch):
    monkeypatch.setattr(working_module, "WAIT", 0.1)
    node = run(seed=1)

    def meanwhile(work: Path) -> None:
        for meet in (run(seed=1).build, run(seed=1).remove):
            node.place.mkdir(parents=True, exist_ok=True)
            with pytest.raises(UserError, match=r"is being made by process \d+ on "):
                meet()
        write("whole", work)

    Node(stage=10, name=node.name, identify=node.identify, make=meanwhile, in_place=True).build()
    assert run(seed=1).is_done


def test_a_run_names_all_that_it_was_made_from():
    tokens = run("tokens", kind_of="tokens")
    first = run("pretrain", tokens=tokens.key)
    tuned = run("tune", tokens=tokens.key, initialised_from={"run": first.key})
    for node in (tokens, first, tuned):
        node.build()
    assert lineage(tuned.place) == [tuned.place, tokens.place, first.place]
    tokens.remove()
    with pytest.raises(UserError, match=f"no run ends in {tokens.key}"):
        lineage(tuned.place)


def test_the_commit_of_the_code():
    commit.cache_clear()
    assert commit() == "unknown"
    for command in ("init -q", "config user.email a@b.c", "config user.name a", "commit -q --allow-empty -m first"):
        subprocess.run(["git", *command.split()], check=True)
    kept, code = Path("egs2/atat/mini/results/table1.jsonl"), Path("model.py")
    for path in (kept, code):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    subprocess.run("git add . && git commit -qm second", shell=True, check=True)
    commit.cache_clear()
    assert re.fullmatch(r"[0-9a-f]{12}", commit())
    kept.write_text("2")
    commit.cache_clear()
    assert re.fullmatch(r"[0-9a-f]{12}", commit())  # results are no code
    code.write_text("2")
    commit.cache_clear()
    assert re.fullmatch(r"[0-9a-f]{12}\+", commit())
    commit.cache_clear()
