"""Texts as a text encoder reads them, with tokenizers whose pieces begin after a space, or with it."""

from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from espnet_atat.errors import UserError
from espnet_atat.text.pieces import read_pieces, words_of_pieces

SPLITTERS = {
    "": pre_tokenizers.Whitespace(),
    "▁": pre_tokenizers.Metaspace(prepend_scheme="first"),
    "Ġ": pre_tokenizers.ByteLevel(add_prefix_space=True),
}


@pytest.mark.parametrize("space", SPLITTERS)
def test_a_piece_knows_its_word_and_lasts_as_long_as_its_letters(space):
    names = [space + word for word in ("play", "the", "moonlight")]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate([*names, "?"])}, unk_token="?"))
    tokenizer.pre_tokenizer = SPLITTERS[space]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?")
    text = "play the moonlight the"
    assert read_pieces(fast, text, 20) == [0, 1, 2, 1]
    assert words_of_pieces(fast, text, 20) == [0, 1, 2, 3]
    slow, words = read_pieces(fast, text, 20, 0.5), words_of_pieces(fast, text, 20, 0.5)
    assert [slow.count(piece) for piece in (0, 2)] == pytest.approx([2, 4.5], abs=0.5)
    assert [slow[words.index(number)] for number in range(4)] == [0, 1, 2, 1]
    assert words == sorted(words)
    assert len(slow) == len(words)
    assert len(read_pieces(fast, text, 5, 0.5)) == 5


def test_a_tokenizer_that_knows_no_places_is_refused():
    with pytest.raises(UserError, match="text_pace and swap_rate need a tokenizer of the library tokenizers"):
        read_pieces(SimpleNamespace(is_fast=False), "play", 5, 0.5)
