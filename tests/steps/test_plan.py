"""What a training run's name depends on, and what it does not."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import RUNS, with_needs
from espnet_atat.semantics.tree import is_tag
from espnet_atat.steps.plan import KNOWN_TAGS
from espnet_atat.steps.stage09_training import resolved_config
from espnet_atat.text.vocabulary import Vocabulary
from tests.steps.world import (
    FILES,
    TARGETS,
    planned,
    read_audio_in_place,
    row_file,
    training,
    write_features,
    write_recipe,
)

pytestmark = pytest.mark.usefixtures("world")
#: Keys of the row zeroshot: tokens, statistics and training of its pretraining, then of its fine-tuning.
PINNED = ["14a7fb0c", "22eabd58", "2259d819", "3415cd74", "a2e4091b", "784d8c1f"]
#: What the row zeroshot says of its fine-tuning, to be replaced.
PHASE = "mixture: new_words}"
#: What other tokens of the fine-tuning change.
GROWN = [3, 4, 5]


def keys(system="zeroshot", *options):
    """Keys of all runs of a system, in order: tokens, statistics and training of each phase."""
    return [run.key for run in with_needs([training(system, *options).run])]


def changed(before, after):
    return [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]


def edit(world, name, old, new):
    kind, _, own = name.partition("/")
    path = row_file(world, "toy", own) if kind == "rows" else world / "egs2/atat/toy" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_same_files_give_the_same_names_wherever_they_lie(world, tmp_path_factory, monkeypatch):
    before = keys()
    assert keys("old") == before[:3]  # systems share their pretraining
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(world, copy)
    monkeypatch.chdir(copy)
    assert keys() == before


def test_the_names_are_those_of_earlier_versions():
    """A change here makes every user's runs and every kept result anew; CHANGELOG.md has to say so."""
    assert keys() == PINNED


@pytest.mark.parametrize(
    ("name", "old", "new", "places"),
    [
        ("conf/pretrain.yaml", "num_workers: 0\ncpu_processes: 2\n", "# other\ncpu_processes: 2\nnum_workers: 0\n", []),
        ("conf/pretrain.yaml", "max_epoch: 2", "max_epoch: 3", [2, 5]),
        ("conf/pretrain.yaml", "input_size: 80", "input_size: 40", [1, 2, 4, 5]),
        ("conf/finetune.yaml", "max_epoch: 1", "max_epoch: 3", [5]),
        ("conf/tokens.yaml", "bpe_size: 40", "bpe_size: 41", [0, 1, 2, 3, 4, 5]),
        ("recipe.yaml", "weight: 1}", "weight: 5}", [1, 2, 5]),
        ("recipe.yaml", "set: toy/new}\n    valid", "set: toy/new, limit: 2}\n    valid", [3, 4, 5]),
        ("rows/zeroshot", "mixture: pretrain}", "mixture: pretrain, model: latest.pth}", [5]),
        ("rows/zeroshot", PHASE, "mixture: new_words, options: {max_epoch: 7}}", [5]),
        ("rows/zeroshot", PHASE, "mixture: new_words, keep: [audio_encoder]}", [3, 4, 5]),
        ("rows/zeroshot", PHASE, "mixture: new_words, keep: [audio_encoder, decoder]}", [5]),
        ("rows/zeroshot", PHASE, "mixture: new_words, grow_bpe: false}", []),
        ("rows/zeroshot", PHASE, "mixture: new_words, grow_bpe: true}", GROWN),
        ("rows/zeroshot", PHASE, "mixture: new_words, grow_bpe: {size: 500, pieces_per_word: 3}}", GROWN),
    ],
)
def test_what_decides_the_content_changes_the_name_from_there_on(world, name, old, new, places):
    before = keys()
    edit(world, name, old, new)
    after = keys()
    assert changed(before, after) == places
    if places is GROWN:
        assert after == keys("zeroshot", "--grow_bpe", "true")
        assert changed(after, keys("zeroshot", "--set", "finetune.grow_bpe.size=60")) == GROWN


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (("--seeds", "2"), [2, 5]),
        (("--set", "finetune.options.max_epoch=7"), [5]),
        (("--set", "pretrain.options.optim_conf.lr=1e-3"), [2, 5]),
        (("--set", "finetune.keep=[audio_encoder]"), [3, 4, 5]),
        (("--set", "pretrain.mixture=new_words", "--set", "finetune=null"), [0, 1, 2]),
        (("--grow_bpe", "true"), [3, 4, 5]),
        (("--grow_bpe", "false"), []),
        (("--set", "title=another"), []),
    ],
)
def test_an_option_of_the_call_is_one_of_the_row(options, places):
    after = keys("zeroshot", *options)
    assert changed(keys()[: len(after)], after) == places


