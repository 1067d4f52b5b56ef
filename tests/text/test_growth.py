"""Tokens of a new corpus behind those of an old one, and pieces of a second BPE model."""

import pytest
from hypothesis import HealthCheck, given, settings

from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import parse
from espnet_atat.text.growth import BPEGrowth, grow
from espnet_atat.text.token_folder import grow_folder
from espnet_atat.text.tokenizer import GROWN_WORDS_FILE, TargetTokenizer, load_grown_words
from tests.text.test_tokenizer import trees
from tests.toy import UTTERANCES

NEW_TARGETS = ["<nlu> [IN:BUY play [SL:BOOK moön 7 ] ]", "<nlu> [IN:BUY [SL:AUTHOR ann ] [SL:PRICE öre ] ]"]
#: Words that the toy's BPE model, of 50 pieces, has but letters for.
LONG_TARGETS = [
    "[IN:BUY play rhapsody [SL:BOOK thistledown ] ]",
    "[IN:BUY thistledown [SL:AUTHOR ann rhapsody ] ]",
    "[IN:BUY the [SL:BOOK moon ] ]",
]
LATER_TARGETS = ["[IN:SELL thistledown [SL:BOOK wintergreen ] ]", "[IN:SELL wintergreen moon ]"]
GROWTH = BPEGrowth(size=60, pieces_per_word=3)


@pytest.fixture(scope="module")
def grown(tokenizer) -> TargetTokenizer:
    return grow(tokenizer, LONG_TARGETS, GROWTH)


def new_tokens(before: TargetTokenizer, after: TargetTokenizer) -> tuple[str, ...]:
    assert after.vocabulary.extends(before.vocabulary)
    return after.vocabulary.tokens[len(before.vocabulary) :]


def test_growth_adds_unseen_tags_then_characters(tokenizer):
    new = grow(tokenizer, NEW_TARGETS)
    assert new_tokens(tokenizer, new) == ("[IN:BUY", "[SL:PRICE", "7", "ö")
    assert not new.grown_words
    for target in NEW_TARGETS:
        assert new.vocabulary.unknown_id not in new.encode(target)
        assert new.decode(new.encode(target)) == target.removeprefix("<nlu> ")


def test_known_targets_grow_nothing(tokenizer):
    for bpe in (None, GROWTH):
        new = grow(tokenizer, ["<slu> [IN:PLAY play [SL:SONG moon ] ]"], bpe)
        assert (new.vocabulary, new.grown_words) == (tokenizer.vocabulary, {})


def test_words_of_many_pieces_get_pieces_of_their_own(tokenizer, grown):
    assert grown.grown_words.keys() == {"rhapsody", "thistledown"}
    for word, pieces in grown.grown_words.items():
        assert len(tokenizer.tokens(word)) > GROWTH.pieces_per_word
        assert grown.tokens(word) == list(pieces)
        assert len(pieces) < len(tokenizer.tokens(word))
    added = new_tokens(tokenizer, grown)
    assert added[0] == "[IN:BUY", "tags come first"
    pieces = {piece for split in grown.grown_words.values() for piece in split}
    assert set(added[1:]) == pieces - set(tokenizer.vocabulary.tokens), "only what is used, and nothing twice"
    assert list(added[1:]) == sorted(added[1:])


def test_all_other_words_are_split_as_before(tokenizer, grown):
    for _, tree in UTTERANCES:
        assert grown.encode(tree) == tokenizer.encode(tree)
    assert grown.tokens("rhapsodys") == tokenizer.tokens("rhapsodys"), "exactly those words"
    mixed = grown.tokens("play rhapsody the moon")
    assert mixed == [*tokenizer.tokens("play"), *grown.grown_words["rhapsody"], *tokenizer.tokens("the moon")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees())
def test_round_trip_of_every_tree_though_all_its_words_were_split_anew(tokenizer, tree):
    target = tree.serialise()
    assert parse(target)
    grown = grow(tokenizer, [target], BPEGrowth(size=60, pieces_per_word=1))
    assert grown.vocabulary.unknown_id not in grown.encode(target)
    assert grown.decode(grown.encode(target)) == target


def test_grown_twice_the_first_growth_stays(grown):
    twice = grow(grown, LATER_TARGETS, GROWTH)
    assert twice.grown_words.items() > grown.grown_words.items()
    assert twice.grown_words.keys() - grown.grown_words.keys() == {"wintergreen"}
    assert new_tokens(grown, twice)[0] == "[IN:SELL"
    for target in (*LONG_TARGETS, *(tree for _, tree in UTTERANCES)):
        assert twice.encode(target) == grown.encode(target)
    for target in (*LONG_TARGETS, *LATER_TARGETS):
        assert twice.decode(twice.encode(target)) == target
    assert grow(grown, LATER_TARGETS).grown_words == grown.grown_words, "without a second model they stay too"


def test_a_word_that_the_second_model_splits_no_coarser_is_left_alone(tokenizer):
    letters = len(set("thistledown")) + 2  # <unk>, the word's start: no room for a merge
    assert not grow(tokenizer, ["thistledown"], BPEGrowth(size=letters, pieces_per_word=3)).grown_words


def test_folders_hold_all_of_it_and_the_same_bytes_each_time(toy, tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    for folder in folders[:2]:
        facts = grow_folder(toy.folder, LONG_TARGETS, GROWTH, folder)
    names = {path.name for path in folders[0].iterdir()}
    assert names == {"tokens.txt", "bpe.model", "characters.txt", GROWN_WORDS_FILE}
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)
    old, new = TargetTokenizer.load(toy.folder), TargetTokenizer.load(folders[0])
    expected = grow(old, LONG_TARGETS, GROWTH)
    assert (new.vocabulary, new.grown_words) == (expected.vocabulary, expected.grown_words)
    assert facts == {
        "tokens": len(new.vocabulary),
        "new tokens": len(new.vocabulary) - len(old.vocabulary),
        "words split differently": len(new.grown_words),
    }
    grow_folder(folders[0], LATER_TARGETS, None, folders[2])
    assert load_grown_words(folders[2] / GROWN_WORDS_FILE) == new.grown_words


@pytest.mark.parametrize("options", [{"size": 0}, {"pieces_per_word": -1}])
def test_options_are_checked(options):
    size, pieces = {"size": 500, "pieces_per_word": 3, **options}.values()
    with pytest.raises(UserError, match=rf"grow_bpe: size \({size}\) and pieces_per_word \({pieces}\) are at least 1"):
        BPEGrowth(**options)


def test_a_broken_list_of_words_is_named(tmp_path):
    path = tmp_path / GROWN_WORDS_FILE
    with pytest.raises(UserError, match=r"grown_words\.txt: no such file; stage 11"):
        load_grown_words(path)
    path.write_text("moon ▁mo n\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"grown_words\.txt: the pieces of 'moon' join to '▁mon'"):
        load_grown_words(path)
