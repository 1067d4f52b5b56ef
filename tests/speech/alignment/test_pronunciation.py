"""Words outside the dictionary."""

import pytest

from espnet_atat.speech.alignment.pronunciation import by_fallback, dictionary, pronounce


def test_known_words_have_all_their_variants_and_any_word_of_latin_letters_one():
    assert len(dictionary()) > 120_000
    assert pronounce("Tomato") == ("T AH M EY T OW", "T AH M AA T OW")
    known = {phone for phones in dictionary().values() for phone in " ".join(phones).split()}
    for word in ("aq", "xyzzy", "eieio", "tsktsk's", "qwertyuiop", "aaaa", "d'", "o'reillys", "nought's", "queueing"):
        (phones,) = by_fallback(word)
        assert phones
        assert set(phones.split()) <= known


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("playlist", "P L EY L IH S T"),
        ("remixes", "R EH M IH K S IH Z"),
        ("24", "T W EH N T IY F AO R"),
        ("7pm", "S EH V AH N P IY EH M"),
        ("café", "K AH F EY"),
        ("bpm", "B IY P IY EH M"),
        ("zorbo", "Z AO R B OW"),
    ],
)
def test_fallback(word, phones):
    assert by_fallback(word) == (phones,)


def test_what_cannot_be_spoken_has_no_pronunciation():
    assert [pronounce(word) for word in ("", "--", "音楽", "'")] == [()] * 4
