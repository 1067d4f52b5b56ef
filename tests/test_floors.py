"""The package's floors: imports go down only, and what prepares, scores or reports never imports torch.

Read off the source with ``ast``, so that imports inside functions and under ``if TYPE_CHECKING`` count too.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "espnet_atat"

#: A module may import its own floor and those below it.
FLOORS = {
    "errors": 0, "bounded": 0, "strict_json": 0, "plain_yaml": 0, "atomic": 0, "installed": 0,
    "arguments": 0, "schema": 0, "stages": 0, "light_import": 0,
    "semantics": 0,
    "text": 1, "datadir": 1, "model": 1, "graph": 1, "hub": 1, "espnet_package": 1,
    "speech": 2, "corpora": 2, "train": 2, "metrics": 2, "baselines": 2, "package": 2,
    "data": 3,
    "decode": 4,
    "tasks": 5, "config": 5,
    "report": 6,  # reads what was made, keeps it, and shows it in tables
    "steps": 7,  # puts the others to work
    "demo": 7,
    "bin": 8,  # commands: nothing imports them
}  # fmt: skip
#: Rooms whose modules are alike, one a corpus or a step of speech: they may be many.
ALIKE = {"corpora", "speech"}
LARGEST_ROOM = (20, 2500)  # modules, lines
HEAVY = {"torch", "espnet2", "torchaudio", "torchcrf", "transformers"}
#: Where heavy libraries may be imported at all; `bin`, `package` and `hub` only inside functions.
HEAVY_PACKAGES = {"model", "data", "train", "tasks", "decode", "package", "bin", "hub"}
LIGHT_AT_IMPORT = {"bin", "package", "hub"}
#: Rooms whose modules answer users, who should not wait for what only training needs.
TASKLESS = {"model", "decode", "demo"}
TASKS = (f"{PACKAGE}.tasks.", f"{PACKAGE}.train.", "espnet2.tasks.", "espnet2.train.trainer.", "espnet2.bin.")
HEAVY_MODULES = {f"{PACKAGE}.{name}" for name in ("baselines.bilstm_crf", "baselines.bilstm_network", "light_import")}


class Import(NamedTuple):
    """One import statement's module."""

    name: str
    line: int
    at_top: bool  # runs when the module is imported


