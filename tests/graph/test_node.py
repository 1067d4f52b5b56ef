"""Nodes: their keys and places, when they are done, what they need, and what a finished run came from."""

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph import work as working_module
from espnet_atat.graph.node import RUNS, Node, commit, identity_of, lineage, unique


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text: str, work: Path) -> dict[str, int]:
    (work / "model").write_text((work / "model").read_text() + text if (work / "model").exists() else text)
    return {"letters": len(text)}


def run(name: str = "pretrain-seed1", text: str = "whole", *, needs: tuple[Node, ...] = (), **identity) -> Node:
    make = partial(write, text)
    return Node(stage=10, name=name, identify=lambda: {"kind": "training", **identity}, make=make, needs=needs)


def fail(_work: Path) -> None:
    raise UserError("no data")


def test_the_key_is_a_hash_of_the_identity():
    one = run(seed=1, config={"b": 2, "a": 1})
    assert one.key == run("another name", seed=1, config={"a": 1, "b": 2}).key
    assert one.key != run(seed=2, config={"b": 2, "a": 1}).key
    assert one.place == RUNS / f"pretrain-seed1-{one.key}"


def test_a_node_is_done_when_it_was_made_from_what_it_would_be_made_from_now():
    assert not run(seed=1).is_done
    run(seed=1).build()
    done = run(seed=1)
    assert done.is_done
    assert done.facts["letters"] == 5
    assert identity_of(done.place) == {"kind": "training", "seed": 1}
    at = partial(Node, stage=6, at=Path("dump/train"), make=partial(write, ""))
    at(identify=lambda: {"text": "old"}).build()
    assert at(identify=lambda: {"text": "old"}).is_done
    assert not at(identify=lambda: {"text": "new"}).is_done


def test_a_run_is_continued_where_it_lies():
    node = Node(stage=10, name="a", identify=lambda: {"seed": 1}, make=partial(write, "2"), in_place=True)
    node.place.mkdir(parents=True)
    (node.place / "model").write_text("1")
    node.build()
    assert (node.place / "model").read_text() == "12"
    node.remove()
    assert not node.is_done
    node.build()
    assert (node.place / "model").read_text() == "2"  # made anew


def test_a_node_says_which_stage_makes_what_it_needs():
    tokens = Node(stage=7, name="tokens", identify=lambda: {"kind": "tokens"}, make=partial(write, "t"))
    with pytest.raises(UserError, match=r"^exp/runs/tokens-\w+ is not there or not finished.*run stage 7 too"):
        run(needs=(tokens,)).build()
    tokens.build()
    run(needs=(tokens,)).build()


def test_what_cannot_be_named_yet_is_planned_all_the_same():
    def no_data():
        raise UserError("run stage 1")

    node = Node(stage=10, name="pretrain", identify=no_data, make=fail)
    assert (node.title, node.is_done) == ("exp/runs/pretrain-…", False)
    with pytest.raises(UserError, match="run stage 1"):
        node.build()


def test_what_changes_while_it_is_made_is_stamped_with_what_it_was_made_from_in_the_end():
    corpus = Path("corpus")

    def download(work: Path) -> None:
        corpus.write_text("fetched")
        (work / "prepared").write_text("train\n")

    def identify():
        return {"files": corpus.read_text() if corpus.exists() else None}

    node = partial(Node, stage=1, at=Path("data/prepared"), identify=identify, is_file=True, in_place=True)
    node(make=download, fetches=True).build()
    assert node(make=fail, fetches=True).is_done
    node(make=fail, fetches=True).remove()
    assert not node(make=fail, fetches=True).is_done
    assert Path("data/prepared").is_file()  # the corpus's preparation compares with it


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


def test_nodes_of_several_systems_are_there_once_for_the_first_stage_that_wants_them():
    later = Node(stage=11, name="a", identify=lambda: {"seed": 1}, make=fail)
    sooner = Node(stage=10, name="a", identify=lambda: {"seed": 1}, make=fail)
    other = Node(stage=10, name="a", identify=lambda: {"seed": 2}, make=fail)
    assert unique([later, other, sooner]) == [sooner, other]


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
