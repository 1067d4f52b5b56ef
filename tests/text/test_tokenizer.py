"""Targets to tokens and back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import Tree
from espnet_atat.text.tokenizer import WORD_START, CharTokenizer, TargetTokenizer, is_whole, target_words
from espnet_atat.text.vocabulary import CONTROL_TOKENS, TASKS, Vocabulary
from tests.toy import UTTERANCES

INTENTS = sorted({token[1:] for _, tree in UTTERANCES for token in tree.split() if token.startswith("[IN:")})
SLOTS = sorted({token[1:] for _, tree in UTTERANCES for token in tree.split() if token.startswith("[SL:")})
LETTERS = sorted({letter for words, _ in UTTERANCES for letter in words if letter != " "})

words = st.text(st.sampled_from(LETTERS), min_size=1, max_size=8)


def trees(depth: int = 3) -> st.SearchStrategy[Tree]:
    """Valid trees over the toy's tags, of any words that the toy's letters spell."""
    below = words if depth == 0 else words | slots(depth - 1)
    return st.builds(Tree, st.sampled_from(INTENTS), st.lists(below, max_size=4).map(tuple))


def slots(depth: int) -> st.SearchStrategy[Tree]:
    below = words if depth == 0 else words | trees(depth - 1)
    return st.builds(Tree, st.sampled_from(SLOTS), st.lists(below, max_size=4).map(tuple))


anything = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("transcript", "tree"), UTTERANCES)
def test_round_trip_of_every_utterance(tokenizer, transcript, tree, task):
    for target in (transcript, tree):
        ids = tokenizer.encode(f"<{task}> {target}")
        assert ids[0] == tokenizer.vocabulary.task_id(task)
        assert tokenizer.vocabulary.unknown_id not in ids
        assert tokenizer.decode([*ids, tokenizer.vocabulary.eos_id]) == target


@anything
@given(tree=trees())
def test_round_trip_of_every_tree_and_tags_are_never_split(tokenizer, tree):
    target = tree.serialise()
    assert tokenizer.decode(tokenizer.encode(target)) == target
    tokens = tokenizer.tokens(target)
    assert [token for token in tokens if is_whole(token)] == [token for token in tree.tokens() if is_whole(token)]


@anything
@given(text=st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6), max_size=6))
def test_no_word_of_any_script_loses_the_utterance(tokenizer, text):
    text = [word for word in text if not is_whole(word)]
    ids = tokenizer.encode(" ".join(["<asr>", *text]))
    assert ids[0] == tokenizer.vocabulary.task_id("asr")
    assert all(0 <= i < len(tokenizer.vocabulary) for i in ids)
    assert isinstance(tokenizer.decode(ids), str)


def test_an_unknown_character_costs_that_character_alone(tokenizer):
    ids = tokenizer.encode("[IN:PLAY play [SL:SONG moön rain ] ]")
    assert ids.count(tokenizer.vocabulary.unknown_id) == 1
    assert tokenizer.decode(ids) == "[IN:PLAY play [SL:SONG mo⁇n rain ] ]"


def test_a_piece_outside_the_vocabulary_falls_apart_into_characters(toy, vocabulary):
    without = Vocabulary(tuple(token for token in vocabulary.tokens if token not in ("▁moon", "▁mo", "mo", "on")))
    tokens = TargetTokenizer(without, toy.bpemodel).tokens("moon")
    assert tokens == [WORD_START, *"moon"]
    assert TargetTokenizer.join(tokens) == "moon"


def test_a_missing_bpe_model_is_an_error_that_names_it(tmp_path, vocabulary):
    with pytest.raises(UserError, match=r"bpe\.model: no such BPE model"):
        TargetTokenizer(vocabulary, tmp_path / "bpe.model")


def test_the_ctc_spells_the_words_of_a_target(toy):
    ctc = CharTokenizer(toy.characters.read_text(encoding="utf-8").splitlines())
    spelt = [ctc.characters[i] for i in ctc.encode("<slu> [IN:PLAY [SL:SONG it up ] ]")]
    assert spelt == ["i", "t", "<space>", "u", "p"]
    assert ctc.encode("ü") == [1]
    assert ctc.encode("<asr>") == []
    assert set(ctc.characters[3:]) == set(LETTERS)


def test_a_character_list_without_its_three_symbols_is_refused():
    with pytest.raises(UserError, match="a character list starts with <blank> <unk> <space>"):
        CharTokenizer(["a", "b"])


def test_target_words_are_neither_tags_nor_task_tokens():
    assert target_words("<slu> [IN:PLAY play [SL:SONG rain ] ]") == ["play", "rain"]
    assert all(is_whole(token) for token in (*CONTROL_TOKENS, "[IN:A", "[SL:B", "]"))
    assert not is_whole("rain")