@cache
def modules() -> dict[str, Path]:
    """Module name → file, of the whole package."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    return tuple(_walk(ast.parse(modules()[module].read_text(encoding="utf-8")), True))


def _walk(node: ast.AST, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: relative import"
            yield Import(child.module or "", child.lineno, at_top)
            # `from package import module` imports the module too.
            names = (f"{child.module}.{alias.name}" for alias in child.names)
            yield from (Import(name, child.lineno, at_top) for name in names if name in modules())
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _walk(child, False)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, at_top and not inside)


def part(module: str) -> str:
    """``espnet_atat.data.mixture`` → ``data``; of the package itself, its own name."""
    return module.split(".")[1] if "." in module else module


def own_imports(module: str) -> list[Import]:
    return [each for each in imports_of(module) if each.name.split(".")[0] == PACKAGE]


def heavy_at_import(module: str) -> tuple[str, ...]:
    """The chain of modules by which importing ``module`` imports a heavy library; empty if it does not."""
    chains = {module: (module,)}
    waiting = [module]
    while waiting:
        current = waiting.pop(0)
        for each in imports_of(current):
            if not each.at_top:
                continue
            if each.name.split(".")[0] in HEAVY:
                return (*chains[current], each.name)
            for name in _with_parents(each.name):
                if name in modules() and name not in chains:
                    chains[name] = (*chains[current], name)
                    waiting.append(name)
    return ()


def _with_parents(name: str) -> list[str]:
    """Importing ``a.b.c`` runs ``a`` and ``a.b`` too."""
    return list(accumulate(name.split("."), "{}.{}".format))


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_go_down_only(module):
    assert part(module) in FLOORS or part(module) == PACKAGE
    floor = FLOORS.get(part(module), max(FLOORS.values()))
    for each in own_imports(module):
        target = part(each.name)
        # Inside functions too, where mypy passes over what it does not find.
        assert each.name in modules(), f"{module}:{each.line} imports {each.name}"
        assert FLOORS.get(target, 0) <= floor, f"{module}:{each.line} imports {each.name} from above"
        assert target != "bin" or part(module) == "bin", f"{module}:{each.line} imports the command {each.name}"


def test_the_page_about_the_code_names_every_room_on_its_floor():
    page = (ROOT / "docs/code.md").read_text(encoding="utf-8").partition("## Rooms")[2].partition("Where to start")[0]
    shown = {
        room: int(floor)
        for floor, rooms in re.findall(r"\| (\d) \| (.*) \|", page)
        for room in re.findall(r"`(\w+)`", rooms)
    }
    folders = {path.name for path in (ROOT / PACKAGE).iterdir() if (path / "__init__.py").is_file()}
    assert shown == {room: FLOORS[room] for room in folders}


def test_neither_modules_nor_parts_import_each_other_in_a_circle():
    waiting = {
        module: {each.name for each in own_imports(module)} - {module, *_with_parents(module)} for module in modules()
    }
    while free := [module for module, needs in waiting.items() if not needs & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert not waiting
    uses = {(part(module), part(each.name)) for module in modules() for each in own_imports(module)}
    mutual = {(a, b) for a, b in uses if a < b and (b, a) in uses and PACKAGE not in (a, b)}
    assert not mutual


def test_a_room_is_small_enough_to_know():
    rooms: dict[str, list[Path]] = {}
    for path in modules().values():
        rooms.setdefault(path.relative_to(ROOT / PACKAGE).parts[0], []).append(path)
    for room, paths in rooms.items():
        if room not in ALIKE:
            lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
            sizes = (sum(path.name != "__init__.py" for path in paths), lines)
            assert all(size <= largest for size, largest in zip(sizes, LARGEST_ROOM, strict=True)), (room, *sizes)


def test_a_module_has_a_name_of_its_own():
    """But for four commands, which have the name of the module that does their work, or of what they print."""
    names = [path.stem for module, path in modules().items() if path.stem != "__init__"]
    own = [path.stem for module, path in modules().items() if part(module) == "bin"]
    shared = sorted(name for name in set(names) if names.count(name) > 1)
    assert shared == ["atat", "features", "pipeline", "table"]
    assert all(names.count(name) == 2 and name in own for name in shared)


#: Names that several modules have on purpose: what one caller calls in each of them.
INTERFACES = {
    "bin": {"get_parser", "main"},  # of a command
    "corpora": {"add_arguments", "prepare"},  # of a corpus
    "steps": {"plan"},  # of a stage
}


def public_names(module: str) -> Iterator[str]:
    """Classes, functions, types; and constants of which another module makes use: others are their module's affair."""
    for node in ast.parse(modules()[module].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.TypeAlias):
            yield node.name.id
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))


@cache
def imported_names() -> dict[str, set[str]]:
    """Module → names that other modules take from it."""
    found: dict[str, set[str]] = {}
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
    return found


def test_a_public_name_has_one_meaning():
    homes: dict[str, list[str]] = {}
    for module in modules():
        for name in public_names(module):
            if not name.startswith("_") and name not in INTERFACES.get(part(module), set()) | {"logger"}:
                homes.setdefault(name, []).append(module)
    taken = imported_names()
    shared = {
        name: places
        for name, places in homes.items()
        if len(places) > 1 and (not name.isupper() or any(name in taken.get(place, ()) for place in places))
    }
    assert not shared


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_libraries_and_tasks_are_imported_where_they_may_be(module):
    """Not inside functions either, where imports count as well."""
    room = part(module)
    for each in imports_of(module):
        where = f"{module}:{each.line} imports {each.name}"
        assert room not in TASKLESS or not f"{each.name}.".startswith(TASKS), where
        heavy = each.name.split(".")[0] in HEAVY
        assert not heavy or room in HEAVY_PACKAGES or module in HEAVY_MODULES, where
    if room not in HEAVY_PACKAGES - LIGHT_AT_IMPORT and module not in HEAVY_MODULES:
        assert not heavy_at_import(module), " -> ".join(heavy_at_import(module))


def test_the_check_sees_heavy_imports_where_they_are():
    assert heavy_at_import(f"{PACKAGE}.tasks.atat")
    assert heavy_at_import(f"{PACKAGE}.model.atat_model")
    assert any(f"{each.name}.".startswith(TASKS) for each in imports_of(f"{PACKAGE}.tasks.atat"))
    assert heavy_at_import(f"{PACKAGE}.baselines.bilstm_crf")
    assert not heavy_at_import(f"{PACKAGE}.data.mixture")