@pytest.mark.parametrize(
    ("option", "before", "after"),
    [
        ("mask_conf: {alignments: {audio: other}}", '{"utt_id": "spk-0", "words": []}\n', ""),
        ("audio_encoder_init: other", "one", "another"),
    ],
)
def test_a_file_that_training_reads_counts_by_its_content(world, option, before, after):
    edit(world, "conf/pretrain.yaml", "max_epoch: 2", f"max_epoch: 2\n{option}")
    with pytest.raises(UserError, match=r"(?i)other: no such"):
        keys()
    Path("other").write_text(before)
    first = keys()
    Path("other").write_text(after)
    assert changed(first, keys()) == [2, 5]
    assert "audio_encoder_init" not in training("zeroshot").config, "of the pretraining alone"


def test_other_audio_changes_training_but_not_the_tokens_and_other_targets_change_everything(world):
    before = keys()
    shutil.rmtree(world / "dump/toy/audio/data")
    write_features(world, "dump/toy/audio", {f"spk-{i}": tree for i, tree in enumerate(TARGETS)}, seed=1)
    heard = keys()
    assert changed(before, heard) == [1, 2, 5]
    write_two_column(world / "dump/toy/words/target", {f"spk-{i}": tree for i, tree in enumerate(reversed(TARGETS))})
    assert changed(heard, keys()) == [0, 1, 2, 3, 4, 5]


def test_before_there_is_data_the_plan_is_the_same_but_for_the_names(world):
    names = [re.sub(r"-\w+$", "-…", node.title) for node in with_needs([training("zeroshot").run])]
    shutil.rmtree(world / "dump")
    final = training("zeroshot")
    assert [node.title for node in with_needs([final.run])] == names
    of_pretraining = ("tokens", "stats-pretrain", "pretrain-pretrain-seed1")
    assert names[:3] == [f"{RUNS}/{name}-…" for name in of_pretraining]
    with pytest.raises(UserError, match=r"dump/toy/audio does not exist: run stage 6"):
        _ = final.first.statistics.key


def test_a_finetuning_is_as_its_pretraining_but_for_what_it_names(world):
    edit(world, "conf/pretrain.yaml", "ctc_weight: 1.0", "ctc_weight: 1.0, lsm_weight: 0.1")
    options = "options: {model_conf: {lsm_weight: 0.2}, audio_encoder_conf: {}}"
    edit(world, "rows/zeroshot", PHASE, f"mixture: new_words, {options}}}")
    final = training("zeroshot")
    assert final.parent is final.first
    assert final.config["decoder_conf"] == final.first.config["decoder_conf"]
    assert (final.config["max_epoch"], final.first.config["max_epoch"]) == (1, 2)
    assert final.config["model_conf"] == {"ctc_weight": 1.0, "lsm_weight": 0.2}  # key by key
    assert final.config["audio_encoder_conf"] == {}
    assert final.text_tokenizer == str(final.first.tokens.place / "text_tokenizer")


def test_audio_and_features_do_not_mix(world):
    shutil.copytree(world / "dump/toy/audio", world / "dump/toy/more")
    read_audio_in_place(world, "more")
    mixture = FILES["mixtures/pretrain"] + "- {task: asr, set: toy/more}\n"
    write_recipe(world, "toy", {"mixtures/pretrain": mixture})
    with pytest.raises(UserError, match=r"toy/more holds audio and toy/audio features: make both in stage 6"):
        keys()
    write_recipe(world, "toy", {"mixtures/pretrain": FILES["mixtures/pretrain"]})
    read_audio_in_place(world, "audio")
    final = training("zeroshot")
    assert [step.raw for step in final.chain] == [True, True]  # a model of audio stays one when it is tuned on text
    assert resolved_config(final.first)["frontend"] == "default"


