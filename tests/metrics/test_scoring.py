"""Scores of small sets, every count written out."""

import pytest

from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score, score_files

REF = {
    "u1": "[IN:PLAY play [SL:ARTIST miles davis ] ]",
    "u2": "[IN:PLAY put [SL:SONG blue ] on [SL:ROOM kitchen ] ]",
    "u3": "[IN:STOP stop it ]",
    "u4": "[IN:PLAY play [SL:SONG so ] and [SL:SONG what ] ]",
    "u5": "[IN:STOP stop [SL:ROOM hall ] ]",
    "u6": "[IN:STOP stop ]",
}
HYP = {
    "u1": "[IN:PLAY please [SL:ARTIST miles davis ] ]",  # a carrier word
    "u2": "[IN:PLAY put [SL:SONG blues ] on ]",  # a value; a slot and its word missing
    "u3": "[IN:PLAY stop it [SL:ROOM hall ] ]",  # the intent; a slot too many
    "u4": "[IN:PLAY play [SL:SONG what ] and [SL:SONG so ] ]",  # the same multiset of slots
    "u5": "",  # empty: wrong, not missing
    "u6": "[IN:STOP stop ]",
}


@pytest.fixture(scope="module")
def result():
    return score(REF, HYP, heard_words={"play", "miles", "davis", "stop", "it"}, subsets={"last": ["u6", "u5", "u6"]})


@pytest.mark.parametrize(
    ("figure", "numerator", "denominator"),
    [
        ("em_hypothesis", 3, 6),  # u1, u4, u6
        ("hyper", 3, 6),
        ("em_full", 1, 6),  # u6
        ("intent_accuracy", 4, 6),  # all but u3 and u5
        ("semer", 6, 6 + 6),  # u2: S D; u3: S (intent) I; u5: S (intent) D; 6 slots and 6 utterances
        ("slot_precision", 3, 5),  # u1: 1, u4: 2, of 1 + 1 + 1 + 2
        ("slot_recall", 3, 6),
        ("slot_f1", 2 * 3, 5 + 6),
        ("wer", 8, 16),  # u1: S; u2: S D; u3: I; u4: S S; u5: D D; 3 + 4 + 2 + 4 + 2 + 1 words
        ("bracketing_precision", 7, 10),  # u1: 2; u2: SONG; u4: 3; u6: 1, of 2 + 2 + 2 + 3 + 0 + 1
        ("bracketing_recall", 7, 12),  # of 2 + 3 + 1 + 3 + 2 + 1
        ("bracketing_f1", 2 * 7, 10 + 12),
        ("tree_bracketing_precision", 2, 10),  # u1: ARTIST; u6: the root
        ("tree_bracketing_recall", 2, 12),
        ("tree_bracketing_f1", 2 * 2, 10 + 12),
        ("tree_validity", 5, 6),
        ("em_decoupled", 2, 6),  # u1: only a carrier word is wrong; u6
        ("em_tree", 3, 6),  # u1, u4, u6
        # Matches by name: u1: 1; u2: SONG, 1 of 1 words and 1 of 5 characters off; u4: 2, the nearest first. Left over:
        # u3: a surplus ROOM; u2 and u5: a missed ROOM.
        ("slu_word_f1", 2 * 4, 2 * 4 + (1 + 1) + (1 + 2)),
        ("slu_char_f1", 2 * 4, 2 * 4 + (0.2 + 1) + (0.2 + 2)),
        ("slu_f1", 4 * 4, 4 * 4 + (1 + 1) + (1 + 2) + (0.2 + 1) + (0.2 + 2)),
    ],
)
def test_figures_of_trees(result, figure, numerator, denominator):
    entry = result["figures"][figure]
    assert (entry["numerator"], entry["denominator"]) == (numerator, pytest.approx(denominator))
    assert entry["value"] == pytest.approx(numerator / denominator, abs=1e-15)
    assert entry["utterances"] == 6
    lower, upper = entry["interval"]
    assert lower <= entry["value"] <= upper
    assert lower < upper


