"""Which sets pretraining takes for slu and nlu, and how it is refused."""

import pytest

from espnet_atat.config.encoder_input import encoder_input_of
from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.pretrain_slu import PretrainingSets, check_prepared, choose_sets, domain_of
from espnet_atat.config.system import Phase, load_system
from espnet_atat.config.training import load_training_config
from espnet_atat.data.mixture import Part
from espnet_atat.errors import UserError
from tests.steps.world import FILES, TARGETS, prepare, selected, write_features, write_recipe

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
#: As the shipped recipes offer them, and one that is new.
OFFERED = {"fsc": "train", "snips": "close_fold1_train", "top": "train", "custom": "'*train'", "zoo": "all"}
PHASE = Phase(config="toy/pretrain", mixture="public")


def chosen_with(*sets):
    """The system of the recipe fsc, as a command with ``--pretrain_slu`` sees it."""
    options = ["--pretrain_slu", ",".join(sets)] if sets else []
    return selected("--recipe", "fsc", "--system", "public", *options).systems[0]


@pytest.fixture
def system(world):
    """Makes a recipe with one system that takes other corpora, and reads that; LibriSpeech is prepared."""
    prepare(world, "librispeech/clean", trees=False)

    def system(recipe="fsc"):
        files = {
            "mixtures/public": MIXTURE,
            **{f"conf/{name}.yaml": FILES[f"conf/{name}.yaml"] for name in ("tokens", "decode")},
            "rows/public": SYSTEM.replace("RECIPE", recipe),
        }
        write_recipe(world, recipe, files)
        write_recipe(world, "librispeech", {})
        for name, sets in OFFERED.items():
            write_recipe(world, name, {"recipe.yaml": f"pretrain_slu: [{sets}]"})
        return load_system(recipe, "public")

    return system


def test_domains():
    own = dict.fromkeys(("custom/music_train", "custom/music_test"), "custom/music") | {"stop/weather_test": "top"}
    others = ("fsc/unseen_speaker_test", "snips/close_fold{fold}_test", "top/recorded_test", "custom/test")
    domains = {name: name.partition("/")[0] for name in (*others, "custom/train_pico")} | own
    assert {name: domain_of(name) for name in domains} == domains


def test_every_prepared_corpus_is_taken_but_the_tested_one(world, system):
    others = ("snips/close_fold1_train", "top/train", "zoo/all", "custom/music_train")
    for name in ("fsc/train", *others, "custom/train", "custom/dev", "zoo/train"):  # the last one zoo does not offer
        prepare(world, name)
    selection = choose_sets(system("fsc"))
    assert selection.sets == (*others, "custom/train")
    assert selection.why == "every prepared corpus of speech with trees but the tested one"
    mixtures = load_mixtures("fsc", PHASE, selection=selection)
    assert mixtures.train[:3] == (
        Part("asr", "librispeech/clean"),
        # Of the paper's proportions 64 commands of each task; there are 30: sqrt(64 * 30) / 5 sets = 9
        Part("slu", "snips/close_fold1_train", weight=9, name="snips_close_fold1_train"),
        Part("nlu", "snips/close_fold1_train", weight=9, name="snips_close_fold1_train"),
    )
    assert [part.group for part in mixtures.valid] == ["asr-clean", "slu-custom_dev", "nlu-custom_dev"]
    # Of one's own domains all but the tested one.
    assert choose_sets(system("custom")).sets == ("fsc/train", *others)


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


