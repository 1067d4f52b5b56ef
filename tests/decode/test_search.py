"""The search: ESPnet's results, whatever the batch, ended in time."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from espnet2.lm.seq_rnn_lm import SequentialRNNLM

from espnet_atat.decode.constraint import FORBIDDEN_SCORE
from espnet_atat.decode.decoder_scorer import DecoderScorer, DecoderWeights
from espnet_atat.decode.lm_fusion import LanguageModel
from espnet_atat.decode.search import UtteranceBeamSearch
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.espnet import BatchBeamSearch
from tests.decode.conftest import tiny_model

MAXLEN = 12


def same(left, right, tolerance=1e-4) -> bool:
    """Equal hypotheses in equal order, with equal scores."""
    return len(left) == len(right) and all(
        a.tokens == b.tokens and abs(a.score - b.score) < tolerance for a, b in zip(left, right, strict=True)
    )


CTC = {"ctc_weight": 0.3, "constrain_trees": True}
SINGLE_OR_NOT = {
    "plain": ("trained", "speech", {}),
    "constrained": ("trained", "speech", {"constrain_trees": True}),
    "words": ("trained", "speech", {"task": "asr", "constrain_trees": True}),
    "ensemble": ("trained", "speech", {"task": "nlu+slu", "constrain_trees": True}),
    "bonus": ("trained", "speech", {"penalty": 0.5}),
    "greedy": ("trained", "speech", {"beam_size": 1, "nbest": 1}),
    "texts": ("trained", "texts", {}),
    "texts, constrained": ("trained", "texts", {"constrain_trees": True}),
    "CTC of tokens": ("token_trained", "speech", CTC),
    "CTC of characters": ("character_trained", "speech", CTC),
    "language model": ("trained", "speech", {"lm_weight": 0.7}),
}


@pytest.mark.parametrize(("model", "source", "options"), SINGLE_OR_NOT.values(), ids=SINGLE_OR_NOT)
def test_a_batch_of_16_gives_the_hypotheses_of_16_single_runs(request, language_model, model, source, options):
    understand = Speech2Understand if source == "speech" else Text2Understand
    lm = language_model if "lm_weight" in options else None
    options = {"maxlen": MAXLEN, "nbest": 3, **options}
    search = understand(trained=request.getfixturevalue(model), language_model=lm, **options)
    utterances = request.getfixturevalue(source)
    batch = search.nbest(utterances)
    assert all(same(many, search.nbest([one])[0]) for many, one in zip(batch, utterances, strict=True))
    assert len({results[0].tokens for results in batch}) > 2, "the model gives all utterances the same: no test"


@pytest.mark.parametrize("constrain", [False, True])
def test_the_cap_grows_with_the_input_and_is_each_utterances_own(vocabulary, train_args, speech, constrain):
    babbling = Trained.of(tiny_model(vocabulary, stopping=-20.0), train_args)
    minute = np.random.default_rng(3).normal(0, 2, (6000, 80)).astype(np.float32)
    long = minute[:1000]  # 10 s
    search = Speech2Understand(trained=babbling, task="asr", constrain_trees=constrain)
    batch = search.nbest([speech[0], long, long[:700]])
    lengths = [len(results[0].tokens) + constrain for results in batch]  # the constraint leaves room for <eos>
    assert lengths == [100, 200, 140]
    assert all(results[0].cut for results in batch)
    assert same(batch[2], search.nbest([long[:700]])[0])
    greedy = Speech2Understand(trained=babbling, task="asr", beam_size=1, constrain_trees=constrain)
    assert len(greedy(minute).tokens) + constrain == 1200  # 20 a second; people say some 7 a second in such pieces
    assert len(Speech2Understand(trained=babbling, task="asr", maxlen=30)(long).tokens) == 30
    tree = Speech2Understand(trained=babbling, constrain_trees=True)(long)
    assert tree.frame is not None
    read = Text2Understand(trained=babbling, task="nlu")
    assert len(read(" ".join(["moon"] * 58)).tokens) == 4 * (58 + 2)  # pieces: the words, [CLS] and [SEP]


def espnets_search(**options: object) -> BatchBeamSearch:
    """ESPnet's own search, which walks to the cap, over ESPnet's own step of the decoder."""
    del options["nbest"]
    caps = options.pop("caps")
    scorers = {**options["scorers"], "decoder": options["scorers"]["decoder"].weights.decoder}
    search = BatchBeamSearch(**{**options, "scorers": scorers})
    search._length_bounds = lambda *_: (caps, [0] * len(caps))
    return search


def allowed(nbest):
    """Without the hypotheses that the constraint forbids; ESPnet's search keeps them to the end."""
    return [result for result in nbest if result.score > FORBIDDEN_SCORE / 2]


