"""Stage 8 on the tiny recipe: what is planned, and ESPnet's own task training it."""

import json
from pathlib import Path

import pytest

from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.work import stamp_file
from espnet_atat.steps.stage08_language_model import LMTraining
from espnet_atat.text.sentences import lm_tokens
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from tests.steps.world import LM, NEW_TARGETS, planned, run, write_recipe

SYSTEM = """
title: searched with a language model
pretrain: {config: pretrain, mixture: pretrain}
decode: [decode, decode_lm]
test: [{set: toy/test, task: slu}]
"""


@pytest.fixture(autouse=True)
def _rows(world):
    """Rows that ask for a language model."""
    rows = {"rows/lm": SYSTEM, "rows/lm_zeroshot": SYSTEM + "finetune: {config: finetune, mixture: new_words}\n"}
    decode = "beam_size: 2\nmaxlen: 12\nlm_weight: 0.5\n"
    write_recipe(world, "toy", {"conf/lm.yaml": LM, "conf/decode_lm.yaml": decode, **rows})


def language_model(name: str, *options: str) -> LMTraining:
    """Of the last search of a row, which has one."""
    return planned(name, *options).hypotheses[-1].language_model


def test_without_a_weight_there_is_no_language_model():
    plain, weighted = planned("lm").hypotheses
    assert plain.language_model is None
    assert weighted.language_model is not None
    assert plain.needs == weighted.needs[:1]
    assert planned("lm").decoding("decode_lm", weighted.test, lm_weight=0).language_model is None
    assert [node.stage for node in planned("old").nodes()] == [7, 9, 10]


def test_each_kind_of_target_has_a_language_model_of_the_last_phase():
    of_old, of_new = language_model("lm"), language_model("lm_zeroshot")
    assert [part.set for part in of_old.parts("train")] == ["toy/audio", "toy/words"]
    assert [part.set for part in of_new.parts("train")] == ["toy/new"]
    assert of_new.tokens.key != of_old.tokens.key
    of_words = planned("lm_zeroshot", "--set", "test=[{set: toy/test, task: asr}]")
    with pytest.raises(UserError, match=r"a language model of words is needed .*mixture new_words has none"):
        of_words.check()


def test_the_name_depends_on_the_targets_and_not_on_their_share():
    before = language_model("lm").run.place
    mixture = Path("egs2/atat/toy/recipe.yaml")
    mixture.write_text(mixture.read_text().replace("weight: 2", "weight: 5"))
    assert language_model("lm").run.place == before
    target = Path("dump/toy/words/target")
    target.write_text(target.read_text().replace("now", "soon"))
    assert language_model("lm").run.place != before


def test_stage_8_comes_before_training_and_grows_the_tokens_that_it_needs(capsys):
    run("--system", "lm_zeroshot", "--dry_run")
    stages = [line.partition("-")[0] for line in capsys.readouterr().out.splitlines()]
    first = ((7, "tokens"), (8, "tokens"), (8, "lm"), (9, "stats"))
    assert stages[:4] == [f"stage {n}: exp/runs/{what}" for n, what in first]


def test_the_language_model_starts_from_a_symbol_of_its_own():
    vocabulary = Vocabulary.build(["[IN:A", "]"], ["▁b", "c"])
    assert lm_tokens(vocabulary) == ["<blank>", "<unk>", "[IN:A", "]", "▁b", "c", "<sos/eos>"]


@pytest.mark.slow
def test_stage_8_trains_reports_perplexity_and_goes_on_after_an_interruption(capsys):
    stages = ("--system", "lm", "--stop_stage", "8")
    run(*stages)
    folder = language_model("lm").run.place
    figures = json.loads((folder / "perplexity.json").read_text())["sets"]
    assert figures.keys() == {"toy/audio", "toy/words"}
    facts = figures["toy/audio"]
    assert facts["sentences"] == 6
    assert facts["unknown"] == 0
    lines = (folder / "perplexity/toy.audio/text").read_text().splitlines()
    assert facts["tokens"] == sum(len(line.split()) for line in lines)  # the id stands for the end of the sentence
    assert 1 < facts["perplexity"] < 100  # of some 50 tokens, hardly trained

    stamp_file(folder).unlink()
    run(*stages)
    assert "The training was resumed" in (folder / "train.log").read_text()
    run(*stages)
    assert f"{folder}: done already" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.slow
def test_stage_8_splits_words_as_the_grown_decoder_does():
    growing = ("--grow_bpe", "true")
    run("--system", "lm_zeroshot", *growing, "--stop_stage", "8")
    lm = language_model("lm_zeroshot", *growing)
    tokenizer = TargetTokenizer.load(lm.tokens.place)
    assert "quartz" in tokenizer.grown_words
    lines = read_two_column(lm.run.place / "train/text").values()
    assert sorted(lines) == sorted(" ".join(tokenizer.tokens(target)) for target in NEW_TARGETS)
    assert json.loads((lm.run.place / "perplexity.json").read_text())["sets"]["toy/new"]["unknown"] == 0