def test_sets_may_be_named(world, system):
    prepare(world, "custom/train", audio=False)
    prepare(world, "snips/close_fold1_train")
    system("fsc")
    chosen = chosen_with("custom/train")
    assert choose_sets(chosen) == PretrainingSets(("custom/train",), "named by --pretrain_slu")
    assert chosen.overrides == ("--pretrain_slu custom/train",)
    mixtures = load_mixtures("fsc", PHASE, selection=choose_sets(chosen))
    assert [part.task for part in mixtures.train] == ["asr", "nlu"]  # there is no audio of it


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["fsc/train"], r"fsc/train belongs to the domain that system public is tested on \(fsc/test\)"),
        (["nope/train"], r"nope/train is not prepared: dump/nope/train has no target"),
        (["train"], r"a set is recipe/name, found 'train'"),
    ],
)
@pytest.mark.usefixtures("world")
def test_sets_that_cannot_be_taken_are_named(system, sets, message):
    system("fsc")
    with pytest.raises(UserError, match=message):
        choose_sets(chosen_with(*sets))


def test_what_is_missing_is_one_error_with_the_command(world, system):
    with pytest.raises(UserError, match=r"none is prepared: \./run\.sh --recipe top --stop_stage 6 prepares"):
        choose_sets(system("fsc"))
    prepare(world, "top/train", audio=False)
    chosen = system("fsc")
    (world / "dump/librispeech").rename(world / "elsewhere")
    message = r"librispeech has no clean, which .*: \./run\.sh --recipe librispeech --stop_stage 6 prepares that corpus"
    with pytest.raises(UserError, match=message):
        check_prepared(load_mixtures("fsc", PHASE, selection=choose_sets(chosen)).parts, "fsc")


def test_what_another_recipe_s_model_was_pretrained_on_is_told_with_the_table_and_the_encoder(tmp_path, monkeypatch):
    """Of custom's rows that start from mini's model: first all of mini is missing, then broad's states."""
    for module in ("pretrain_slu", "encoder_input"):
        monkeypatch.setattr(f"espnet_atat.config.{module}.DUMP", tmp_path)
    phase = load_system("custom", "synthetic").pretrain
    encoder_input = encoder_input_of(load_training_config("custom", phase))
    parts = load_mixtures("custom", phase).parts
    command = (
        r": \./run\.sh --recipe %s --feats_type encoder --encoder whisper-tiny\.en-encoder --stop_stage 6 prepares"
    )
    with pytest.raises(UserError, match=r"mini has .* music_novel_pico, .*" + command % "mini --table broad"):
        check_prepared(parts, "custom", encoder_input)
    with pytest.raises(UserError, match="broad has no train_flite, train_pico, .*" + command % "broad"):
        check_prepared([part for part in parts if part.set.startswith("broad/")], "custom", encoder_input)


def test_a_place_is_of_a_pretraining_and_names_tasks(world, system):
    prepare(world, "custom/train")
    system("fsc")
    with pytest.raises(UserError, match=r"mixture public of fsc: train: pretrain_slu applies only to pretraining"):
        load_mixtures("fsc", PHASE)
    for old, new, message in (
        ("[slu, nlu]}\nvalid", "[asr]}\nvalid", r"train: \{pretrain_slu: \[slu, nlu\]\} names one or both"),
        ("[slu, nlu]}\nvalid", "[slu], weight: 2}\nvalid", r"beside it temperature and no more, found .*'weight': 2"),
        ("[slu, nlu]}\nvalid", "[slu], temperature: 0.5}\nvalid", r"temperature is a number, 1 or more, found 0\.5"),
    ):
        write_recipe(world, "fsc", {"mixtures/public": MIXTURE.replace(old, new)})
        with pytest.raises(UserError, match=message):
            load_mixtures("fsc", PHASE, selection=choose_sets(load_system("fsc", "public")))


def test_a_place_of_temperature_1_weighs_its_number_of_examples(world, system):
    prepare(world, "custom/train")
    chosen = system("fsc")
    write_recipe(world, "fsc", {"mixtures/public": MIXTURE.replace("nlu]}\nvalid", "nlu], temperature: 1}\nvalid")})
    mixtures = load_mixtures("fsc", PHASE, selection=choose_sets(chosen))
    assert [part.weight for part in mixtures.train] == [None, 6, 6]
    assert [part.weight for part in mixtures.valid] == [None]
