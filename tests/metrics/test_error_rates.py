"""Levenshtein counts: worked examples, and agreement with the textbook's recursion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.errors import UserError
from espnet_atat.metrics.error_rates import edit_counts, load_bpe
from espnet_atat.metrics.scoring import count_edits
from espnet_atat.text.bpe import train_bpe


@pytest.mark.parametrize(
    ("reference", "predicted", "substitutions", "insertions", "deletions"),
    [
        ("turn on the lights", "turn on the lights", 0, 0, 0),
        ("turn on the lights", "turn off the lights", 1, 0, 0),
        ("turn on the lights", "turn the lights", 0, 0, 1),
        ("turn on the lights", "please turn on all the lights", 0, 2, 0),
        ("turn on the lights", "on the light now", 1, 1, 1),
        ("turn on the lights", "", 0, 0, 4),
        ("", "turn on", 0, 2, 0),
        ("", "", 0, 0, 0),
    ],
)
def test_words(reference, predicted, substitutions, insertions, deletions):
    counts = edit_counts(reference.split(), predicted.split())
    assert counts == (substitutions, insertions, deletions, len(reference.split()))


def test_characters_count_the_spaces_between_words():
    counts = count_edits(["so", "what"], ["sowhat"], None)  # 7 characters, the space is deleted
    for unit, expected in (("char", [0, 0, 1, 7]), ("word", [1, 0, 1, 2])):
        kinds = ("substitutions", "insertions", "deletions", "reference")
        assert [counts[f"{unit}_{kind}"] for kind in kinds] == expected
    assert "token_reference" not in counts


def textbook_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        previous, row = row, [i]
        for j, b in enumerate(other, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (a != b)))
    return row[-1]


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_fewest_edits(one, other):
    counts = edit_counts(list(one), list(other))
    substitutions, insertions, deletions, _ = counts
    assert substitutions + insertions + deletions == textbook_distance(one, other)
    assert len(one) + insertions - deletions == len(other)
    assert counts == edit_counts(one, other)


def test_tokens_of_a_sentencepiece_model(tmp_path):
    lines = ["turn on the lights", "turn off the lights", "turn the light down"]
    (tmp_path / "bpe.model").write_bytes(train_bpe(lines * 20, 40))
    tokenise = load_bpe(tmp_path / "bpe.model")
    assert "".join(tokenise("turn on the lights")).replace("▁", " ").strip() == "turn on the lights"
    counts = count_edits(["turn", "on"], ["turn"], tokenise)
    assert counts["token_reference"] == len(tokenise("turn on"))
    assert counts["token_deletions"] == len(tokenise("turn on")) - len(tokenise("turn"))
    assert counts["token_substitutions"] == counts["token_insertions"] == 0


def test_a_bpe_model_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.model: there is no such"):
        load_bpe(tmp_path / "none.model")
    (tmp_path / "bad.model").write_text("no model\n")
    with pytest.raises(UserError, match=r"bad\.model: not a sentencepiece model"):
        load_bpe(tmp_path / "bad.model")
