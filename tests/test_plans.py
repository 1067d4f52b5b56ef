"""What every shipped row and table comes to, and what stages 1 to 6 are told of each recipe's data, as digests.

No data are read. A change of the YAML files or of their reader that moves no digest moves no result.
After a change that is meant to:

    python -m tests.test_plans > tests/golden/plans.json
"""

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.config.layout import conf_file, load_config, short
from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.recipe import load_recipe, recipe_names
from espnet_atat.config.rows import row_names, table_contents
from espnet_atat.config.system import Phase, System, load_system
from espnet_atat.config.table import load_table
from espnet_atat.config.training import AUDIO_ENCODER_INIT, load_lm_config, load_token_config, load_training_config
from espnet_atat.schema import read
from espnet_atat.speech.augmentation.augment_set import AugmentConfig

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "plans.json"
#: What a recipe says that no stage from 1 to 6 reads; rows and tables have digests of their own.
LATER = {"name", "license", "mixtures", "tables", "variants"}


class Places:
    """Fills the places of ``pretrain_slu`` with themselves: which sets they are decides the data, not the files."""

    sets = ()

    def entries(self, tasks: Sequence[str], *, dev: bool) -> list[dict[str, Any]]:
        return [{"task": task, "set": f"place/{'dev' if dev else 'train'}", "name": f"place_{task}"} for task in tasks]


def plan_of_phase(system: System, phase: Phase, inherited: dict[str, Any] | None, selection: Places | None) -> Any:
    mixtures = load_mixtures(system.recipe, phase, 1 if system.folds else None, selection)
    plan = {key: [dataclasses.asdict(part) for part in getattr(mixtures, key)] for key in ("train", "valid")}
    plan |= {"config": short(phase.config), "options": load_training_config(system.recipe, phase, inherited)}
    plan |= {"mixture": mixtures.name, "model": phase.model, "keep": phase.keep}
    return plan | {"grow_bpe": phase.grow_bpe and dataclasses.asdict(phase.grow_bpe)}


def plan_of_row(recipe: str, name: str) -> dict[str, Any]:
    system = load_system(recipe, name)
    plan: dict[str, Any] = {
        key: getattr(system, key) for key in ("title", "hypothesis", "seeds", "folds", "pretrain_slu", "decode")
    }
    for key in ("dev", "test", "audio_choices"):
        plan[key] = [dataclasses.asdict(each) for each in getattr(system, key)]
    plan["tokens"] = load_token_config(recipe, system.tokens)
    name = short(system.lm) if isinstance(system.lm, str) else "lm"
    plan["lm"] = {"name": name, "options": load_lm_config(recipe, system.lm)}
    if system.pretrain is not None:
        pretrain = plan["pretrain"] = plan_of_phase(system, system.pretrain, None, Places())
        if system.finetune is not None:
            inherited = {key: value for key, value in pretrain["options"].items() if key != AUDIO_ENCODER_INIT}
            plan["finetune"] = plan_of_phase(system, system.finetune, inherited, None)
    if system.pipeline is not None and system.first_stage is not None:
        plan["pipeline"] = [str(system.pipeline), repr(system.pipeline.config(1))]
        plan["first_stage"] = [system.first_stage.kind, system.first_stage.value, system.first_stage.language]
    searched = [] if system.first_stage is not None and system.first_stage.kind != "asr" else system.decode
    plan["search"] = {name: load_config(conf_file(recipe, name)) for name in searched}
    return plan


def plan_of_data(recipe: str) -> dict[str, Any]:
    """By key of ``recipe.yaml``, defaults filled in; and the options of stage 2."""
    told = {key: value for key, value in dataclasses.asdict(load_recipe(recipe)).items() if key not in LATER}
    path = conf_file(recipe, "augment")
    return told | {"conf/augment": dataclasses.asdict(read(AugmentConfig, load_config(path), str(path), seed=0))}


