"""What a training run's name depends on, and what it does not."""

import shutil
from dataclasses import replace

import pytest
from espnet_atat.recipe.mixtures import targets_of
from espnet_atat.recipe.plan import heard_words, plan_system
from espnet_atat.recipe.training import resolved_config

from espnet_atat.config.mixture import load_mixtures
from espnet_atat.config.system import Phase, load_system
from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError
from tests.recipe.world import FILES, TARGETS, read_audio_in_place, row_file, write_features, write_recipe


def keys(system="zeroshot", seed=1):
    """Keys of all runs of a system, in order: tokens, statistics and training of each phase."""
    final = plan_system(load_system("toy", system), seed).final
    return [run.key for step in final.chain for run in (step.tokens, step.statistics, step.run)]


def changed(before, after):
    return [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]


def edit(world, name, old, new):
    kind, _, own = name.partition("/")
    path = row_file(world, "toy", own) if kind == "rows" else world / "egs2/atat/toy" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.usefixtures("world")
def test_systems_share_their_pretraining():
    assert keys("old") == keys("zeroshot")[:3]


def test_the_same_files_give_the_same_names_wherever_they_lie(world, tmp_path_factory, monkeypatch):
    before = keys()
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(world, copy)
    monkeypatch.chdir(copy)
    assert keys() == before


def test_a_comment_or_the_order_of_keys_changes_nothing(world):
    before = keys()
    edit(world, "conf/pretrain.yaml", "batch_bins: 400\n", "")
    edit(world, "conf/pretrain.yaml", "\ninput_size", "\n# a comment\nbatch_bins: 400\ninput_size")
    assert keys() == before


@pytest.mark.usefixtures("world")
def test_a_seed_changes_training_alone():
    assert changed(keys(seed=1), keys(seed=2)) == [2, 5]


@pytest.mark.parametrize(
    ("name", "old", "new", "places"),
    [
        ("conf/pretrain.yaml", "max_epoch: 2", "max_epoch: 3", [2, 5]),
        ("conf/pretrain.yaml", "input_size: 80", "input_size: 40", [1, 2, 4, 5]),
        ("conf/finetune.yaml", "max_epoch: 1", "max_epoch: 3", [5]),
        ("conf/tokens.yaml", "bpe_size: 40", "bpe_size: 41", [0, 1, 2, 3, 4, 5]),
        ("recipe.yaml", "weight: 1}", "weight: 5}", [1, 2, 5]),
        ("recipe.yaml", "set: toy/new}\n    valid", "set: toy/new, limit: 2}\n    valid", [3, 4, 5]),
        ("rows/zeroshot", "mixture: pretrain}", "mixture: pretrain, model: latest.pth}", [5]),
    ],
)
def test_what_decides_the_content_changes_the_name_from_there_on(world, name, old, new, places):
    before = keys()
    edit(world, name, old, new)
    assert changed(before, keys()) == places


def test_other_word_times_change_training_that_masks_by_them(world):
    path = world / "words.jsonl"
    path.write_text("")
    edit(world, "conf/pretrain.yaml", "max_epoch: 2", "max_epoch: 2\nmask_conf: {alignments: {audio: words.jsonl}}")
    before = keys()
    path.write_text('{"utt_id": "spk-0", "words": []}\n')
    assert changed(before, keys()) == [2, 5]


def test_other_audio_changes_training_but_not_the_tokens(world):
    before = keys()
    shutil.rmtree(world / "dump/toy/audio/data")
    write_features(world, "dump/toy/audio", {f"spk-{i}": tree for i, tree in enumerate(TARGETS)}, seed=1)
    assert changed(before, keys()) == [1, 2, 5]