def test_heard_words_are_those_of_audio_alone():
    words = planned("zeroshot").hypotheses[0].heard
    assert {"paper", "ann"} <= words
    assert not {"order", "quartz", "[IN:PLAY", "<slu>"} & words


def test_another_recipe_shares_a_pretraining_by_naming_it(world):
    other = FILES["rows/zeroshot"].replace("config: pretrain, mix", "config: toy/pretrain, mix")
    other = other.replace("mixture: pretrain", "mixture: toy/pretrain")
    files = {name: FILES[name] for name in FILES if name.startswith(("conf/finetune", "conf/decode", "mixtures/new"))}
    write_recipe(world, "other", {"rows/mine": f"tokens: toy/tokens\n{other}", **files})
    mine, theirs = training("mine", "--recipe", "other"), training("zeroshot")
    assert [node.place for node in with_needs([mine.run])] == [node.place for node in with_needs([theirs.run])]


def test_a_finetuning_without_the_old_embedding_has_the_token_list_of_a_model_from_scratch():
    fresh = training("zeroshot", "--set", "finetune.keep=[audio_encoder]")
    scratch = training("zeroshot", "--set", "pretrain.mixture=new_words", "--set", "finetune=null")
    assert not fresh.grows
    assert fresh.tokens.place == scratch.tokens.place
    assert training("zeroshot", "--set", "finetune.keep=[audio_encoder, decoder]").grows


def test_what_is_kept_unfreezes_and_what_is_fresh_never_waits(world):
    edit(world, "rows/zeroshot", PHASE, "mixture: new_words, keep: [audio_encoder, decoder]}")
    for frozen, expected in (("[]", ["audio_encoder", "decoder"]), ("[audio_encoder]", ["decoder"])):
        final = training("zeroshot", "--set", f"finetune.options.freeze_param={frozen}")
        config = {**final.config, "normalize": None, "text_encoder": None}  # nothing is trained yet
        assert resolved_config(replace(final, config=config))["pretrained_parameters"] == expected


@pytest.mark.parametrize(
    ("options", "keep", "message"),
    [
        ("pretrained_parameters: [decoder]", "", "pretrained_parameters names decoder, which starts fresh"),
        ("freeze_param: [text_encoder]", "", r"freeze_param names text_encoder, which .* \(keep: audio_enc"),
        ("max_epoch: 1", ", ctc", r"keep: ctc needs decoder\.embed"),
        ("audio_encoder_init: asr.pth", "", "audio_encoder_init is of a pretraining"),
    ],
)
def test_options_that_contradict_what_is_kept_are_named(world, options, keep, message):
    edit(world, "rows/zeroshot", PHASE, f"mixture: new_words, keep: [audio_encoder{keep}], options: {{{options}}}}}")
    with pytest.raises(UserError, match=message):
        keys()


def test_tags_of_validation_trees_alone_have_a_token_and_what_pretraining_knows_is_not_new(world):
    assert not any(KNOWN_TAGS in step.tokens.identity for step in training("zeroshot").chain)
    little = "train: [{task: TASK, limit: 1}]\nvalid: [{task: TASK}]\n"
    for task in ("slu, set: toy/audio", "nlu, set: toy/words"):
        write_recipe(world, "toy", {f"mixtures/{task[:3]}": little.replace("TASK", task)})
    tokens = training("old", "--set", "pretrain.mixture=slu").tokens
    assert tokens.identity[KNOWN_TAGS]
    tokens.build()
    made = Vocabulary.load(tokens.place / "tokens.txt").tokens
    tags = {token for tree in TARGETS for token in tree.split() if is_tag(token)}
    assert sorted(token for token in made if is_tag(token)) == sorted(tags)
    tuned = ("--set", "finetune.mixture=nlu")
    assert KNOWN_TAGS not in training("zeroshot", *tuned).tokens.identity
    assert KNOWN_TAGS in training("zeroshot", *tuned, "--set", "finetune.keep=[audio_encoder]").tokens.identity
