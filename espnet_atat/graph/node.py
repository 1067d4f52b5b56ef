"""Everything a stage makes is a node: what it is made from, what it needs, its place, and how it is made.

A node is done when the stamp at its place holds its key, the hash of its identity (``graph.work``). Keys are computed
when they are asked for: a plan can be made, and printed by ``--dry_run``, before there is any data.
"""

import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import LENGTH, content_hash
from espnet_atat.graph.work import MadeMeanwhile, is_made, read_stamp, remove, stamp_file, working

RUNS = Path("exp/runs")

Identity = Mapping[str, Any]
#: Writes into the folder it is given and returns facts for the stamp, such as a number of utterances.
Make = Callable[[Path], Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One thing that a stage makes.

    Attributes:
        stage: number of the stage that makes it.
        name: of a run, for people; its folder is ``exp/runs/<name>-<key>``.
        at: where it lies instead; a run has none.
        identify: gives all that decides the content, as JSON can write it. It raises ``UserError`` while something that
            it reads is not there.
        make: makes it.
        needs: nodes that have to be done first.
        about: what a dry run says about it.
        is_file: whether the place is a file, not a folder.
        in_place: whether it is made where it lies, because an interrupted call is continued there.
        fetches: whether making it may change what it is made from, as when a corpus is downloaded.
        inputs: what is read to make it, where the place must lie apart from that.
        check: finds out before the work begins what making it would stop at.
        notes: how it came to this identity; written down with it, and no part of it.
    """

    stage: int
    name: str = ""
    at: Path | None = None
    identify: Callable[[], Identity]
    make: Make
    needs: tuple["Node", ...] = ()
    about: str = ""
    is_file: bool = False
    in_place: bool = False
    fetches: bool = False
    inputs: tuple[Path, ...] = ()
    check: Callable[[], object] = lambda: None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def identity(self) -> dict[str, Any]:
        return dict(self.identify())

    @cached_property
    def hash(self) -> str:
        return content_hash(self.identity)

    @property
    def key(self) -> str:
        """The beginning of the hash, for names."""
        return self.hash[:LENGTH]

    @cached_property
    def place(self) -> Path:
        return self.at or RUNS / f"{self.name}-{self.key}"

    @property
    def is_placed(self) -> bool:
        """Whether its place is known; that of a run depends on its key, and so on data that may not exist yet."""
        try:
            return bool(self.place)
        except UserError:
            return False

    @property
    def title(self) -> str:
        """Its place, or as much of it as is known."""
        return str(self.place) if self.is_placed else f"{RUNS / self.name}-…"

    @property
    def is_done(self) -> bool:
        """Whether it exists, complete and made from what it would be made from now."""
        try:
            return is_made(self.place, self.hash)
        except UserError:
            return False

    @property
    def facts(self) -> dict[str, Any]:
        """What its stamp says: ``seconds``, and what making it returned."""
        return read_stamp(self.place)

    def already(self, *, force: bool) -> str | None:
        """The line to print instead of making it; None if it is to be made."""
        return f"done already ({self.facts['seconds']:.0f} s), skipped" if self.is_done and not force else None

    def check_needs(self, made_before: Collection["Node"] = ()) -> None:
        """Raise ``UserError`` if something that it needs is neither done nor among what will be made before."""
        for needed in self.needs:
            if not needed.is_done and needed not in made_before:
                raise UserError(
                    f"{needed.title} is missing or unfinished, and {self.title} needs it: run stage "
                    f"{needed.stage} too (--stage 1 runs all that is missing)"
                )

    def build(self, *, force: bool = False) -> None:
        """Make it, or continue what was interrupted; ``force``: make it again even if it is done."""
        self.check_needs()
        started = time.strftime("%Y-%m-%d %H:%M:%S")

        def make(work: Path) -> Mapping[str, Any]:
            facts = self.make(work)
            made_by = {"espnet_atat": __version__, "commit": commit(), "started": started, **self.notes}
            return {**(facts or {}), "made_by": made_by}

        self._fill(make, anew=force and not (self.in_place and self.fetches))  # what was fetched is looked at again

    def take(self, files: Mapping[str, str]) -> None:
        """Write the texts of its files, which were made elsewhere from the same."""

        def write(work: Path) -> Mapping[str, Any]:
            for name, text in files.items():
                (work / name).write_bytes(text.encode())
            return {"kept": True}

        self._fill(write)

    def _fill(self, make: Make, *, anew: bool = False) -> None:
        notes: dict[str, Any] = {"stage": self.stage}
        try:
            with working(
                self.place, self.hash, file=self.is_file, in_place=self.in_place, inputs=self.inputs, notes=notes,
                anew=anew, look_again=(lambda: content_hash(dict(self.identify()))) if self.fetches else None,
            ) as work:  # fmt: skip
                facts = make(work)
                identity = dict(self.identify()) if self.fetches else self.identity
                notes |= {"made_from": content_hash(identity), **(facts or {}), "identity": identity}
        except MadeMeanwhile:
            print(f"  {self.place}: another process has made it meanwhile", flush=True)

    def remove(self) -> None:
        """Remove it, so that it is made again (``--force`` with several jobs); what was fetched stays."""
        if self.place.exists():
            remove(self.place, stamp_only=self.fetches and self.in_place)


def unique(nodes: Iterable[Node]) -> list[Node]:
    """The nodes in their order, each place once: for the first stage that needs it."""
    found: dict[tuple[object, ...], Node] = {}
    for node in nodes:
        key = (node.title,) if node.is_placed else (node.title, node.about, node.stage)
        if key not in found or node.stage < found[key].stage:
            found[key] = node
    return list(found.values())


def with_needs(nodes: Iterable[Node]) -> list[Node]:
    """The nodes and all that they need, by stage: in an order in which they can be made."""
    found: dict[Node, None] = {}
    for node in nodes:
        if node not in found:
            found |= dict.fromkeys([*with_needs(node.needs), node])
    return sorted(found, key=lambda node: node.stage)  # stable


def lineage(node_folder: Path) -> list[Path]:
    """A finished run's folder, then those of all runs that it was made from, as their stamps say."""
    identity = identity_of(node_folder)
    parent = identity.get("initialised_from") or {}
    keys = [identity.get("statistics"), identity.get("tokens"), identity.get("grown_from"), parent.get("run")]
    folders = [node_folder]
    for key in filter(None, keys):
        found = sorted(RUNS.glob(f"*-{key}"))
        if not found:
            raise UserError(f"{RUNS}: no run ends in {key}, which {node_folder} was made from: run the stages again")
        folders += [each for each in lineage(found[0]) if each not in folders]
    return folders


def identity_of(folder: Path) -> dict[str, Any]:
    """The identity of a finished run, as its stamp says."""
    if not stamp_file(folder).is_file():
        raise UserError(f"{folder}: this run was removed, but results were made from it: run the stages again")
    return read_stamp(folder)["identity"]


@cache
def commit() -> str:
    """The commit of the code, ``+`` behind it where tracked files differ from it; ``unknown`` without git.

    Kept results are no code: a recipe may keep some while it makes others.
    """
    code = ["--", ".", ":(exclude,top)egs2/*/*/results/*"]
    commands = ["describe", "--always", "--exclude=*", "--abbrev=12"], ["status", "--porcelain", "-uno", *code]
    try:
        found, changed = (
            subprocess.run(["git", *command], capture_output=True, text=True, check=True).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("+" if changed else "")
