"""The one text normalisation: what it removes, what it keeps, and that twice is once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.semantics.normalise import OFFICIAL, Normalisation, normalise_tree, normalise_words
from espnet_atat.semantics.tree import is_tag, parse, strip_tags

switches = st.builds(Normalisation, st.booleans(), st.booleans(), st.booleans())
tricky = st.text() | st.text(alphabet=" .,?!;:\"'’`()[]…–-aAİßΣσǅ\u0301Ω057") | st.text(alphabet="ab .'\"[]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Turn the lights on, please!", "turn the lights on please"),
        ("What ’s to do ?", "what 's to do"),
        ("don’t don`t don´t don't", "don't don't don't don't"),
        ("the dogs' dinner", "the dogs' dinner"),
        ('she said "stop" (twice) ...', "she said stop twice"),
        ("“Hello”   world…", "hello world"),
        ("at 7 : 30 p.m .", "at 7 : 30 p.m"),
        ("at 7:30 P.M.", "at 7:30 p.m"),
        ("1,000 or .5 or 10.30, or 4;46pm", "1,000 or .5 or 10.30 or 4;46pm"),
        ("$5 & more - C/O me", "$5 & more - c/o me"),
        ("well – yes — no ?! ;", "well yes no"),
        ("[laughter] the [ noise ]", "laughter the noise"),
        ("cafe\u0301 CAFÉ", "café café"),
        (" \t ", ""),
    ],
)
def test_examples(text, expected):
    assert normalise_words(text) == expected


@given(tricky, switches)
def test_twice_is_once(text, rules):
    once = normalise_words(text, rules)
    assert normalise_words(once, rules) == once


@given(tricky, switches)
def test_no_word_can_be_read_as_a_tag(text, rules):
    once = normalise_words(text, rules)
    assert strip_tags(once) == once.split()
    assert "[" not in once
    assert "]" not in once
    assert once == " ".join(once.split())


def test_switches():
    text = "What’s ON , Bob ?"
    assert normalise_words(text, OFFICIAL) == text
    assert normalise_words(text, Normalisation(lower_case=False)) == "What's ON Bob"
    assert normalise_words(text, Normalisation(punctuation=False)) == "what's on , bob ?"
    assert normalise_words(text, Normalisation(apostrophes=False)) == "what’s on bob"


def test_tags_are_left_alone():
    tree = parse("[IN:GET_Event What ’s [SL:Date , ] on [SL:PLACE St. James . ] ? ]")
    assert normalise_tree(tree).serialise() == "[IN:GET_Event what 's [SL:Date ] on [SL:PLACE st james ] ]"


def test_on_top_it_removes_free_standing_punctuation_and_nothing_else(real_corpus):
    """The official token splits stay: ``'s``, ``7 : 30``, ``p.m``, ``&`` …"""
    unspoken = set(".,?!;")
    for line in (real_corpus("top") / "eval.tsv").read_text(encoding="utf-8").splitlines():
        _, tokenised, text = line.split("\t")
        expected = [word for word in tokenised.lower().split() if word not in unspoken]
        tree = normalise_tree(parse(text))
        assert tree.words() == expected == normalise_words(tokenised).split()
        tags = [token for token in tree.tokens() if is_tag(token)]
        assert tags == [token for token in text.split() if is_tag(token)]
