"""What every shipped row and table comes to, with no data there: everything that decides a run, as a digest each.

A change of the YAML files or of their reader that moves no digest moves no result. After a change that is meant to:

    python -m tests.test_plans > tests/golden/plans.json
"""

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.config.layout import conf_file, load_config, short
from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.recipe import recipe_names
from espnet_atat.config.rows import row_names, table_contents
from espnet_atat.config.system import Phase, System, load_system
from espnet_atat.config.table import load_table
from espnet_atat.config.training import AUDIO_ENCODER_INIT, load_lm_config, load_token_config, load_training_config

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "plans.json"


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


def digest(plan: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def no_data() -> Iterator[None]:
    """The shipped files in a folder without data: which test audio is taken must not depend on what was prepared."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in ("conf", "egs2"):
            Path(name).symlink_to(ROOT / name)
        yield


def digests() -> dict[str, dict[str, dict[str, str]]]:
    found = {}
    with no_data():
        for recipe in recipe_names():
            rows, tables = sorted(row_names(recipe)), sorted(table_contents(recipe))
            found[recipe] = {
                "rows": {name: digest(plan_of_row(recipe, name)) for name in rows},
                "tables": {name: digest(dataclasses.asdict(load_table(recipe, name))) for name in tables},
            }
    return found


@pytest.mark.parametrize("kind", ["rows", "tables"])
def test_what_is_shipped_comes_to_the_same_plans(kind):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    now = digests()
    assert {recipe: now[recipe][kind] for recipe in now} == {recipe: golden[recipe][kind] for recipe in golden}


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
