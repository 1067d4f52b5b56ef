"""Sets of other corpora in pretraining, from the command line to the scores."""

import shutil

import pytest

from espnet_atat.bin import run, tune
from espnet_atat.errors import UserError
from espnet_atat.report.provenance import pretraining_of
from espnet_atat.steps.systems import plan_system
from tests.config.test_pretrain_slu import SYSTEM, chosen_with, system
from tests.steps.world import prepare, write_recipe

__all__ = ["system"]  # a fixture


CALL = ["--recipe", "fsc", "--system", "public"]
NAMED = [*CALL, "--pretrain_slu", "custom/train"]


@pytest.mark.parametrize(
    ("main", "options"),
    [
        (run.main, ["--stage", "12", "--stop_stage", "12"]),
        (run.main, ["--stage", "15", "--stop_stage", "15"]),
        (tune.main, ["--option", "penalty", "--values", "0,1"]),
    ],
)
def test_every_command_finds_the_model_of_the_named_sets(world, system, main, options):
    for name in ("custom/train", "snips/close_fold1_train"):
        prepare(world, name)
    for name in ("data/fsc/test", "dump/fsc/test", "data/fsc/dev", "dump/fsc/dev"):
        shutil.copytree(world / "dump/toy/test", world / name)
    system("fsc")
    row = SYSTEM.replace("RECIPE", "fsc") + "dev: [{set: fsc/dev, task: slu}]\n"
    write_recipe(world, "fsc", {"rows/public": row})
    model = plan_system(chosen_with("custom/train"), 1).training.run.place
    with pytest.raises(UserError, match=f"{model} is missing or unfinished"):
        main([*NAMED, *options])


def test_a_dry_run_before_there_is_data_says_what_will_be_taken(world, system, capsys):
    system("fsc")
    (world / "dump/librispeech").rename(world / "elsewhere")
    run.main([*CALL, "--stage", "7", "--dry_run"])
    printed = capsys.readouterr().out
    assert "on asr librispeech/clean; slu and nlu of --pretrain_slu)" in printed
    (problem,) = [line for line in printed.splitlines() if "./run.sh --recipe top --stop_stage 6" in line]
    assert problem.startswith("stage 7: system public pretrains on slu and nlu of other corpora, and none is prepared")


def test_the_sets_decide_the_run_and_the_reason_is_noted(world, system):
    for name in ("snips/close_fold1_train", "custom/train"):
        prepare(world, name)
    system("fsc")
    both = ["snips/close_fold1_train", "custom/train"]
    default, named, other = (plan_system(chosen_with(*sets), 1).training.run for sets in ((), both, both[1:]))
    assert default.key == named.key != other.key
    assert default.notes["pretrain_slu"] == {
        "sets": both,
        "why": "every prepared corpus of speech with trees but the tested one",
    }


def test_scores_say_what_pretraining_met(world, system):
    prepare(world, "custom/train")
    for folder in ("data", "dump"):
        (world / folder / "fsc").mkdir()
        shutil.copytree(world / folder / "toy/test", world / folder / "fsc/test")
    system("fsc")
    chosen = chosen_with("custom/train")
    origin = plan_system(chosen, 1).hypotheses[0].origin
    assert pretraining_of(origin) == {"sets": ["custom/train"], "why": "named by --pretrain_slu"}
    assert pretraining_of({"model": "exp/runs/pretrain/valid.acc.ave.pth"}) is None
