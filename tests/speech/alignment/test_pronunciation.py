"""Words outside the dictionary."""

import pytest

from espnet_atat.speech.alignment.pronunciation import by_fallback, by_rules, dictionary, pronounce


def edits(first: list[str], second: list[str]) -> int:
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        new = [i]
        for j, b in enumerate(second, start=1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
    return row[-1]


def test_known_words_have_all_their_variants():
    assert len(dictionary()) > 120_000
    assert pronounce("Tomato") == ("T AH M EY T OW", "T AH M AA T OW")


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


@pytest.mark.parametrize("word", ["", "--", "音楽", "'"])
def test_what_cannot_be_spoken_has_no_pronunciation(word):
    assert pronounce(word) == ()


def test_every_word_of_latin_letters_has_one_of_the_aligner_s_phones():
    known = {phone for phones in dictionary().values() for phone in " ".join(phones).split()}
    for word in ("aq", "xyzzy", "eieio", "tsktsk's", "qwertyuiop", "aaaa", "d'", "o'reillys", "nought's", "queueing"):
        (phones,) = by_fallback(word)
        assert phones
        assert set(phones.split()) <= known


def test_rules_alone_find_three_phones_of_four():
    words = sorted(word for word in dictionary() if word.isalpha())[::97]
    wrong = total = 0
    for word in words:
        guess = by_rules(word).split()
        distance, length = min((edits(guess, phones.split()), len(phones.split())) for phones in dictionary()[word])
        wrong, total = wrong + distance, total + length
    assert wrong / total < 0.25
