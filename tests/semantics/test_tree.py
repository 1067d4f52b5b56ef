"""Trees: what is read is written back, and what is wrong is named."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.semantics.tree import (
    Node,
    TreeError,
    is_tag,
    looks_like_tree,
    parse,
    strip_tags,
    validate,
)

LIGHTS = "[IN:SET_LIGHT_COLOR make the [SL:ROOM kitchen ] lights [SL:COLOR blue ] ]"
NESTED = "[IN:GET_DIRECTIONS to [SL:DESTINATION [IN:GET_EVENT the [SL:CATEGORY fair ] ] ] [SL:DATE now ] ]"


def is_valid(text: str) -> bool:
    try:
        parse(text)
    except TreeError:
        return False
    return True


words = st.text(alphabet="abcdé'’7.:-", min_size=1, max_size=5)
names = st.sampled_from(["A", "B_C", "D2", "É"])


@st.composite
def nodes(draw: st.DrawFn, prefix: str = "IN:", depth: int = 3) -> Node:
    """Valid trees: intents and slots take turns, down to a depth."""
    below = words if depth == 0 else words | nodes("SL:" if prefix == "IN:" else "IN:", depth - 1)
    return Node(prefix + draw(names), tuple(draw(st.lists(below, max_size=4))))


@given(nodes())
def test_every_valid_tree_survives_the_round_trip(node: Node) -> None:
    text = node.serialise()
    assert parse(text) == node
    assert parse(text).serialise() == text
    assert is_valid(text)
    assert strip_tags(text) == node.words()


@given(nodes(), st.data())
def test_a_tree_short_of_any_one_tag_is_no_tree(node: Node, data: st.DataObject) -> None:
    tokens = node.tokens()
    tags = [index for index, token in enumerate(tokens) if is_tag(token)]
    tokens.pop(data.draw(st.sampled_from(tags)))
    assert not is_valid(" ".join(tokens))


@given(st.lists(st.sampled_from(["[IN:A", "[SL:B", "]", "a", "b"]), max_size=12))
def test_parsing_agrees_with_validity_on_any_tokens(tokens: list[str]) -> None:
    text = " ".join(tokens)
    if is_valid(text):
        assert parse(text).serialise() == text
    else:
        with pytest.raises(TreeError):
            parse(text)


def test_parts_of_a_tree() -> None:
    tree = parse(NESTED)
    assert (tree.is_intent, tree.is_slot, tree.name) == (True, False, "GET_DIRECTIONS")
    assert tree.words() == ["to", "the", "fair", "now"]
    assert [slot.label for slot in tree.slots()] == ["SL:DESTINATION", "SL:CATEGORY", "SL:DATE"]
    assert [slot.words() for slot in tree.slots()] == [["the", "fair"], ["fair"], ["now"]]
    assert [path for path, _ in tree.walk()][3] == (
        "IN:GET_DIRECTIONS",
        "SL:DESTINATION",
        "IN:GET_EVENT",
        "SL:CATEGORY",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("[IN:A turn [SL:B it ] on", r"unclosed bracket: '\[IN:A' at token 1"),
        ("[IN:A turn [SL:B it", r"unclosed bracket: '\[SL:B' at token 3"),
        ("[IN:A it ] ]", r"stray '\]' at token 4"),
        ("] [IN:A it ]", r"stray '\]' at token 1"),
        ("[IN:A [SL:B [SL:C it ] ] ]", r"slot directly under slot: '\[SL:C' at token 3 is in '\[SL:B'"),
        ("[IN:A now [IN:B it ] ]", r"intent directly under intent: '\[IN:B' at token 3 is in '\[IN:A'"),
        ("[SL:B it ]", r"the root is a slot: '\[SL:B' at token 1"),
        ("[IN:A [ROOM it ] ]", r"label without 'IN:' or 'SL:': '\[ROOM' at token 2"),
        ("[in:a it ]", r"label without 'IN:' or 'SL:': '\[in:a' at token 1"),
        ("[IN:A [SL: it ] ]", r"label without a name: '\[SL:' at token 2"),
        ("[IN:A it ] [IN:B too ]", r"second root '\[IN:B' at token 4"),
        ("please [IN:A it ]", "word 'please' outside the root at token 1, before"),
        ("[IN:A it ] please", "word 'please' outside the root at token 4, after"),
        ("make the kitchen blue", "word 'make' outside the root at token 1"),
        ("[IN:A [SL:B it]]", r"bracket inside a word: 'it\]\]' at token 3; put spaces"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(TreeError, match=message):
        parse(text)
    assert not is_valid(text)


def test_brackets_that_close_can_be_read_without_being_valid() -> None:
    text = "[SL:B [SL:C it ] [IN:A [IN:A now ] ] ]"
    tree = parse(text, nesting=False)
    assert tree.serialise() == text
    with pytest.raises(TreeError, match="root is a slot"):
        validate(tree)
    with pytest.raises(TreeError, match="unclosed"):
        parse("[SL:B it", nesting=False)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node("IN:A", ("put ]",)), r"stray '\]' at token 4"),
        (Node("IN:A", ("put it", "")), "empty or holds a space"),
        (Node("A", ("x",)), "label without"),
        (Node("IN:A", (Node("IN:B", ()),)), "intent directly under intent"),
    ],
)
def test_validate_checks_trees_made_by_hand(node: Node, message: str) -> None:
    with pytest.raises(TreeError, match=message):
        validate(node)


def test_nodes_without_words_are_valid() -> None:
    text = "[IN:ACTIVATE [SL:LOCATION_WASHROOM ] ]"
    assert is_valid(text)
    assert is_valid("[IN:A ]")
    assert parse(text).words() == []


def test_tags_are_told_from_words() -> None:
    assert [token for token in ["[IN:A", "[SL:B", "]", "in:a", "a]", "[x", "kitchen"] if is_tag(token)] == [
        "[IN:A",
        "[SL:B",
        "]",
    ]
    assert strip_tags(LIGHTS) == ["make", "the", "kitchen", "lights", "blue"]
    assert strip_tags(["]", "a", "[IN:A", "b", "]", "]"]) == ["a", "b"]
    assert looks_like_tree("  [IN:A it")
    assert looks_like_tree("[ROOM x ]")
    assert not looks_like_tree("make it blue")
    assert not looks_like_tree("")


def test_thousands_of_open_brackets_are_read_without_recursion() -> None:
    depth = 20_000
    text = " ".join(["[IN:A", "[SL:B"] * depth + ["x"] + ["]"] * (2 * depth))
    tree = parse(text)
    assert tree.words() == ["x"]
    assert tree.serialise() == text


def test_speed_of_validation() -> None:
    """300 000 trees in well under 30 s: at least 30 000 a second with room for a busy machine."""
    trees = [NESTED, LIGHTS, NESTED.replace("]", "", 1)] * 2_000
    random.Random(0).shuffle(trees)
    start = time.process_time()
    valid = sum(map(is_valid, trees))
    seconds = time.process_time() - start
    assert valid == 4_000
    assert seconds < 6_000 / 300_000 * 30


def test_all_trees_of_mini(root) -> None:
    count = 0
    for path in sorted((root / "egs2/atat/mini/corpus").glob("*.tsv")):
        header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        for row in rows if "tree" in header else ():
            words, text = row[header.index("words")], row[header.index("tree")]
            if text:
                tree = parse(text)
                assert tree.serialise() == text
                assert " ".join(tree.words()) == words
                count += 1
    assert count == 9_910


def test_all_trees_of_top(real_corpus) -> None:
    top, count = real_corpus("top"), 0
    for split, rows in [("train", 31_279), ("eval", 4_462), ("test", 9_042)]:
        before = count
        for line in (top / f"{split}.tsv").read_text(encoding="utf-8").splitlines():
            _, tokenised, text = line.split("\t")
            tree = parse(text)
            assert tree.serialise() == text
            assert " ".join(tree.words()) == tokenised
            count += 1
        assert count - before == rows
    assert count == 44_783
