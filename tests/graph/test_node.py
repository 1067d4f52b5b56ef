"""A node is made once, anew when what it is made from changes, and names the stage of what it lacks."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph import work as working_module
from espnet_atat.graph.node import Node, commit, lineage, unique


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def node(source: Any = "a", stage: int = 10, *, name: str = "model", **options: Any) -> Node:
    """Writes what it is made from; ``source`` may be a file that is read."""

    def identify() -> dict[str, Any]:
        if isinstance(source, Path) and not source.is_file():
            raise UserError(f"{source}: not there")
        return {"source": source.read_text() if isinstance(source, Path) else source}

    def make(work: Path) -> dict[str, int]:
        (work / (made.at.name if made.is_file and made.at else "content")).write_text(str(identify()["source"]))
        return {"letters": 1}

    made = Node(stage=stage, name=name, identify=identify, make=make, **options)
    return made


def content(made: Node) -> str:
    return (made.place if made.is_file else made.place / "content").read_text()


def test_a_run_is_named_by_all_that_decides_it_and_nothing_else():
    first = node({"seed": 1, "options": {"b": 2, "a": 1}})
    assert first.place == Path(f"exp/runs/model-{first.key}")
    assert node({"options": {"a": 1, "b": 2}, "seed": 1}, stage=11, about="again", notes={"why": "x"}).key == first.key
    assert node({"seed": 2, "options": {"b": 2, "a": 1}}).key != first.key


@pytest.mark.parametrize("options", [{}, {"in_place": True}, {"is_file": True}, {"is_file": True, "in_place": True}])
def test_what_lies_at_a_place_of_its_own_is_done_until_its_identity_changes(options):
    source, place = Path("source"), Path("data/made")
    source.write_text("a")

    def planned(**more: Any) -> Node:
        return node(source, at=place, notes={"why": "asked for"}, **options, **more)

    assert not planned().is_done
    planned().build()
    assert (planned().is_done, content(planned())) == (True, "a")
    facts = planned().facts
    assert facts["seconds"] >= 0
    assert (facts["stage"], facts["letters"], facts["identity"]) == (10, 1, {"source": "a"})
    assert facts["made_by"].keys() == {"espnet_atat", "commit", "started", "why"}
    source.write_text("b")
    assert not planned().is_done
    planned().build()
    assert (planned().is_done, content(planned())) == (True, "b")
    planned().remove()  # --force
    assert not planned().is_done
    assert not place.exists()


def test_a_plan_is_made_before_there_is_anything_to_read():
    source = Path("source")
    run, data = node(source), node(source, at=Path("data/made"))
    assert (run.title, data.title) == ("exp/runs/model-…", "data/made")
    assert not run.is_done
    assert not data.is_done
    with pytest.raises(UserError, match="source: not there"):
        run.build()
    source.write_text("a")
    run.build()  # asked again, it knows its name
    assert run.title == f"exp/runs/model-{run.key}"
    assert run.is_done


def test_what_is_needed_is_named_with_its_stage():
    needed = node(stage=9, name="stats")
    made = node("b", stage=10, needs=(needed,))
    with pytest.raises(UserError, match=rf"{needed.place} is missing or .* {made.place} needs it: run stage 9 too"):
        made.build()
    assert not made.place.exists()
    needed.build()
    made.build()
    assert made.is_done
    needed.remove()
    assert made.is_done, "what it was made of may go"


def test_what_is_made_in_place_goes_on_where_it_was_stopped():
    seen = []

    def make(work: Path) -> None:
        seen.append(sorted(path.name for path in work.glob("epoch*")))
        (work / f"epoch{len(seen)}").touch()
        if len(seen) == 1:
            raise KeyboardInterrupt

    made = Node(stage=10, name="model", identify=lambda: {"seed": 1}, make=make, in_place=True)
    with pytest.raises(KeyboardInterrupt):
        made.build()
    assert not made.is_done
    made.build()
    assert made.is_done
    assert seen == [[], ["epoch1"]]
    made.remove()
    made.build()
    assert seen[-1] == []


def test_a_node_that_fetches_its_source_is_done_with_what_it_fetched():
    corpus = Path("corpus")

    def make(work: Path) -> None:
        corpus.write_text("downloaded")
        (work / "content").touch()

    def planned() -> Node:
        return Node(stage=1, at=Path("data/x"), identify=lambda: {"there": corpus.exists()}, make=make, fetches=True)

    planned().build()
    assert planned().is_done
    corpus.unlink()
    assert not planned().is_done


def test_what_several_want_is_made_once_and_by_the_first_stage_that_wants_it():
    unknown = Path("source")

    def wanted() -> Iterator[Node]:
        yield node("a", stage=11)
        yield node("b", stage=10)
        yield node("a", stage=8)
        yield node(unknown, stage=7, about="of slu x")
        yield node(unknown, stage=7, about="of slu y")  # another one, whose name is not known yet either
        yield node(unknown, stage=7, about="of slu x")

    assert [(each.stage, each.about) for each in unique(wanted())] == [
        (8, ""), (10, ""), (7, "of slu x"), (7, "of slu y")
    ]  # fmt: skip


def test_what_is_being_made_is_neither_made_twice_nor_removed(monkeypatch):
    monkeypatch.setattr(working_module, "WAIT", 0.1)

    def meanwhile(_: Path) -> None:
        for meet in (node().build, node().remove):
            with pytest.raises(UserError, match=r"is being made by process \d+ on "):
                meet()

    Node(stage=10, name="model", identify=node().identify, make=meanwhile, in_place=True).build()
    assert node().is_done


def test_a_run_names_all_that_it_was_made_from():
    def run(name: str, **identity: Any) -> Node:
        made = Node(stage=10, name=name, identify=lambda: identity, make=lambda work: (work / "model").touch())
        made.build()
        return made

    tokens = run("tokens", kind="tokens")
    first = run("pretrain", tokens=tokens.key)
    tuned = run("tune", tokens=tokens.key, initialised_from={"run": first.key})
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


@pytest.mark.parametrize("options", [{}, {"in_place": True}, {"is_file": True}])
def test_force_makes_anew_keeps_the_old_until_all_is_there_and_continues_what_was_interrupted(options):
    needed, counts = node(stage=9, name="stats", at=Path("stats")), []

    def make(work: Path) -> None:
        file = work / ("made" if options.get("is_file") else "content")
        file.write_text(file.read_text() + "+" if file.exists() and not options.get("is_file") else "new")
        counts.append(len(counts))
        if len(counts) == 3:
            raise KeyboardInterrupt

    made = Node(stage=10, at=Path("out/made"), identify=dict, make=make, needs=(needed,), **options)
    needed.build()
    made.build()
    needed.remove()
    with pytest.raises(UserError, match="run stage 9 too"):
        made.build(force=True)
    assert made.is_done  # nothing was taken away for what could not be made
    needed.build()
    made.build(force=True)
    assert content(made) == "new"
    with pytest.raises(KeyboardInterrupt):
        made.build(force=True)
    assert made.is_done is not options.get("in_place", False)
    made.build(force=True)
    assert content(made) == ("new" if options.get("is_file") else "new+")


def test_force_takes_away_only_what_was_made():
    made = node(at=Path("data/set"))
    made.place.mkdir(parents=True)
    (made.place / "mine").touch()
    for attempt in (made.remove, made.build, lambda: made.build(force=True)):
        with pytest.raises(UserError, match="data/set was not made by this step"):
            attempt()
    assert (made.place / "mine").exists()
