"""Stage 8 on the tiny recipe: what is planned, and ESPnet's own task training it."""

import json
from pathlib import Path

import pytest
from espnet_atat.bin.run_systems import main
from espnet_atat.recipe.decoding import plan_decoding, plan_variant
from espnet_atat.recipe.language_model import lm_tokens, plan_language_model, plan_language_models
from espnet_atat.recipe.plan import plan_system

from espnet_atat.config.system import TestSet, load_system
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from tests.recipe.world import NEW_TARGETS, write_recipe

LM = """
lm: seq_rnn
lm_conf: {unit: 8, nlayers: 1}
optim: adam
batch_type: numel
batch_bins: 50
max_epoch: 2
num_workers: 0
use_matplotlib: false
use_tensorboard: false
best_model_criterion:
- [valid, loss, min]
keep_nbest_models: 1
"""
SYSTEM = """
title: searched with a language model
pretrain: {config: pretrain, mixture: pretrain}
decode: [decode, decode_lm]
test: [{set: toy/test, task: slu}]
"""
WORDS = TestSet(set="toy/test", task="asr")


@pytest.fixture
def lm_world(world):
    """The tiny recipe with a system that asks for a language model."""
    write_recipe(
        world,
        "toy",
        {
            "conf/lm.yaml": LM,
            "conf/decode_lm.yaml": "beam_size: 2\nmaxlen: 12\nlm_weight: 0.5\n",
            "rows/lm": SYSTEM,
            "rows/lm_zeroshot": SYSTEM + "finetune: {config: finetune, mixture: new_words}\n",
        },
    )
    return world


def planned(name: str):
    run = plan_system(load_system("toy", name), 1)
    return plan_language_models(run, run.system.test)


@pytest.mark.usefixtures("lm_world")
def test_without_a_weight_there_is_no_language_model():
    assert planned("old") == planned("zeroshot") == []
    run = plan_system(load_system("toy", "lm"), 1)
    assert plan_decoding(run, "decode", run.system.test[0]).language_model is None
    assert plan_variant(run, "decode_lm", run.system.test[0], lm_weight=0).language_model is None


@pytest.mark.usefixtures("lm_world")
def test_each_kind_of_target_has_a_language_model_of_the_last_phase():
    (of_old,), (of_new,) = planned("lm"), planned("lm_zeroshot")
    assert [part.set for part in of_old.train] == ["toy/audio", "toy/words"]
    assert [part.set for part in of_new.train] == ["toy/new"]
    assert of_new.training.tokens.key != of_old.training.tokens.key
    run = plan_system(load_system("toy", "lm_zeroshot"), 1)
    with pytest.raises(UserError, match=r"a language model of words is wanted .*mixture new_words has none"):
        plan_language_model(run, WORDS)


@pytest.mark.usefixtures("lm_world")
def test_the_name_depends_on_the_targets_and_not_on_their_share():
    (before,) = planned("lm")
    mixture = Path("egs2/atat/toy/recipe.yaml")
    mixture.write_text(mixture.read_text().replace("weight: 2", "weight: 5"))
    assert planned("lm")[0].run.folder == before.run.folder
    target = Path("dump/toy/words/target")
    target.write_text(target.read_text().replace("now", "soon"))
    assert planned("lm")[0].run.folder != before.run.folder


@pytest.mark.usefixtures("lm_world")
def test_stage_8_comes_before_training_and_grows_the_tokens_that_it_needs(capsys):
    main(["--recipe", "toy", "--system", "lm_zeroshot", "--dry_run"])
    stages = [line.partition("-")[0] for line in capsys.readouterr().out.splitlines()]
    assert stages[:4] == [
        f"stage {n}: exp/runs/{what}" for n, what in ((7, "tokens"), (8, "tokens"), (8, "lm"), (9, "stats"))
    ]


def test_the_language_model_starts_from_a_symbol_of_its_own():
    vocabulary = Vocabulary.build(["[IN:A", "]"], ["▁b", "c"])
    assert lm_tokens(vocabulary) == ["<blank>", "<unk>", "[IN:A", "]", "▁b", "c", "<sos/eos>"]


@pytest.mark.slow
@pytest.mark.usefixtures("lm_world")
def test_stage_8_trains_reports_perplexity_and_goes_on_after_an_interruption(capsys):
    request = ["--recipe", "toy", "--system", "lm", "--stage", "7", "--stop_stage", "8"]
    main(request)
    (lm,) = planned("lm")
    figures = json.loads((lm.run.folder / "perplexity.json").read_text())["sets"]
    assert figures.keys() == {"toy/audio", "toy/words"}
    facts = figures["toy/audio"]
    assert facts["sentences"] == 6
    assert facts["unknown"] == 0
    lines = (lm.run.folder / "perplexity/toy.audio/text").read_text().splitlines()
    assert facts["tokens"] == sum(len(line.split()) for line in lines)  # the id stands for the end of the sentence
    assert 1 < facts["perplexity"] < 100  # of some 50 tokens, hardly trained

    (lm.run.folder / "done").unlink()
    main(request)
    assert "The training was resumed" in (lm.run.folder / "train.log").read_text()
    main(request)
    assert f"{lm.run.folder}: done already" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("lm_world")
def test_stage_8_splits_words_as_the_grown_decoder_does():
    main(["--recipe", "toy", "--system", "lm_zeroshot", "--grow_bpe", "true", "--stage", "7", "--stop_stage", "8"])
    run = plan_system(load_system("toy", "lm_zeroshot", {"finetune": {"grow_bpe": {}}}, ("--grow_bpe true",)), 1)
    (lm,) = plan_language_models(run, run.system.test)
    tokenizer = TargetTokenizer.load(lm.training.tokens.folder)
    assert "quartz" in tokenizer.grown_words
    lines = read_two_column(lm.run.folder / "train/text").values()
    assert sorted(lines) == sorted(" ".join(tokenizer.tokens(target)) for target in NEW_TARGETS)
    assert json.loads((lm.run.folder / "perplexity.json").read_text())["sets"]["toy/new"]["unknown"] == 0
