"""The constraint: everything valid, nothing else, and always a way to the end."""

import pytest
import torch

from espnet_atat.decode.constraint import FORBIDDEN_SCORE, TokenClass, TreeConstraint, token_class
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import is_tag, parse
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.growth import BPEGrowth, grow
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary
from tests.decode.conftest import PIECES, TAGS, tiny_model

NO_STATES = torch.zeros(0)


def allowed_next(constraint: TreeConstraint, vocabulary: Vocabulary, *tokens: str) -> set[str]:
    """What may follow the task token and these tokens."""
    scores, _ = constraint.batch_score(torch.tensor([vocabulary.ids(["<slu>", *tokens])]), None, NO_STATES)
    return {token for token, score in zip(vocabulary.tokens, scores[0].tolist(), strict=True) if score == 0}


def passes(constraint: TreeConstraint, vocabulary: Vocabulary, tokens: list[str]) -> bool:
    """Whether each of these tokens may follow those before it."""
    return all(token in allowed_next(constraint, vocabulary, *tokens[:n]) for n, token in enumerate(tokens))


def random_walks(constraint: TreeConstraint, vocabulary: Vocabulary, walks: int, seed: int) -> list[list[str]]:
    """Targets drawn evenly from what is allowed, without their <eos>."""
    generator = torch.Generator().manual_seed(seed)
    ys = torch.full((walks, 1), vocabulary.task_id("slu"))
    ended = torch.zeros(walks, dtype=torch.bool)
    for _ in range(constraint.maxlen):
        scores, _ = constraint.batch_score(ys, None, NO_STATES)
        assert ((scores == 0) | (scores == FORBIDDEN_SCORE)).all()
        assert ((scores == 0).any(1) | ended).all()  # never a dead end
        tokens = torch.multinomial((scores == 0).double() + 1e-12, 1, generator=generator)
        ys = torch.cat((ys, tokens), 1)
        ended |= tokens[:, 0] == vocabulary.eos_id
    assert ended.all()
    return [[vocabulary.tokens[i] for i in row[1 : row.index(vocabulary.eos_id)]] for row in ys.tolist()]


@pytest.mark.parametrize("maxlen", [3, 4, 5, 6, 7, 12, 30])
def test_a_random_walk_ends_in_a_valid_tree_within_the_cap(vocabulary, maxlen):
    constraint = TreeConstraint(vocabulary.tokens, trees=True, maxlen=maxlen)
    targets = random_walks(constraint, vocabulary, 500, seed=maxlen)
    for tokens in targets:
        parse(TargetTokenizer.join(tokens))
        assert not set(tokens) & set(CONTROL_TOKENS)
    assert max(map(len, targets)) == maxlen - 1
    assert min(map(len, targets)) == 2


@pytest.mark.parametrize("maxlen", [1, 2, 3, 20])
def test_a_random_walk_of_words_has_no_tag(vocabulary, maxlen):
    constraint = TreeConstraint(vocabulary.tokens, trees=False, maxlen=maxlen)
    targets = random_walks(constraint, vocabulary, 200, seed=maxlen)
    for tokens in targets:
        assert not any(is_tag(token) or token in CONTROL_TOKENS for token in tokens)
        assert not tokens or tokens[0].startswith("▁")
        assert not tokens or tokens[-1] != "▁"
    assert max(map(len, targets)) == maxlen - 1


@pytest.mark.parametrize(
    "target",
    [
        "[IN:PLAY ▁moon ]",
        "[IN:PLAY ▁play [SL:SONG ▁the ▁a oon ] [SL:ARTIST ] ▁ a b ]",
        "[IN:BUY ▁a [SL:BOOK [IN:FIND ▁b [SL:SONG [IN:PLAY ▁c ] ] ] ▁d ] ]",
    ],
)
def test_every_valid_target_passes_whose_end_fits(vocabulary, target):
    tokens = [*target.split(), "<eos>"]
    for spare, fits in ((0, True), (5, True), (-1, False)):
        constraint = TreeConstraint(vocabulary.tokens, trees=True, maxlen=len(tokens) + spare)
        assert passes(constraint, vocabulary, tokens) == fits


