"""The token list: its rules, its files and its growth."""

import pytest

from espnet_atat.errors import UserError
from espnet_atat.text.vocabulary import CONTROL_TOKENS, TASK_SOURCE, TASKS, Vocabulary, task_token

SMALL = Vocabulary.build(["]", "[IN:PLAY"], ["▁play", "a"])


def test_order_is_control_tokens_then_sorted_tags_then_pieces_as_given():
    vocabulary = Vocabulary.build(["]", "[SL:SONG", "[IN:PLAY", "]"], ["▁z", "▁a", "▁z", "]"])
    assert vocabulary.tokens == (*CONTROL_TOKENS, "[IN:PLAY", "[SL:SONG", "]", "▁z", "▁a")


def test_control_ids_never_depend_on_the_corpus():
    assert CONTROL_TOKENS == ("<blank>", "<unk>", "<eos>", "<asr>", "<slu>", "<mlm>", "<nlu>")
    assert (SMALL.id("<blank>"), SMALL.unknown_id, SMALL.eos_id) == (0, 1, 2)
    assert SMALL.task_ids == {"asr": 3, "slu": 4, "mlm": 5, "nlu": 6}


def test_three_tasks_hear_and_one_reads():
    assert dict(TASK_SOURCE) == {"asr": "speech", "slu": "speech", "mlm": "speech", "nlu": "text_in"}


@pytest.mark.parametrize(
    ("tokens", "complaint"),
    [
        (("a", "b"), "a token list starts with <blank>"),
        (CONTROL_TOKENS[:-1], "a token list starts with <blank>"),
        ((*CONTROL_TOKENS, "a", "b", "a"), "line 10: 'a' stands there twice"),
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
    with pytest.raises(UserError, match=r"tokens\.txt: token list, line 9: '▁a' stands there twice"):
        Vocabulary.load(path)


def test_saved_and_loaded_is_the_same_list(tmp_path):
    SMALL.save(tmp_path / "tokens.txt")
    assert Vocabulary.load(tmp_path / "tokens.txt") == SMALL


def test_growth_appends_unseen_tokens_and_moves_none():
    grown = SMALL.grow(["[SL:BOOK", "▁play", "ü", "[SL:BOOK"])
    assert grown.tokens == (*SMALL.tokens, "[SL:BOOK", "ü")
    assert grown.extends(SMALL)
    assert not SMALL.extends(grown)
    assert grown.task_ids == SMALL.task_ids
    assert grown.eos_id == SMALL.eos_id


def test_growing_with_known_tokens_changes_nothing():
    assert SMALL.grow(SMALL.tokens) == SMALL


def test_growing_twice_equals_growing_once_with_both():
    assert SMALL.grow(["x"]).grow(["y"]) == SMALL.grow(["x", "y"])


def test_an_unknown_token_has_the_id_of_unk():
    assert SMALL.ids(["▁play", "nothing"]) == [SMALL.id("▁play"), SMALL.unknown_id]
    assert "nothing" not in SMALL


def test_an_unknown_task_is_named_with_the_known_ones():
    with pytest.raises(UserError, match="unknown task 'st': the tasks are asr, slu, mlm, nlu"):
        task_token("st")
    assert [task_token(task) for task in TASKS] == ["<asr>", "<slu>", "<mlm>", "<nlu>"]
