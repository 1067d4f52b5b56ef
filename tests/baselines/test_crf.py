"""The CRF's features, and that it learns."""

import pytest

from espnet_atat.baselines.bio import read_examples, tree_of_tags
from espnet_atat.baselines.config import CrfConfig
from espnet_atat.baselines.crf import CrfModel, sentence_features, train_crf, word_features
from tests.baselines.corpus import TARGETS, write_set

pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")


def test_features_of_a_word_and_of_a_sentence() -> None:
    assert word_features(["play", "route", "66"], 2) == [
        "bias",
        *("w[-2]=play", "w[-1]=route", "w[0]=66", "w[1]=</s>", "w[2]=</s>"),
        *("w[-2]|w[-1]=play|route", "w[-1]|w[0]=route|66", "w[0]|w[1]=66|</s>", "w[1]|w[2]=</s>|</s>"),
        "w[-1]|w[0]|w[1]=route|66|</s>",
        *("p2=66", "p3=66", "s2=66", "s3=66"),
        "digit",
    ]
    assert set(sentence_features(["go"])) == {"bias", "<s>", "go", "</s>", "<s> go", "go </s>", "<s> go </s>"}
    assert sentence_features([]) == ["bias", "</s>", "<s>", "<s> </s>"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return read_examples([write_set(tmp_path_factory.mktemp("corpus") / "set")])


def test_it_knows_what_it_learnt_and_reads_new_words_by_their_place(examples, tmp_path) -> None:
    train_crf(examples, tmp_path, CrfConfig())
    model = CrfModel(tmp_path)
    taggings = model.understand([each.words for each in examples])
    trees = [tree_of_tags(each.words, found).serialise() for each, found in zip(examples, taggings, strict=True)]
    assert trees == list(TARGETS)
    words = ["turn", "on", "the", "cellar", "lights"]
    (tagging,) = model.understand([words])
    assert tree_of_tags(words, tagging).serialise() == "[IN:LIGHTS_ON turn on the [SL:ROOM cellar ] lights ]"
    assert model.understand([[]])[0].tags == ()


def test_training_twice_gives_the_same_bytes(examples, tmp_path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        train_crf(examples, folder, CrfConfig(max_iterations=20))
    for file in ("tagger.crfsuite", "intent.crfsuite"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