def test_words_with_pieces_of_a_second_bpe_model_pass(tmp_path):
    make_target_model(["[IN:PLAY play [SL:SONG the moon ] ]", "[IN:PLAY play it ]"], 20, tmp_path)
    targets = ["[IN:BUY buy [SL:SONG thistledown ] ]", "[IN:PLAY thistledown [SL:SONG the moon ] ]"]
    grown = grow(TargetTokenizer.load(tmp_path), targets, BPEGrowth(size=40))
    assert "thistledown" in grown.grown_words
    constraint = TreeConstraint(grown.vocabulary.tokens, trees=True, maxlen=30)
    assert all(passes(constraint, grown.vocabulary, [*grown.tokens(target), "<eos>"]) for target in targets)


def test_what_may_follow_what(vocabulary):
    constraint = TreeConstraint(vocabulary.tokens, trees=True, maxlen=20)
    intents, slots = {"[IN:BUY", "[IN:PLAY", "[IN:FIND"}, {"[SL:SONG", "[SL:ARTIST", "[SL:BOOK"}
    starts = {piece for piece in PIECES if piece.startswith("▁")}
    continuations = set(PIECES) - starts
    assert allowed_next(constraint, vocabulary) == intents
    assert allowed_next(constraint, vocabulary, "[IN:BUY") == slots | starts | {"]"}
    assert allowed_next(constraint, vocabulary, "[IN:BUY", "[SL:BOOK") == intents | starts | {"]"}
    assert allowed_next(constraint, vocabulary, "[IN:BUY", "▁a") == slots | starts | continuations | {"]"}
    assert allowed_next(constraint, vocabulary, "[IN:BUY", "▁") == continuations
    assert allowed_next(constraint, vocabulary, "[IN:BUY", "]") == {"<eos>"}
    bare = Vocabulary.build(TAGS, ["▁", "▁a"])  # a bare word start, and nothing that could continue it
    assert "▁" not in allowed_next(TreeConstraint(bare.tokens, trees=True, maxlen=9), bare, "[IN:BUY")


def test_classes_of_odd_tokens():
    odd = {"[IN:": 0, "[SL:": 0, "[IN:A]": 0, "a]": 0, "▁[": 0, "<unk>": 0, "<slu>": 0, "]": 3, "▁": 6, "<": 7}
    assert {token: token_class(token) for token in odd} == {t: TokenClass(c) for t, c in odd.items()}


def test_no_tags_no_trees():
    with pytest.raises(UserError, match="no tree tags"):
        TreeConstraint(Vocabulary.build([], ["▁a"]).tokens, trees=True, maxlen=9)
    with pytest.raises(UserError, match="no room for a tree"):
        SearchConfig(constrain_trees=True, maxlen=2)


@pytest.mark.parametrize("maxlen", [3, 4, 7, 15])
@pytest.mark.parametrize("seed", range(3))
def test_constrained_search_of_a_random_model_finds_valid_trees_alone(vocabulary, train_args, speech, seed, maxlen):
    trained = Trained.of(tiny_model(vocabulary, seed), train_args)
    search = Speech2Understand(trained=trained, maxlen=maxlen, nbest=4, constrain_trees=True)
    nbest = search.nbest(speech)
    for results in nbest:
        assert results
        for result in results:
            parse(result.tree)
            assert result.frame is not None
            assert len(result.tokens) < maxlen
            assert -1e3 < result.score < 0
    words = Speech2Understand(trained=trained, maxlen=maxlen, task="asr", constrain_trees=True)(speech[:4])
    assert all(result.frame is None and not any(map(is_tag, result.tokens)) for result in words)
