"""The text encoder's own tokenizer."""

import pytest

from espnet_atat.errors import UserError
from espnet_atat.text.wordpiece import SPECIAL_TOKENS, save_wordpiece, train_wordpiece

LINES = ["play paper moon", "play the paper song by anna", "Play it again", "the moon and the paper"] * 3


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("wordpiece")
    save_wordpiece(train_wordpiece(LINES, 80), folder)
    return AutoTokenizer.from_pretrained(str(folder))


def test_transformers_loads_it_and_a_text_stands_between_cls_and_sep(tokenizer):
    ids = tokenizer("play the moon").input_ids
    assert [tokenizer.convert_ids_to_tokens(i) for i in (ids[0], ids[-1])] == ["[CLS]", "[SEP]"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "play the moon"
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.convert_ids_to_tokens(0) == "[PAD]"


def test_how_words_are_split(tokenizer):
    assert tokenizer.tokenize("paper") == ["paper"]
    assert tokenizer.tokenize("moody") == ["mo", "##o", "##d", "##y"]
    assert tokenizer("PLAY Ännä").input_ids == tokenizer("play anna").input_ids
    assert tokenizer.tokenize("anna's moon") == ["anna", "[UNK]", "s", "moon"]  # a new character that is punctuation
    assert len(tokenizer("moon " * 600, truncation=True).input_ids) == 512


def test_every_character_has_both_forms_and_the_size_is_kept():
    tokens = train_wordpiece(LINES, 50)
    assert len(tokens) == len(set(tokens)) == 50
    assert tuple(tokens[: len(SPECIAL_TOKENS)]) == SPECIAL_TOKENS
    for character in set("".join(LINES).lower()) - {" "}:
        assert {character, f"##{character}"} <= set(tokens)


def test_a_size_below_the_alphabet_is_an_error():
    with pytest.raises(UserError, match=r"take .* or more"):
        train_wordpiece(LINES, 20)
