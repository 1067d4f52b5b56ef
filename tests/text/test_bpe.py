"""The decoder's vocabulary made from targets."""

import subprocess
import sys

import pytest

from espnet_atat.errors import UserError
from espnet_atat.text.bpe import make_target_model, pieces, train_bpe
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer
from espnet_atat.text.vocabulary import CONTROL_TOKENS

TARGETS = [
    "[IN:PLAY_MUSIC play [SL:SONG paper moon ] ]",
    "[IN:PLAY_MUSIC play paper moon by [SL:ARTIST anna o'hara ] ]",
    "the moon is made of paper",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    facts = make_target_model(TARGETS, 60, folder)
    assert facts == {name: len((folder / f"{name}.txt").read_text().splitlines()) for name in ("tokens", "characters")}
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return TargetTokenizer.load(folder)


def test_tags_are_whole_and_words_come_back(tokenizer):
    for target in TARGETS:
        tokens = tokenizer.tokens(target)
        assert tokenizer.join(tokens) == target
        assert [token for token in tokens if "[" in token] == [token for token in target.split() if "[" in token]
        assert "<unk>" not in tokenizer.decode(tokenizer.encode(target))


def test_the_list_is_control_tokens_then_tags_then_pieces_of_words_alone(folder, tokenizer):
    tokens = tokenizer.vocabulary.tokens
    tags = ("[IN:PLAY_MUSIC", "[SL:ARTIST", "[SL:SONG", "]")
    assert tokens[: len(CONTROL_TOKENS) + len(tags)] == (*CONTROL_TOKENS, *tags)
    assert not any("[" in token or "]" in token for token in tokens[len(CONTROL_TOKENS) + len(tags) :])
    characters = (folder / "characters.txt").read_text(encoding="utf-8").splitlines()
    assert CharTokenizer(characters).characters[3:] == tuple("'abdefhilmnoprsty")


@pytest.mark.parametrize("lines", [["a"], ["stop"], ["play", "play it"]])
def test_a_tiny_corpus_gives_fewer_pieces_than_asked(lines):
    found = pieces(train_bpe(lines, 500))
    assert {character for line in lines for character in line if character != " "} <= set(found)
    assert len(found) < 500


@pytest.mark.parametrize(
    ("lines", "size", "message"),
    [(TARGETS[2:], 4, r"4 BPE pieces cannot hold the 1. characters"), (["", "  "], 10, "no words")],
)
def test_what_makes_no_model_is_an_error(lines, size, message):
    with pytest.raises(UserError, match=message):
        train_bpe(lines, size)


def test_the_same_words_give_the_same_bytes_in_another_process():
    script = f"import sys; from espnet_atat.text import bpe; sys.stdout.buffer.write(bpe.train_bpe({TARGETS!r}, 60))"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert other.stdout == train_bpe(TARGETS, 60)
