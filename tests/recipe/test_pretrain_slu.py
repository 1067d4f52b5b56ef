"""Which sets pretraining takes for slu and nlu, and how it is refused."""

import argparse
import shutil

import pytest
import yaml
from espnet_atat.bin.run_systems import main
from espnet_atat.recipe.decoding import plan_decoding
from espnet_atat.recipe.plan import plan_system
from espnet_atat.recipe.provenance import pretraining_of

from espnet_atat.bin import pack, tune
from espnet_atat.config.mixture import load_mixtures
from espnet_atat.config.pretrain_slu import PretrainingSets, choose_sets, domain_of
from espnet_atat.config.selection import add_selection, select
from espnet_atat.config.system import Phase, load_system
from espnet_atat.data.mixture import Part
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import strip_tags
from tests.recipe.world import TARGETS, write_features, write_recipe

MIXTURE = """
train:
- {task: asr, set: librispeech/clean}
- {pretrain_slu: [slu, nlu]}
valid:
- {task: asr, set: librispeech/clean}
- {pretrain_slu: [slu, nlu]}
"""
SYSTEM = """
title: pretrained on other corpora
pretrain: {config: toy/pretrain, mixture: public}
test: [{set: RECIPE/test, task: slu}]
"""

PHASE = Phase(config="toy/pretrain", mixture="public")


def chosen_with(*sets):
    """The system of the recipe fsc, as a command with ``--pretrain_slu`` sees it."""
    parser = argparse.ArgumentParser()
    add_selection(parser)
    options = ["--pretrain_slu", ",".join(sets)] if sets else []
    return select(parser.parse_args(["--recipe", "fsc", "--system", "public", *options])).systems[0]


def prepare(root, name, *, audio=True, trees=True):
    """A dumped set ``recipe/name`` of the toy's commands."""
    targets = {f"u{number}": tree for number, tree in enumerate(TARGETS)}
    text = {utt: " ".join(strip_tags(tree)) for utt, tree in targets.items()}
    DataDir(text=text, target=targets if trees else None).write(root / "dump" / name)
    if audio:
        write_features(root, f"dump/{name}", targets)


@pytest.fixture
def system(world):
    """Makes a recipe with one system that takes other corpora, and reads that; LibriSpeech is prepared."""
    prepare(world, "librispeech/clean", trees=False)

    def system(recipe="fsc"):
        files = {
            "mixtures/public": MIXTURE,
            "conf/tokens.yaml": "bpe_size: 40\nwordpiece_size: 90\n",
            "rows/public": SYSTEM.replace("RECIPE", recipe),
        }
        write_recipe(world, recipe, files)
        write_recipe(world, "librispeech", {})
        write_recipe(world, "top", {})
        return load_system(recipe, "public")

    return system


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("fsc/unseen_speaker_test", "fsc"),
        ("snips/close_fold{fold}_test", "snips"),
        ("top/recorded_test", "top"),
        ("custom/test", "custom"),
        ("custom/train_pico", "custom"),
        ("custom/music_train", "custom/music"),
        ("custom/music_test", "custom/music"),
    ],
)
def test_domains(name, domain):
    assert domain_of(name) == domain


def test_every_prepared_corpus_is_taken_but_the_tested_one(world, system):
    for name in (
        "fsc/train",
        "snips/close_fold1_train",
        "top/train",
        "custom/train",
        "custom/dev",
        "custom/music_train",
    ):
        prepare(world, name)
    selection = choose_sets(system("fsc"))
    assert selection.sets == ("snips/close_fold1_train", "top/train", "custom/music_train", "custom/train")
    assert selection.why == "every prepared corpus of speech with trees but the tested one"
    mixtures = load_mixtures("fsc", PHASE, selection=selection)
    assert mixtures.train[:3] == (
        Part("asr", "librispeech/clean"),
        Part("slu", "snips/close_fold1_train", name="snips_close_fold1_train"),
        Part("nlu", "snips/close_fold1_train", name="snips_close_fold1_train"),
    )
    assert [part.group for part in mixtures.valid] == ["asr-clean", "slu-custom_dev", "nlu-custom_dev"]


def test_of_ones_own_domains_the_tested_one_is_left_out(world, system):
    for name in ("custom/train", "custom/music_train"):
        prepare(world, name)
    assert choose_sets(system("custom")).sets == ("custom/music_train",)


def test_text_alone_is_no_corpus_to_take_and_no_speech_of_the_tested_one_is_heard(world, system):
    prepare(world, "top/train", audio=False)
    prepare(world, "custom/train", audio=False)
    assert choose_sets(system("fsc")).sets == ("top/train",)  # none is prepared
    prepare(world, "top/dev")
    write_features(world, "dump/top/train", {f"u{number}": tree for number, tree in enumerate(TARGETS)})  # STOP
    selection = choose_sets(system("top"))
    assert selection == PretrainingSets(
        ("top/train",),
        "no other corpus of speech with trees is prepared, so nlu from TOP's text, which is the tested domain's own",
        text_alone=True,
    )
    mixtures = load_mixtures("top", PHASE, selection=selection)
    assert [part.group for part in mixtures.parts] == ["asr-clean", "nlu-top_train", "asr-clean", "nlu-top_dev"]


def test_nothing_prepared_is_one_error_with_the_command(system):
    with pytest.raises(UserError, match=r"none is prepared: \./run\.sh --recipe top --stop_stage 6 prepares"):
        choose_sets(system("fsc"))