def test_kinds_of_errors(result):
    assert result["figures"]["semer"]["parts"] == {"substitutions": 3, "insertions": 1, "deletions": 2}
    assert result["figures"]["wer"]["parts"] == {"substitutions": 4, "insertions": 1, "deletions": 3}
    assert result["figures"]["cer"]["denominator"] == 16 + 19 + 7 + 16 + 9 + 4
    assert "ter" not in result["figures"]
    assert result["invalid"] == {"utterances": 1, "first": {"u5": "empty: there is no tree"}}


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("intent", "PLAY", {"utterances": 3, "predicted": 4, "intent_correct": 3, "hypothesis_correct": 2}),
        ("intent", "PLAY", {"precision": 3 / 4, "recall": 1, "em_hypothesis": 2 / 3, "em_full": 0}),
        ("intent", "STOP", {"utterances": 3, "predicted": 1, "intent_correct": 1, "full_correct": 1}),
        ("slot", "SONG", {"matched": 2, "substituted": 1, "deleted": 0, "inserted": 0, "reference": 3}),
        ("slot", "SONG", {"predicted": 3, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}),
        ("slot", "ROOM", {"matched": 0, "substituted": 0, "deleted": 2, "inserted": 1, "reference": 2}),
        ("slot", "ROOM", {"predicted": 1, "f1": 0}),
    ],
)
def test_breakdown_by_intent_and_slot(result, kind, name, expected):
    assert result[f"by_{kind}"][name].items() >= expected.items()


def test_subsets(result):
    heard, unheard = result["subsets"]["heard"], result["subsets"]["unheard"]  # u1 u3 u6, u2 u4 u5
    assert (heard["utterances"], unheard["utterances"]) == (3, 3)
    for part, hypothesis, full in ((heard, 2, 1), (unheard, 1, 0)):
        assert part["figures"]["em_hypothesis"]["numerator"] == hypothesis
        assert part["figures"]["em_full"]["numerator"] == full
        assert part["figures"]["em_full"]["denominator"] == 3
        assert len(part["figures"]["em_full"]["interval"]) == 2
    assert result["subsets"]["last"]["utterances"] == 2  # an id listed twice is one utterance
    assert result["counts"]["subsets"] == {"heard": [0, 2, 5], "unheard": [1, 3, 4], "last": [4, 5]}


def test_an_empty_subset_has_no_values():
    found = score(REF, HYP, heard_words=set(), subsets={"none": []})["subsets"]
    assert found["heard"]["utterances"] == 0
    nothing = {"value": None, "numerator": 0, "denominator": 0, "utterances": 0, "interval": None}
    assert found["none"]["figures"]["em_full"] == {"title": "EM (full)", **nothing}


@pytest.mark.parametrize(
    ("predicted", "valid", "full", "nodes", "words_wrong"),
    [
        ("[IN:STOP stop [SL:ROOM hall ] ]", 1, 1, 2, 0),
        ("[IN:STOP  stop [SL:ROOM hall ] ] ", 1, 1, 2, 0),  # white space is none of the target
        ("", 0, 0, 0, 2),
        ("[IN:STOP stop [SL:ROOM hall ]", 0, 0, 0, 0),  # an unclosed bracket; its words are right
        ("[IN:STOP stop [SL:ROOM hall ] ] ]", 0, 0, 0, 0),  # a surplus bracket
        ("[IN:STOP stop [SL:ROOM hall ] ] [IN:STOP ]", 0, 0, 0, 0),  # two roots
        ("[IN:STOP stop [SL:ROOM [SL:ROOM hall ] ] ]", 0, 0, 0, 0),  # a slot in a slot
        ("[SL:ROOM stop hall ]", 0, 0, 0, 0),  # the root is a slot
        ("stop hall", 0, 0, 0, 0),  # no tree at all
        ("[IN:STOP stop [SL:ROOM ] hall ]", 1, 0, 2, 0),  # a node without words
        ("[IN:STOP stop [SL:ROOM hall ] [SL:ROOM ] ]", 1, 0, 3, 0),  # a label repeated
    ],
)
def test_edge_cases_of_predictions(predicted, valid, full, nodes, words_wrong):
    figures = score({"u": REF["u5"]}, {"u": predicted})["figures"]
    assert figures["tree_validity"]["numerator"] == valid
    assert figures["em_full"]["numerator"] == full
    assert figures["em_hypothesis"]["numerator"] == full
    assert figures["bracketing_precision"]["denominator"] == nodes
    assert figures["bracketing_recall"]["denominator"] == 2  # the reference's nodes count whatever was predicted
    assert figures["wer"]["numerator"] == words_wrong
    if not valid:
        assert figures["bracketing_precision"]["value"] is None
        assert figures["semer"]["parts"] == {"substitutions": 1, "insertions": 0, "deletions": 1}
        assert figures["semer"]["denominator"] == 2