MODELS = {
    "first": {"seed": 3},
    "second": {"seed": 4, "stopping": 40.0},
    "norm after": {"normalize_before": False},
    "concatenating": {"concat_after": True},
    "normalised heads": {"qk_norm": True, "num_blocks": 1},
}
SEARCHES = {
    "plain": {},
    "tree constraint": {"constrain_trees": True},
    "word constraint": {"task": "asr", "constrain_trees": True},
    "CTC": {"ctc_weight": 0.3},
    "language model": {"lm_weight": 0.4},
    "all": {"ctc_weight": 0.2, "lm_weight": 0.3, "constrain_trees": True},
}


@pytest.fixture(scope="module")
def language_model(vocabulary) -> LanguageModel:
    torch.manual_seed(1)
    tokens = ["<blank>", "<unk>", *vocabulary.tokens[7:], "<sos/eos>"]
    network = SequentialRNNLM(len(tokens), unit=16, nlayers=1, dropout_rate=0.0).eval()
    return LanguageModel.of(vocabulary, network, tokens)


@pytest.mark.parametrize("batched", [False, True], ids=["alone", "batch"])
@pytest.mark.parametrize("options", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_hypotheses_and_scores_are_those_of_espnets_search(
    vocabulary, train_args, speech, language_model, monkeypatch, model, options, batched
):
    args = Namespace(**{**vars(train_args), "ctc_unit": "token"})
    trained = Trained.of(tiny_model(vocabulary, ctc=len(vocabulary), subframes=2, **model), args)
    lm = language_model if options.get("lm_weight") else None
    understand = Speech2Understand(trained=trained, language_model=lm, maxlen=MAXLEN, nbest=3, **options)
    utterances = [speech[:4]] if batched else [[each] for each in speech[:4]]
    ours = [nbest for each in utterances for nbest in understand.nbest(each)]
    monkeypatch.setattr("espnet_atat.decode.understand_base.UtteranceBeamSearch", espnets_search)
    theirs = [nbest for each in utterances for nbest in understand.nbest(each)]
    assert all(same(allowed(a), allowed(b)) for a, b in zip(ours, theirs, strict=True))
    assert len({round(nbest[0].score, 3) for nbest in ours}) == len(ours), "all utterances are alike: no test"


def test_ends_before_the_cap(vocabulary, train_args, speech, monkeypatch):
    steps = []
    search = UtteranceBeamSearch.search
    monkeypatch.setattr(UtteranceBeamSearch, "search", lambda *args, **kw: steps.append(1) or search(*args, **kw))
    trained = Trained.of(tiny_model(vocabulary, stopping=40.0), train_args)
    Speech2Understand(trained=trained, maxlen=30).nbest(speech[:8])
    assert len(steps) < 30


@torch.inference_mode()
def test_an_ensemble_averages_the_probabilities_of_its_labels(vocabulary):
    weights = DecoderWeights(tiny_model(vocabulary).decoder)
    states = torch.randn(3, 9, 32, generator=torch.Generator().manual_seed(0))
    ids = [vocabulary.task_id("nlu"), vocabulary.task_id("slu")]
    ys = torch.full((3 * 4, 1), ids[0])  # a beam of 4
    encoded = Encoded(states, torch.tensor([9, 5, 7]))
    scorers = [DecoderScorer(weights, encoded, each) for each in (ids, ids[:1], ids[1:])]
    caches = [[None] * len(ys)] * 3
    for token in (9, 10):
        found = [scorer.batch_score(ys, cache, states) for scorer, cache in zip(scorers, caches, strict=True)]
        (both, one, other), caches = zip(*found, strict=True)
        assert not torch.allclose(one, other, atol=1e-2)
        torch.testing.assert_close(both.exp(), (one.exp() + other.exp()) / 2, atol=1e-6, rtol=1e-4)
        ys = torch.cat((ys, torch.full((len(ys), 1), token)), 1)