def digest(plan: Any) -> str:
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def no_data() -> Iterator[None]:
    """The shipped files in a folder without data: which test audio is taken must not depend on what was prepared."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in ("conf", "egs2"):
            Path(name).symlink_to(ROOT / name)
        yield


@cache
def digests() -> dict[str, dict[str, dict[str, str]]]:
    found = {}
    with no_data():
        for recipe in recipe_names():
            rows, tables = sorted(row_names(recipe)), sorted(table_contents(recipe))
            found[recipe] = {
                "data": {key: digest(told) for key, told in plan_of_data(recipe).items()},
                "rows": {name: digest(plan_of_row(recipe, name)) for name in rows},
                "tables": {name: digest(dataclasses.asdict(load_table(recipe, name))) for name in tables},
            }
    return found


@pytest.mark.parametrize("kind", ["data", "rows", "tables"])
def test_what_is_shipped_comes_to_the_same_plans(kind):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    now = digests()
    assert {recipe: now[recipe][kind] for recipe in now} == {recipe: golden[recipe][kind] for recipe in golden}


@pytest.mark.parametrize(
    ("file", "old", "new", "moved"),
    [
        ("egs2/atat/mini/recipe.yaml", "corpus: egs2/atat/mini/corpus", "corpus: $MINI", ["mini corpus"]),
        ("egs2/atat/mini/recipe.yaml", "prepare: []", 'prepare: [--folds, "5"]', ["mini prepare"]),
        ("egs2/atat/mini/recipe.yaml", "words: [broad/train]", "words: [broad/spelled]", ["mini open_values"]),
        (
            "egs2/atat/mini/recipe.yaml",
            "mask: {sets: [sentences_train]}",
            "mask: {sets: [sentences_train], options: {ratio: 0.3}}",
            ["mini mask"],
        ),
        ("egs2/atat/mini/recipe.yaml", "decibels: [-90, -10]", "decibels: [-90, -20]", ["mini splice"]),
        ("egs2/atat/mini/recipe.yaml", "number: 3000", "number: 4000", ["mini splice"]),
        ("egs2/atat/mini/recipe.yaml", "\nsplice:", "\nalign: {aligner: gentle}\nsplice:", ["mini align"]),
        ("egs2/atat/an4/recipe.yaml", "augment: [train]", "augment: []", ["an4 augment"]),
        ("egs2/atat/broad/recipe.yaml", "test@kokoro]", "test@pico]", ["broad synthesize"]),
        ("egs2/atat/custom/conf/augment.yaml", "copies: 2", "copies: 3", ["custom conf/augment"]),
        ("egs2/atat/librispeech/recipe.yaml", "[LIBRISPEECH_SPLITS]", "[]", ["librispeech environment"]),
        ("egs2/atat/custom/recipe.yaml", '["*train"]', '["*dev"]', ["custom pretrain_slu"]),
    ],
)
def test_a_change_of_what_the_data_are_made_with_is_noticed(monkeypatch, tmp_path, file, old, new, moved):
    changed = copied_files(tmp_path) / file
    text = changed.read_text(encoding="utf-8")
    assert text.count(old) == 1
    changed.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert moved_data() == moved


def test_a_change_of_the_speeds_that_all_recipes_share_is_noticed(monkeypatch, tmp_path):
    changed = copied_files(tmp_path) / "conf/augment.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("1.0, 1.1]", "1.0]", 1), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    own = {"an4", "custom"}  # an augment.yaml of their own
    assert moved_data() == [f"{recipe} conf/augment" for recipe in recipe_names() if recipe not in own]


def copied_files(folder: Path) -> Path:
    """The shipped files, to be changed."""
    for path in (
        *ROOT.glob("conf/*.yaml"),
        *ROOT.glob("egs2/atat/*/recipe.yaml"),
        *ROOT.glob("egs2/atat/*/conf/*.yaml"),
    ):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return folder


def moved_data() -> list[str]:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return [
        f"{recipe} {key}"
        for recipe in recipe_names()
        for key, told in plan_of_data(recipe).items()
        if golden[recipe]["data"][key] != digest(told)
    ]


def test_every_learning_rate_that_falls_to_zero_does_so_in_the_last_update():
    wrong = {}
    with no_data():
        for recipe in recipe_names():
            for name in row_names(recipe):
                plan = plan_of_row(recipe, name)
                for phase in ("pretrain", "finetune"):
                    options = plan.get(phase, {}).get("options", {})
                    planned = (options.get("scheduler_conf") or {}).get("total_steps")
                    if planned and planned != options["max_epoch"] * options["num_iters_per_epoch"]:
                        wrong[recipe, name, phase] = (planned, options["max_epoch"], options["num_iters_per_epoch"])
    assert not wrong


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1))