@pytest.mark.parametrize(
    ("predicted", "valid", "full", "nodes", "matched", "strict"),
    [
        ("[IN:STOP stop [SL:ROOM hall ] ]", 1, 1, 2, 2, (1, 1)),
        ("[IN:STOP stop [SL:ROOM hall ] ] ]", 1, 1, 2, 2, (0, 0)),  # one bracket too many, at the end, is dropped
        ("[IN:STOP stop [SL:ROOM hall ] ] ] ]", 0, 0, 0, 0, (0, 0)),
        ("[IN:STOP stop ] ] [SL:ROOM hall ]", 0, 0, 0, 0, (0, 0)),  # nothing may follow it
        ("", 1, 0, 0, 0, (0, 0)),  # an empty line is a tree without nodes
        ("[IN:STOP stop [SL:ROOM hall ] ] [IN:STOP ]", 1, 0, 3, 2, (0, 0)),  # two roots
        ("oh [IN:STOP stop [SL:ROOM hall ] ]", 1, 0, 2, 0, (0, 0)),  # a word outside, which moves every span
        ("stop hall", 1, 0, 0, 0, (0, 0)),
        ("[IN:STOP stop [SL:ROOM hall] ]", 0, 0, 0, 0, (0, 0)),  # hall] is a word, so a bracket stays open
        ("[IN:STOP stop] [SL:ROOM hall ] ]", 1, 0, 2, 2, (0, 0)),
        ("[IN:STOP stop [SL:ROOM hall ]", 0, 0, 0, 0, (0, 0)),
        ("[IN:STOP stop [IN:ROOM hall ] ]", 0, 0, 0, 0, (0, 0)),
        ("[SL:ROOM stop hall ]", 0, 0, 0, 0, (0, 0)),
        ("[STOP stop hall ]", 0, 0, 0, 0, (0, 0)),
    ],
)
def test_the_scorer_of_top_is_more_lenient(predicted, valid, full, nodes, matched, strict):
    ref, hyp = {"u": REF["u5"]}, {"u": predicted}
    result = score(ref, hyp, scorer="top")
    assert result["info"] == {"scorer": "top"}
    values = [result["figures"][key]["numerator"] for key in ("tree_validity", "em_full", "bracketing_precision")]
    assert values == [valid, full, matched]
    assert result["figures"]["bracketing_precision"]["denominator"] == nodes
    figures = score(ref, hyp)["figures"]
    assert tuple(figures[key]["numerator"] for key in ("tree_validity", "em_full")) == strict


def test_decoupled_trees_have_the_words_of_their_leaf_slots():
    ref = {"u": "[IN:GO to [SL:PLACE the [IN:FIND big [SL:NAME fair ] ] ] now ]"}
    carrier = {"u": "[IN:GO for [SL:PLACE a [IN:FIND [SL:NAME fair ] ] ] ]"}
    value = {"u": "[IN:GO to [SL:PLACE the [IN:FIND big [SL:NAME fare ] ] ] now ]"}
    for hyp, decoupled, tree in ((ref, 1, 1), (carrier, 1, 1), (value, 0, 1), ({"u": "[IN:GO to ]"}, 0, 0)):
        figures = score(ref, hyp)["figures"]
        assert [figures[key]["value"] for key in ("em_decoupled", "em_tree")] == [decoupled, tree]


def test_nested_slots_are_compared_by_their_path():
    ref = {"u": "[IN:GO to [SL:PLACE [IN:FIND the [SL:NAME fair ] ] ] ]"}
    flat = {"u": "[IN:GO to [SL:PLACE the [IN:FIND [SL:NAME fair ] ] ] ]"}
    assert score(ref, flat)["figures"]["em_hypothesis"]["value"] == 1  # the paths and values are the same
    other = {"u": "[IN:GO to [SL:PLACE [IN:SEEK the [SL:NAME fair ] ] ] ]"}
    found = score(ref, other)
    assert found["figures"]["em_hypothesis"]["value"] == 0
    assert found["figures"]["semer"]["parts"] == {"substitutions": 0, "insertions": 1, "deletions": 1}
    assert sorted(found["by_slot"]) == ["PLACE", "PLACE > FIND > NAME", "PLACE > SEEK > NAME"]


FSC = {"u": "[IN:ACTIVATE turn on the [SL:OBJECT_LIGHTS lights ] in the [SL:LOCATION_WASHROOM bathroom ] ]"}


