"""The tables, rows and configurations that the repository ships. What each row comes to is in tests/test_plans.py."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from espnet_atat.config.layout import CONF, conf_file, load_config, load_yaml
from espnet_atat.config.mixtures import SHARED, find_mixture, load_mixtures
from espnet_atat.config.recipe import load_recipe, recipe_names
from espnet_atat.config.rows import PHASES, table_contents
from espnet_atat.config.system import System, load_system
from espnet_atat.config.table import load_table
from espnet_atat.config.training import load_token_config, load_training_config
from espnet_atat.speech.synthesis.engines import engine_of, read_entries
from espnet_atat.speech.synthesis.say_set import make_engine
from tests.conftest import ROOT
from tests.steps.world import selected

SYNTHETIC = re.compile(r"_(pico|flite|kokoro|polly)(_aug)?$")
FILES = sorted(path for folder in (ROOT / "egs2", ROOT / CONF) for path in folder.rglob("*.yaml"))


with chdir(ROOT):
    TABLES = [(recipe, name) for recipe in recipe_names() for name in table_contents(recipe)]


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_there_are_few_files_and_each_says_which_command_uses_it():
    assert len(FILES) <= 45
    says = re.compile(r"(#.*\n)*#.*(\./run\.sh|--table|bin\.tune)")
    assert [path.name for path in FILES if not says.match(path.read_text())] == []


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every option that is no mapping, with the keys that lead to it."""
    if not isinstance(value, dict):
        yield path, repr(value)
        return
    for key, inner in value.items():
        yield from leaves(inner, (*path, key))


def values(node: yaml.Node, seen: set[int]) -> Iterator[tuple[str, yaml.Node]]:
    """Key and value, of all mappings in a file; what has an anchor once, however many aliases there are."""
    if isinstance(node, yaml.ScalarNode) or id(node) in seen:
        return
    seen.add(id(node))
    for each in node.value:
        if isinstance(node, yaml.MappingNode):
            if id(each[1]) not in seen:
                yield each[0].value, each[1]
            yield from values(each[1], seen)
        else:
            yield from values(each, seen)


def words(node: yaml.Node) -> list[str]:
    """Keys, texts and numbers, as they are written."""
    if isinstance(node, yaml.ScalarNode):
        return [node.value]
    parts = chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
    return [word for part in parts for word in words(part)]


def shipped() -> list[Path]:
    """Without the user's own files, and without ``custom``, whose rows a user copies, changes and deletes."""
    call = ["git", "ls-files", "--", "egs2", str(CONF)]
    tracked = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in FILES if str(path.relative_to(ROOT)) in tracked and "custom" not in path.parts]


@pytest.mark.parametrize("path", shipped(), ids=lambda path: "/".join(path.parts[-3:]))
def test_a_file_writes_no_value_of_more_than_three_words_twice_below_the_same_key(path):
    """An anchor takes the place of the second. Entries of lists are no values: YAML cannot join lists."""
    found = values(yaml.compose(path.read_text()), set())
    said = Counter((key, *words(value)) for key, value in found if not isinstance(value, yaml.ScalarNode))
    assert [value for value, count in said.items() if count > 1 and len(value) > 1 + 3] == []


def test_no_two_configurations_say_the_same_nor_two_rows_of_a_recipe():
    """A configuration that has more than 14 options of another starts from it (``base``).

    And no two rows, in whatever files, spell out the same two options of training or more.
    """
    own = {path: set(leaves(load_yaml(path))) for path in FILES if path.parent.name == "conf" and path != ROOT / SHARED}
    assert {(a.name, b.name) for a, b in combinations(own, 2) if len(own[a] & own[b]) > 14} == set()
    for recipe in recipe_names():
        rows = [row or {} for _, table in table_contents(recipe).values() for row in table["rows"].values()]
        phases = [row[key] for row in rows for key in PHASES if row.get(key)]
        said = Counter(frozenset(leaves(phase["options"])) for phase in phases if phase.get("options"))
        assert [sorted(options) for options, count in said.items() if count > 1 < len(options)] == []


