"""The systems, tables and configurations that the repository ships: every name leads to a file that can be read."""

import re

import pytest
from espnet_atat.recipe.outline import outline
from espnet_atat.recipe.plan import load_training_config

from espnet_atat.config.layout import CONF, EGS, load_yaml, mixture_file
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_table
from tests.conftest import ROOT

SYSTEMS = sorted((path.parts[-3], path.stem) for path in ROOT.glob(f"{EGS}/*/systems/*.yaml"))
SYNTHETIC = re.compile(r"_(pico|flite|kokoro|polly)(_aug)?$")
TABLES = sorted((path.parts[-3], path.stem) for path in ROOT.glob(f"{EGS}/*/tables/*.yaml"))


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("recipe", "name"), SYSTEMS)
def test_a_system_names_what_is_there(recipe, name):
    system = load_system(recipe, name)
    folds = range(1, system.folds + 1) if system.folds else [None]
    lines = list(outline(system, system.seeds, folds))
    assert lines[0] == f"  {name}: {system.title}"
    for config in system.decode if system.pretrain is not None else ():
        assert any((folder / f"{config}.yaml").is_file() for folder in (EGS / recipe / "conf", CONF))


@pytest.mark.parametrize(("recipe", "name"), TABLES)
def test_a_table_names_systems_of_its_recipe(recipe, name):
    table = load_table(recipe, name)
    assert table.systems
    assert all((recipe, system) in SYSTEMS for system in table.systems)


@pytest.mark.parametrize(("recipe", "name"), TABLES)
def test_the_points_of_a_curve_differ_in_their_data_alone(recipe, name):
    curve = load_table(recipe, name).curve
    earlier: set[str] = set()  # where lines meet, the system is of the first
    for points in curve.lines.values() if curve else ():
        systems = [load_system(recipe, system) for system in points if system not in earlier]
        earlier |= points.keys()
        assert len({repr((system.tokens, system.decode, system.test, system.seeds)) for system in systems}) == 1
        for phase in ("pretrain", "finetune"):
            phases = [getattr(system, phase) for system in systems]
            configs = [load_training_config(recipe, each) if each else None for each in phases]
            assert all(config == configs[0] for config in configs)


@pytest.mark.parametrize(("recipe", "name"), TABLES)
def test_a_table_names_all_synthetic_speech_that_its_systems_want(recipe, name):
    table = load_table(recipe, name)
    said = {entry.replace("@", "_") if "@" in entry else f"{entry}_pico" for entry in table.synthesize_sets}
    made = {f"{recipe}/{each}" for each in said} | {f"{recipe}/{each}_aug" for each in table.augment_sets}
    assert set(table.augment_sets) <= said
    wanted = set()
    for system in (load_system(recipe, each) for each in table.systems):
        wanted |= {test.set for test in system.test}
        for phase in filter(None, (system.pretrain, system.finetune)):
            # Of a fold and of other corpora, which may not be there, nothing is synthetic.
            content = load_yaml(mixture_file(recipe, phase.mixture))
            wanted |= {entry.get("set", "") for split in ("train", "valid") for entry in content[split]}
    assert {each for each in wanted if SYNTHETIC.search(each)} <= made


def test_every_recipe_has_a_default_table():
    recipes = {path.parent.name for path in ROOT.glob(f"{EGS}/*/run.sh")}
    assert {recipe for recipe, name in TABLES if name == "default"} == recipes


def test_the_small_configurations_fit_together():
    tokens, pretrain, finetune = (load_yaml(CONF / f"{name}_small.yaml") for name in ("tokens", "pretrain", "finetune"))
    assert pretrain["text_encoder_conf"]["config"]["vocab_size"] == tokens["wordpiece_size"]
    for config in (pretrain, finetune):
        assert config["scheduler_conf"]["total_steps"] == config["max_epoch"] * config["num_iters_per_epoch"]