def test_other_targets_change_everything(world):
    before = keys()
    write_two_column(world / "dump/toy/words/target", {f"spk-{i}": tree for i, tree in enumerate(reversed(TARGETS))})
    assert changed(before, keys()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.usefixtures("world")
def test_a_finetuning_is_as_its_pretraining_but_for_what_it_names():
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    assert final.config["decoder_conf"] == final.first.config["decoder_conf"]
    assert (final.config["max_epoch"], final.first.config["max_epoch"]) == (1, 2)
    assert final.parent is final.first
    assert final.text_tokenizer == str(final.first.tokens.folder / "text_tokenizer")


def test_data_that_is_not_there_is_named(world):
    shutil.rmtree(world / "dump/toy/audio")
    with pytest.raises(UserError, match=r"dump/toy/audio: has no feats\.scp"):
        keys()


def test_a_model_of_audio_stays_one_when_it_is_tuned_on_text(world):
    read_audio_in_place(world, "audio")
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    assert [step.raw for step in final.chain] == [True, True]
    assert resolved_config(final.first)["frontend"] == "default"


def test_audio_and_features_do_not_mix(world):
    shutil.copytree(world / "dump/toy/audio", world / "dump/toy/more")
    read_audio_in_place(world, "more")
    mixture = FILES["mixtures/pretrain"] + "- {task: asr, set: toy/more}\n"
    write_recipe(world, "toy", {"mixtures/pretrain": mixture})
    with pytest.raises(UserError, match=r"toy/more is of audio and toy/audio of features; make both by stage 6"):
        keys()


@pytest.mark.usefixtures("world")
def test_targets_come_once_an_utterance_and_as_trees_where_there_are_any():
    parts = load_mixtures("toy", Phase(config="x", mixture="pretrain")).train
    assert sorted(targets_of(parts)) == sorted(TARGETS * 2)  # the sets audio and words


@pytest.mark.usefixtures("world")
def test_heard_words_are_those_of_audio_alone():
    words = heard_words(plan_system(load_system("toy", "zeroshot"), 1).final)
    assert {"paper", "ann"} <= words
    assert not {"order", "quartz", "[IN:PLAY", "<slu>"} & words


def test_options_of_a_phase_stand_in_place_of_its_configuration(world):
    before = keys()
    edit(world, "rows/zeroshot", "mixture: new_words}", "mixture: new_words, options: {max_epoch: 7}}")
    assert changed(before, keys()) == [5]
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    assert (final.config["max_epoch"], final.first.config["max_epoch"]) == (7, 2)


def test_an_option_that_is_a_mapping_is_taken_key_by_key(world):
    edit(world, "conf/pretrain.yaml", "{ctc_weight: 1.0}", "{ctc_weight: 1.0, lsm_weight: 0.1}")
    options = "options: {model_conf: {lsm_weight: 0.2}, audio_encoder_conf: {}}"
    edit(world, "rows/zeroshot", "mixture: new_words}", f"mixture: new_words, {options}}}")
    config = plan_system(load_system("toy", "zeroshot"), 1).final.config
    assert config["model_conf"] == {"ctc_weight": 1.0, "lsm_weight": 0.2}  # the first as in pretraining
    assert config["audio_encoder_conf"] == {}


def test_another_recipe_shares_a_pretraining_by_naming_it(world):
    other = FILES["rows/zeroshot"].replace(
        "{config: pretrain, mixture: pretrain}", "{config: toy/pretrain, mixture: toy/pretrain}"
    )
    write_recipe(
        world,
        "other",
        {
            "rows/mine": f"tokens: toy/tokens\n{other}",
            "conf/finetune.yaml": FILES["conf/finetune.yaml"],
            "mixtures/new_words": FILES["mixtures/new_words"],
        },
    )
    mine = plan_system(load_system("other", "mine"), 1).final
    theirs = plan_system(load_system("toy", "zeroshot"), 1).final
    assert [step.run.folder for step in mine.chain] == [step.run.folder for step in theirs.chain]


KEEP = "mixture: new_words, keep: [audio_encoder]}"


def test_a_finetuning_without_the_old_embedding_has_a_token_list_of_its_own(world):
    before = keys()
    edit(world, "rows/zeroshot", "mixture: new_words}", KEEP)
    assert changed(before, keys()) == [3, 4, 5]
    final = plan_system(load_system("toy", "zeroshot"), 1).final
    assert not final.grows
    # That of a system trained from scratch on the same text, which it shares.
    scratch = "title: scratch\npretrain: {config: pretrain, mixture: new_words}\ntest: [{set: toy/test, task: nlu}]\n"
    write_recipe(world, "toy", {"rows/scratch": scratch})
    assert final.tokens.folder == plan_system(load_system("toy", "scratch"), 1).final.tokens.folder


def test_a_finetuning_that_keeps_the_embedding_grows_it(world):
    before = keys()
    edit(world, "rows/zeroshot", "mixture: new_words}", "mixture: new_words, keep: [audio_encoder, decoder]}")
    assert changed(before, keys()) == [5]
    assert plan_system(load_system("toy", "zeroshot"), 1).final.grows


def test_what_is_kept_unfreezes_and_what_is_fresh_never_waits(world):
    edit(world, "rows/zeroshot", "mixture: new_words}", KEEP.replace("audio_encoder", "audio_encoder, decoder"))
    text = "pretrained_parameters: [all]"
    for frozen, expected in (("[]", ["audio_encoder", "decoder"]), ("[audio_encoder]", ["decoder"])):
        edit(world, "conf/finetune.yaml", text, f"pretrained_parameters: [all]\nfreeze_param: {frozen}")
        text = f"pretrained_parameters: [all]\nfreeze_param: {frozen}"
        training = plan_system(load_system("toy", "zeroshot"), 1).final
        config = {**training.config, "normalize": None, "text_encoder": None}  # nothing is trained yet
        assert resolved_config(replace(training, config=config))["pretrained_parameters"] == expected


@pytest.mark.parametrize(
    ("options", "keep", "message"),
    [
        (
            "pretrained_parameters: [decoder]",
            "audio_encoder",
            "pretrained_parameters names decoder, which starts fresh",
        ),
        (
            "freeze_param: [text_encoder]",
            "audio_encoder",
            r"freeze_param names text_encoder, which .* \(keep: audio_enc",
        ),
        ("max_epoch: 1", "audio_encoder, ctc", r"keep: ctc goes with decoder\.embed alone"),
        ("audio_encoder_init: asr.pth", "audio_encoder", "audio_encoder_init is of a pretraining"),
    ],
)
def test_options_that_contradict_what_is_kept_are_named(world, options, keep, message):
    new = f"mixture: new_words, keep: [{keep}], options: {{{options}}}}}"
    edit(world, "rows/zeroshot", "mixture: new_words}", new)
    with pytest.raises(UserError, match=f"finetune finetune: {message}"):
        keys()


def test_another_asr_model_to_start_from_changes_the_trainings_and_finetuning_reads_it_no_more(world):
    edit(world, "conf/pretrain.yaml", "max_epoch: 2", "max_epoch: 2\naudio_encoder_init: asr.pth")
    with pytest.raises(UserError, match=r"asr\.pth: no such file \(audio_encoder_init"):
        keys()
    (world / "asr.pth").write_bytes(b"one")
    before = keys()
    (world / "asr.pth").write_bytes(b"another")
    assert changed(before, keys()) == [2, 5]
    assert "audio_encoder_init" not in plan_system(load_system("toy", "zeroshot"), 1).final.config


def test_growing_the_bpe_model_changes_the_grown_tokens_and_what_stands_on_them(world):
    before = keys()
    edit(world, "rows/zeroshot", "mixture: new_words}", "mixture: new_words, grow_bpe: false}")
    assert keys() == before
    edit(world, "rows/zeroshot", "grow_bpe: false", "grow_bpe: true")
    grown = keys()
    assert changed(before, grown) == [3, 4, 5]
    edit(world, "rows/zeroshot", "grow_bpe: true", "grow_bpe: {size: 500, pieces_per_word: 3}")
    assert keys() == grown
    edit(world, "rows/zeroshot", "size: 500", "size: 60")
    assert changed(grown, keys()) == [3, 4, 5]