@pytest.mark.parametrize("recipe", sorted({recipe for recipe, _ in TABLES}))
def test_a_recipe_has_a_default_table_and_no_mixture_that_nobody_uses(recipe):
    assert (recipe, "default") in TABLES
    text = "\n".join(path.read_text() for path in FILES)
    assert all(re.search(rf"mixture: (\w+/)?{name}\b", text) for name in load_recipe(recipe).mixtures)


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
    said = {f"{each}_{engine}" for each, engine in read_entries(list(table.synthesize_sets), "pico")}
    made = {f"{recipe}/{each}" for each in said} | {f"{recipe}/{each}_aug" for each in table.augment_sets}
    assert {each for each in table.augment_sets if engine_of(each)} <= said
    for owner in recipe_names():  # what a recipe has said for all of its tables, and another recipe for any of them
        sets = [*load_recipe(owner).synthesize.sets]
        for other, theirs in TABLES if owner != recipe else ():
            sets += load_table(owner, theirs).synthesize_sets if other == owner else ()
        made |= {f"{owner}/{each}_{engine}" for each, engine in read_entries(sets, "pico")}
    wanted = set()
    for system in (load_system(recipe, each) for each in table.systems):
        wanted |= {test.set for test in system.test}
        for phase in filter(None, (system.pretrain, system.finetune)):
            # Of a fold and of other corpora, which may not be there, nothing is synthetic.
            mixture = find_mixture(recipe, phase)
            wanted |= {entry.get("set", "") for entry in (*mixture.train, *mixture.valid)}
    assert {each for each in wanted if SYNTHETIC.search(each)} <= made


@pytest.mark.parametrize(
    ("recipe", "name", "said", "augmented"),
    [
        ("custom", "ears", 0, ["train"]),
        ("custom", "small", 0, []),
        ("custom", "synthetic", 4, ["train_kokoro", "train_pico"]),
        ("custom", "zeroshot", 1, []),  # the test's speech
        ("custom", "domain_e2e", 0, []),
        ("custom", "domain_e2e_synthetic", 2, []),  # of the engine that is named
        ("mini", "books_zeroshot", 0, []),
        ("mini", "music_broad", 2, []),  # which custom's rows start from
    ],
)
def test_a_system_has_the_sets_made_that_it_names(recipe, name, said, augmented):
    (table,) = selected("--recipe", recipe, "--system", name).tables
    assert (len(table.synthesize_sets), list(table.augment_sets)) == (said, augmented)


@pytest.mark.parametrize("name", ["ears", "synthetic"])
def test_custom_s_packages_leave_as_much_around_the_speech_as_their_training_has(name):
    silence = load_yaml(conf_file("custom", "augment"))["effects"]["silence"]
    assert load_system("custom", name).vad_margin == silence["seconds"][1]


@pytest.mark.parametrize(
    ("name", "model"), [("zeroshot", "music_broad"), ("synthetic", "music_broad"), ("from_mini", "music_ears")]
)
def test_what_starts_from_a_model_of_mini_trains_none_of_its_own(name, model):
    systems = load_system("custom", name), load_system("mini", model)
    options = [load_training_config(each.recipe, each.pretrain) for each in systems]
    mixtures = [load_mixtures(each.recipe, each.pretrain) for each in systems]
    tokens = [load_token_config(each.recipe, each.tokens) for each in systems]
    assert options[0] == options[1]
    assert mixtures[0] == mixtures[1]
    assert tokens[0] == tokens[1]


def test_custom_s_two_small_models_read_text_alike():
    small, ears = (load_training_config("custom", load_system("custom", name).pretrain) for name in ("small", "ears"))
    assert ears["text_encoder_conf"] == small["text_encoder_conf"]


def test_the_small_configurations_fit_together():
    names = ("tokens", "pretrain", "finetune")
    tokens, pretrain, finetune = (load_config(CONF / f"{name}_small.yaml") for name in names)
    assert pretrain["text_encoder_conf"]["config"]["vocab_size"] == tokens["wordpiece_size"]
    for config in (pretrain, finetune):
        assert config["scheduler_conf"]["total_steps"] == config["max_epoch"] * config["num_iters_per_epoch"]


@pytest.mark.parametrize(
    ("recipe", "table", "follow"),
    [
        ("top", "5", ["e2e_synthetic", "zeroshot_synthetic"]),
        ("custom", "6", ["domain_e2e_synthetic", "domain_zeroshot_synthetic"]),
    ],
)
def test_the_paper_s_rows_learn_from_the_engine_that_is_named(recipe, table, follow):
    def systems(*options: str) -> dict[str, System]:
        return {s.name: s for s in selected("--recipe", recipe, "--table", table, *options).systems}

    def sets(system: System) -> list[str]:
        mixtures = load_mixtures(recipe, system.finetune)
        return [part.set for part in mixtures.parts] + [test.set for test in system.dev]

    assert len(set(make_engine("polly").default_voices)) == 9  # the paper's voices
    pico, polly = systems(), systems("--tts_engine", "polly")
    assert [name for name, system in polly.items() if system.tts_engine == "polly"] == follow
    for name, system in polly.items():
        if name in follow:
            assert sets(system) == [each.replace("_pico", "_polly") for each in sets(pico[name])] != sets(pico[name])
            assert (system.overrides, pico[name].tts_engine) == (("--tts_engine polly",), "pico")
        else:
            assert system == pico[name]
