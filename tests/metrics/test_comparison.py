"""Comparisons of systems from their metrics alone."""

from functools import cache

import pytest

from espnet_atat.errors import UserError
from espnet_atat.metrics.comparison import compare
from espnet_atat.metrics.scoring import Hypothesis, score

RIGHT, WRONG = "[IN:A x ]", "[IN:B x ]"
REF = {f"u{number:02d}": RIGHT for number in range(40)}


@cache
def system(right: int, **options: Hypothesis):
    """Metrics of a system that has the first ``right`` of 40 utterances right."""
    hyp = {utt_id: RIGHT if number < right else WRONG for number, utt_id in enumerate(REF)}
    return score(REF, hyp, subsets={"first": list(REF)[:10]}, **options)


def test_two_systems():
    found = compare([("a", system(36))], [("b", system(24))])
    assert (found["a"], found["b"], found["utterances"]) == (["a"], ["b"], 40)
    entry = found["figures"]["em_full"]
    assert entry["a"] == {"mean": 0.9, "sd": None}
    assert entry["b"] == {"mean": 0.6, "sd": None}
    assert entry["difference"] == pytest.approx(0.3)
    assert 0 < entry["interval"][0] < 0.3 < entry["interval"][1]
    assert entry["p_value"] < 0.01
    assert entry["better"] == "a"
    # Of an error rate, less is better: the sign turns, the verdict does not.
    assert found["figures"]["hyper"]["difference"] == pytest.approx(-0.3)
    assert found["figures"]["hyper"]["better"] == "a"
    assert found["figures"]["wer"]["better"] is None
    assert found["figures"]["wer"]["p_value"] == 1
    assert found["figures"]["slot_f1"]["difference"] is None  # there are no slots
    first = compare([("a", system(36))], [("b", system(24))], subset="first")
    assert (first["utterances"], first["figures"]["em_full"]["difference"]) == (10, 0)


def test_seeds_are_averaged_per_utterance():
    """A's seeds: 30 and 34 right; B's: 28, 30 and 32. The averages are 32/40 and 30/40."""
    a = [(f"a{right}", system(right)) for right in (30, 34)]
    b = [(f"b{right}", system(right)) for right in (28, 30, 32)]
    entry = compare(a, b)["figures"]["em_full"]
    assert entry["a"]["mean"] == pytest.approx(0.8)
    assert entry["a"]["sd"] == pytest.approx(((0.05**2) * 2) ** 0.5)
    assert entry["b"]["mean"] == pytest.approx(0.75)
    assert entry["difference"] == pytest.approx(0.05)
    # An utterance that one of two seeds has right scores 1/2: so do the differences in the interval.
    assert 0 <= entry["interval"][0] < 0.05 < entry["interval"][1]


def test_the_same_seeds_do_not_differ():
    seeds = [(str(right), system(right)) for right in (29, 30, 37)]
    entry = compare(seeds, seeds[::-1])["figures"]["em_full"]
    assert entry["difference"] == pytest.approx(0)
    assert entry["p_value"] == 1
    assert entry["better"] is None


def test_what_cannot_be_compared_is_named():
    one, fewer = system(3), score({"u00": RIGHT}, {"u00": RIGHT})
    spoken, official = ({**one, "info": {"text_form": form}} for form in ("spoken", "official"))
    words = score(dict.fromkeys(REF, "x"), dict.fromkeys(REF, "x"))
    other = score(REF, REF, subsets={"first": ["u05"]})
    for a, b, subset, message in (
        (one, fewer, None, r"a has utterance 'u01', b has not"),
        (fewer, one, None, r"b has utterance 'u01', a has not"),
        (one, system(3, hypothesis="tags"), None, "b: hypothesis is tags, but frame in a"),
        (spoken, official, None, "b: its text is in the official form, but spoken in a"),
        (spoken, {**one, "info": {"scorer": "top"}}, None, "b: scored by the top scorer, but by the strict one in a"),
        (one, words, None, "b: kind is words, but trees in a"),
        (one, one, "heard", "a: no subset 'heard'; it has first"),
        (one, other, "first", "b: subset 'first' holds other utterances than in a"),
    ):
        with pytest.raises(UserError, match=message):
            compare([("a", a)], [("b", b)], subset=subset)
    assert compare([("a", one)], [("b", official)])["utterances"] == 40  # nothing is known of the one