def test_sets_may_be_named(world, system):
    prepare(world, "custom/train", audio=False)
    prepare(world, "snips/close_fold1_train")
    system("fsc")
    chosen = chosen_with("custom/train")
    assert choose_sets(chosen) == PretrainingSets(("custom/train",), "named by --pretrain_slu")
    assert chosen.overrides == ("--pretrain_slu custom/train",)
    run = plan_system(chosen, 1).final
    assert [part.task for part in run.mixtures.train] == ["asr", "nlu"]  # there is no audio of it


def test_packing_and_tuning_find_the_model_of_the_named_sets(world, system, capsys):
    for name in ("custom/train", "snips/close_fold1_train"):
        prepare(world, name)
    for name in ("data/fsc/test", "dump/fsc/test"):
        (world / name).parent.mkdir(exist_ok=True)
        shutil.copytree(world / "dump/toy/test", world / name)
    system("fsc")
    chosen = chosen_with("custom/train")
    folder = plan_system(chosen, 1).final.run.folder
    options = ["--recipe", "fsc", "--system", "public", "--pretrain_slu", "custom/train"]
    pack.main([*options, "--dry_run"])
    assert capsys.readouterr().out == "stage 15: exp/fsc/packages/fsc_public_seed1.zip: to be made\n"
    write_recipe(world, "fsc", {"rows/public": SYSTEM.replace("RECIPE", "fsc") + "dev: [{set: fsc/dev, task: slu}]\n"})
    with pytest.raises(UserError, match=f"{folder} is not there or not finished"):
        tune.main([*options, "--values", "0,1"])


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["fsc/train"], r"--pretrain_slu: fsc/train is of the domain that system public is tested on \(fsc/test\)"),
        (["nope/train"], r"nope/train is not prepared: dump/nope/train has no target"),
        (["train"], r"a set is recipe/name, found 'train'"),
    ],
)
@pytest.mark.usefixtures("world")
def test_sets_that_cannot_be_taken_are_named(system, sets, message):
    with pytest.raises(UserError, match=message):
        system("fsc")
        plan_system(chosen_with(*sets), 1)


@pytest.mark.usefixtures("world")
def test_the_option_is_for_systems_with_a_place():
    with pytest.raises(UserError, match=r"--pretrain_slu custom/train: no row has a place for it \(old\)"):
        main(["--recipe", "toy", "--system", "old", "--dry_run", "--pretrain_slu", "custom/train"])


def test_a_missing_librispeech_is_one_error_with_the_command(world, system):
    prepare(world, "top/train", audio=False)
    chosen = system("fsc")
    (world / "dump/librispeech").rename(world / "elsewhere")
    message = r"librispeech has no clean, which .*: \./run\.sh --recipe librispeech --stop_stage 6 prepares that corpus"
    with pytest.raises(UserError, match=message):
        plan_system(chosen, 1)


def test_a_dry_run_before_there_is_data_says_what_will_be_taken(world, system, capsys):
    system("fsc")
    (world / "dump/librispeech").rename(world / "elsewhere")
    main(["--recipe", "fsc", "--system", "public", "--dry_run"])
    printed = capsys.readouterr().out
    assert "on asr librispeech/clean, slu and nlu of --pretrain_slu (" in printed
    assert "./run.sh --recipe top --stop_stage 6" in printed


def test_the_sets_decide_the_run_and_the_reason_is_noted(world, system):
    for name in ("snips/close_fold1_train", "custom/train"):
        prepare(world, name)
    system("fsc")
    default, named, other = (
        plan_system(chosen_with(*sets), 1).final.run
        for sets in ((), ["snips/close_fold1_train", "custom/train"], ["custom/train"])
    )
    assert default.key == named.key != other.key
    with default.open() as folder:
        written = yaml.safe_load((folder / "run.yaml").read_text())
    assert written["made_by"]["pretrain_slu"] == {
        "sets": ["snips/close_fold1_train", "custom/train"],
        "why": "every prepared corpus of speech with trees but the tested one",
    }


def test_scores_say_what_pretraining_met(world, system):
    prepare(world, "custom/train")
    for folder in ("data", "dump"):
        (world / folder / "fsc").mkdir()
        shutil.copytree(world / folder / "toy/test", world / folder / "fsc/test")
    system("fsc")
    chosen = chosen_with("custom/train")
    origin = plan_decoding(plan_system(chosen, 1), "toy/decode", chosen.test[0]).origin
    assert pretraining_of(origin) == {"sets": ["custom/train"], "why": "named by --pretrain_slu"}
    assert pretraining_of({"model": "exp/runs/pretrain/valid.acc.ave.pth"}) is None


def test_a_place_is_of_a_pretraining_and_names_tasks(world, system):
    prepare(world, "custom/train")
    system("fsc")
    with pytest.raises(
        UserError, match=r"mixture public of fsc: train: pretrain_slu is of a pretraining; name the sets"
    ):
        load_mixtures("fsc", PHASE)
    write_recipe(world, "fsc", {"mixtures/public": MIXTURE.replace("[slu, nlu]", "[asr]")})
    with pytest.raises(
        UserError, match=r"mixture public of fsc: train: \{pretrain_slu: \[slu, nlu\]\} names one or both"
    ):
        plan_system(load_system("fsc", "public"), 1)