@pytest.mark.parametrize(
    ("predicted", "tuple_right"),
    [
        ("[IN:ACTIVATE turn the [SL:LOCATION_WASHROOM washroom ] [SL:OBJECT_LIGHTS lamps ] on ]", 1),
        ("[IN:ACTIVATE [SL:LOCATION_WASHROOM ] [SL:OBJECT_LIGHTS ] ]", 1),
        ("[IN:ACTIVATE turn on the [SL:OBJECT_LIGHTS lights ] in the [SL:LOCATION_KITCHEN bathroom ] ]", 0),
        ("[IN:DEACTIVATE turn on the [SL:OBJECT_LIGHTS lights ] in the [SL:LOCATION_WASHROOM bathroom ] ]", 0),
        ("[IN:ACTIVATE turn on the [SL:OBJECT_LIGHTS lights ] in the bathroom ]", 0),
        ("[IN:ACTIVATE turn on the [SL:OBJECT_LIGHTS lights ] in the [SL:LOCATION_WASHROOM bathroom ]", 0),
    ],
)
def test_a_tuple_is_read_off_the_tags_and_no_word_counts(predicted, tuple_right):
    found = score(FSC, {"u": predicted}, hypothesis="tags")
    assert found["hypothesis"] == "tags"
    assert found["figures"]["em_hypothesis"]["numerator"] == tuple_right
    assert found["figures"]["em_full"]["numerator"] == 0
    assert score(FSC, {"u": predicted})["figures"]["em_hypothesis"]["numerator"] == 0  # as frames, the values differ


def test_plain_words():
    ref = {"b": "stop it", "a": "play so what", "c": "", "d": "go"}
    hyp = {"a": "play so what", "b": "stop", "c": "uh", "d": ""}
    found = score(ref, hyp, heard_words=["go", "stop", "it"])
    assert found["kind"] == "words"
    assert found["hypothesis"] is None
    assert set(found["figures"]) == {"em_full", "wer", "cer"}
    assert (found["figures"]["wer"]["numerator"], found["figures"]["wer"]["denominator"]) == (3, 6)
    assert (found["figures"]["cer"]["numerator"], found["figures"]["cer"]["denominator"]) == (3 + 2 + 2, 12 + 7 + 0 + 2)
    assert found["figures"]["em_full"]["numerator"] == 1
    assert found["counts"]["subsets"] == {"heard": [1, 2, 3], "unheard": [0]}  # no word was never heard


def test_ids_are_joined_whatever_their_order():
    assert score(REF, dict(reversed(HYP.items())))["counts"] == score(REF, HYP)["counts"]


@pytest.mark.parametrize(
    ("ref", "hyp", "options", "message"),
    [
        ({"a": "x", "b": "y"}, {"a": "x"}, {}, r"predictions: no prediction for 'b'"),
        ({}, {}, {}, "no utterances"),
        (
            {"a": "[IN:A x ]", "b": "x"},
            {"a": "", "b": ""},
            {},
            r"utterance 'b' is plain words 'x', but .* 'a' is a tree",
        ),
        ({"a": "x"}, {"a": "x"}, {"subsets": {"s": ["z"]}}, r"subset 's': utterance 'z' is not in references"),
        ({"a": "x"}, {"a": "x"}, {"subsets": {"heard": []}, "heard_words": ()}, r"subset 'heard' is given twice"),
        ({"a": "x"}, {"a": "x"}, {"hypothesis": "tuple"}, r"unknown hypothesis 'tuple': choose frame or tags"),
    ],
)
def test_what_cannot_be_scored_is_named(ref, hyp, options, message):
    with pytest.raises(UserError, match=message):
        score(ref, hyp, **options)


def test_messages_name_file_and_line(tmp_path):
    def write(name: str, text: str):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    ref = write("ref", "a [IN:A x ]\nb [IN:A y\n")
    with pytest.raises(UserError, match=r"hyp1:2: utterance 'c' is not in the reference"):
        score_files(write("ref1", "a [IN:A x ]\n"), write("hyp1", "a [IN:A x ]\nc [IN:A x ]\n"))
    with pytest.raises(UserError, match=r"hyp2: no prediction for 'b' \(.*ref:2: utterance 'b'\)"):
        score_files(ref, write("hyp2", "a [IN:A x ]\n"))
    with pytest.raises(UserError, match=r"hyp3:3: id 'a' a second time"):
        score_files(ref, write("hyp3", "a x\nb y\na z\n"))
    with pytest.raises(UserError, match=r"ref:2: utterance 'b' has a reference that is not a valid tree"):
        score_files(ref, write("hyp4", "a\nb\n"))


def test_folds_are_pooled(tmp_path):
    for fold, ids in (("1", ("u1", "u2")), ("2", ("u3", "u4", "u5", "u6"))):
        for name, lines in (("ref", REF), ("hyp", HYP)):
            text = "".join(f"{utt_id} {lines[utt_id]}\n" for utt_id in ids)
            (tmp_path / (name + fold)).write_text(text, encoding="utf-8")
    sides = [[tmp_path / f"{name}{fold}" for fold in "12"] for name in ("ref", "hyp")]
    assert score_files(*sides)["figures"] == score(REF, HYP)["figures"]
    with pytest.raises(UserError, match=r"ref1:1: id 'u1' a second time; the first is at .*ref1:1"):
        score_files([tmp_path / "ref1"] * 2, sides[1])
