"""The BiLSTM-CRF: that it learns, is reproducible, and that padding and unknown words do no harm."""

import pytest

pytest.importorskip("torchcrf", reason="pytorch-crf, of the extra baselines, is not installed")

import torch

from espnet_atat.baselines.bilstm_crf import BilstmCrfModel, train_bilstm_crf
from espnet_atat.baselines.bilstm_network import BilstmCrf, Names, language_model_loss
from espnet_atat.baselines.bio import read_examples, tree_of_tags
from espnet_atat.baselines.config import BilstmConfig
from tests.baselines.corpus import TARGETS, write_set

SMALL = BilstmConfig(embed_size=24, hidden_size=24, dropout=0.1, epochs=20, batch_size=4, lr=1e-2)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return read_examples([write_set(tmp_path_factory.mktemp("corpus") / "set")])


@pytest.fixture(scope="module")
def folder(examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bilstm")
    train_bilstm_crf(examples, folder, SMALL)
    return folder


def test_it_knows_what_it_learnt_and_reads_new_words_and_no_words(examples, folder) -> None:
    model, sentences = BilstmCrfModel(folder), [each.words for each in examples]
    taggings = model.understand(sentences)
    trees = [tree_of_tags(words, found).serialise() for words, found in zip(sentences, taggings, strict=True)]
    assert trees == list(TARGETS)
    assert taggings == [model.understand([words])[0] for words in sentences]  # alone as beside longer ones
    words = ["turn", "on", "the", "cellar", "lights"]
    known, empty = model.understand([words, []])
    assert tree_of_tags(words, known).serialise() == "[IN:LIGHTS_ON turn on the [SL:ROOM cellar ] lights ]"
    assert empty.tags == ()


def test_the_seed_decides_the_weights_and_nothing_else_is_drawn_from(examples, tmp_path) -> None:
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        before = torch.random.get_rng_state()
        train_bilstm_crf(examples, tmp_path / name, BilstmConfig(embed_size=8, hidden_size=8, epochs=1, seed=seed))
        assert torch.equal(before, torch.random.get_rng_state())
        weights.append(torch.load(tmp_path / name / "bilstm_crf.pt", weights_only=True))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not torch.equal(weights[0]["lstm.weight_ih_l0"], weights[2]["lstm.weight_ih_l0"])


def test_the_loss_is_of_the_words_and_not_of_the_padding(examples) -> None:
    torch.manual_seed(0)
    network = BilstmCrf(Names.of(examples), 8, 8, dropout=0.0)
    words, tags = torch.tensor([[2, 3, 0], [2, 3, 4]]), torch.tensor([[0, 1, 0], [0, 1, 2]])
    intents = torch.tensor([0, 1])
    whole = network(words, tags, intents)
    alone = [network(words[:1, :2], tags[:1, :2], intents[:1]), network(words[1:], tags[1:], intents[1:])]
    assert whole.item() == pytest.approx(sum(each.item() for each in alone) / 2, abs=1e-5)
    other_tags = tags.clone()
    other_tags[0, 2] = 3
    assert network(words, other_tags, intents).item() == pytest.approx(whole.item(), abs=1e-6)


def test_neither_language_model_sees_the_word_that_it_tells(examples) -> None:
    torch.manual_seed(0)
    network = BilstmCrf(Names.of(examples), 8, 8, dropout=0.0)
    told = torch.nn.Linear(8, network.embedding.num_embeddings)
    short, long = torch.tensor([[2, 3]]), torch.tensor([[4, 5, 6]])
    alone = [language_model_loss(network, told, each).item() for each in (short, long)]
    together = language_model_loss(network, told, torch.tensor([[2, 3, 0], [4, 5, 6]])).item()
    assert together == pytest.approx((2 * alone[0] + 3 * alone[1]) / 5, abs=1e-5)
    states, _ = network.states(long)
    changed, _ = network.states(torch.tensor([[4, 5, 7]]))
    assert torch.equal(states[0, :2, :8], changed[0, :2, :8])
    changed, _ = network.states(torch.tensor([[7, 5, 6]]))
    assert torch.equal(states[0, 1:, 8:], changed[0, 1:, 8:])


def test_words_that_only_pretraining_met_are_known_after_it(examples, tmp_path, capsys) -> None:
    text = [["turn", "on", "the", "cellar", "lights"]] * 8
    sizes = BilstmConfig(embed_size=8, hidden_size=8, dropout=0.0, epochs=1, pretrain_epochs=4, lr=1e-2)
    train_bilstm_crf(examples, tmp_path, sizes, text)
    losses = [float(line.split()[-3]) for line in capsys.readouterr().out.splitlines() if "pretraining" in line]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 4
    assert "cellar" in BilstmCrfModel(tmp_path)._word
