"""The choice of sentences that a slow engine says: it holds what the set holds, and depends on the set alone."""

import pytest

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.subset import KINDS, choose_sentences, cover, coverage_of

ROOMS, COLOURS = ("kitchen", "living room", "hall", "attic"), ("red", "blue", "green")
TREES = [
    f"[IN:SET {verb} [SL:ROOM {room} ] {mark} [SL:COLOUR {colour} ] ]"
    for verb, mark in (("make the", "to be"), ("turn", "light"))
    for room in ROOMS
    for colour in COLOURS
] + ["[IN:OFF all off ]"]
WORDS = [" ".join(token for token in tree.split() if not token.startswith("[") and token != "]") for tree in TREES]
SET = DataDir(
    text={f"u{n:02d}": words for n, words in enumerate(WORDS)},
    target={f"u{n:02d}": tree for n, tree in enumerate(TREES)},
)


def test_a_sentence_has_words_values_and_a_phrasing():
    tree = "[IN:GO go [SL:TO home of [IN:PERSON [SL:WHO ann ] ] ] now ]"
    nested = {("slot value", "TO", "home", "of", "ann"), ("slot value", "WHO", "ann")}
    words = {("word", word) for word in ["go", "home", "of", "ann", "now"]}
    assert coverage_of("go home of ann now", tree) == words | nested | {("phrasing", "GO", "go", "[TO]", "now")}
    assert coverage_of("go now", None) == {("word", "go"), ("word", "now")}


def test_a_few_sentences_hold_all_and_more_of_them_begin_with_these():
    few, line = choose_sentences(SET, 5)  # four rooms, three colours, two phrasings; and the other intent
    assert line == "chosen: 5 of 25 sentences, with 16 of 16 words, 7 of 7 slot values, 3 of 3 phrasings"
    assert list(few.text) == sorted(few.text)
    assert few.target == {utt: SET.target[utt] for utt in few.text}
    features = {utt: coverage_of(SET.text[utt], SET.target[utt]) for utt in SET.ids}
    order = cover(features, len(features))
    assert sorted(order) == sorted(features)
    assert all(cover(dict(reversed(features.items())), n) == order[:n] for n in (1, 5, 12))
    missing = {kind: {f for each in features.values() for f in each if f[0] == kind} for kind in KINDS}
    for utt in order:
        new = sum(len(missing[kind] & features[utt]) for kind in KINDS)
        assert new or not any(missing.values()), "what brings nothing comes after all that does"
        missing = {kind: missing[kind] - features[utt] for kind in KINDS}


def test_what_cannot_be_chosen_is_named():
    assert choose_sentences(DataDir(text=SET.text), 100)[1] == "chosen: 25 of 25 sentences, with 16 of 16 words"
    with pytest.raises(UserError, match="at least 1, found 0"):
        choose_sentences(SET, 0)
    with pytest.raises(UserError, match="utterance u00: unclosed bracket"):
        choose_sentences(DataDir(text={"u00": "go"}, target={"u00": "[IN:GO go"}), 1)
