"""The token list: its rules, its files and its growth."""

import pytest

from espnet_atat.errors import UserError
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary

SMALL = Vocabulary.build(["]", "[IN:PLAY"], ["▁play", "a"])


def test_order_is_control_tokens_then_sorted_tags_then_pieces_as_given():
    vocabulary = Vocabulary.build(["]", "[SL:SONG", "[IN:PLAY", "]"], ["▁z", "▁a", "▁z", "]"])
    assert vocabulary.tokens == (*CONTROL_TOKENS, "[IN:PLAY", "[SL:SONG", "]", "▁z", "▁a")


def test_control_ids_never_depend_on_the_corpus():
    assert CONTROL_TOKENS == ("<blank>", "<unk>", "<eos>", "<asr>", "<slu>", "<mlm>", "<nlu>")
    assert (SMALL.ids(["<blank>"]), SMALL.unknown_id, SMALL.eos_id) == ([0], 1, 2)
    assert SMALL.task_ids == {"asr": 3, "slu": 4, "mlm": 5, "nlu": 6}


@pytest.mark.parametrize(
    ("tokens", "complaint"),
    [
        (("a", "b"), "a token list starts with <blank>"),
        (CONTROL_TOKENS[:-1], "a token list starts with <blank>"),
        ((*CONTROL_TOKENS, "a", "b", "a"), "line 10: 'a' occurs twice"),
        ((*CONTROL_TOKENS, ""), "line 8: '' is empty or holds white space"),
        ((*CONTROL_TOKENS, "a b"), "line 8: 'a b' is empty or holds white space"),
    ],
)
def test_a_broken_list_is_refused(tokens, complaint):
    with pytest.raises(UserError, match=complaint):
        Vocabulary(tokens)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "tokens.txt"
    path.write_text("\n".join([*CONTROL_TOKENS, "▁a", "▁a"]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"tokens\.txt: token list, line 9: '▁a' occurs twice"):
        Vocabulary.load(path)


def test_saved_and_loaded_is_the_same_list_and_an_unknown_token_has_the_id_of_unk(tmp_path):
    SMALL.save(tmp_path / "tokens.txt")
    loaded = Vocabulary.load(tmp_path / "tokens.txt")
    assert loaded == SMALL
    assert loaded.ids(["▁play", "nothing"]) == [SMALL.ids(["▁play"])[0], SMALL.unknown_id]
    assert "nothing" not in loaded


def test_growth_appends_unseen_tokens_and_moves_none():
    grown = SMALL.grow(["[SL:BOOK", "▁play", "ü", "[SL:BOOK"])
    assert grown.tokens == (*SMALL.tokens, "[SL:BOOK", "ü")
    assert grown.extends(SMALL)
    assert not SMALL.extends(grown)
    assert SMALL.grow(SMALL.tokens) == SMALL
    assert SMALL.grow(["[SL:BOOK"]).grow(["ü"]) == grown
