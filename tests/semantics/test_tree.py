"""Trees: what is read is written back, and what is wrong is named."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_atat.semantics.tree import Tree, TreeError, check_tree, is_tag, looks_like_tree, parse, strip_tags

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
def nodes(draw: st.DrawFn, prefix: str = "IN:", depth: int = 3) -> Tree:
    """Valid trees: intents and slots take turns, down to a depth."""
    below = words if depth == 0 else words | nodes("SL:" if prefix == "IN:" else "IN:", depth - 1)
    return Tree(prefix + draw(names), tuple(draw(st.lists(below, max_size=4))))


@given(nodes())
def test_every_valid_tree_survives_the_round_trip(node):
    text = node.serialise()
    assert parse(text) == node
    assert parse(text).serialise() == text
    assert strip_tags(text) == node.words()


@given(nodes(), st.data())
def test_a_tree_short_of_any_one_tag_is_no_tree(node, data):
    tokens = node.tokens()
    tags = [index for index, token in enumerate(tokens) if is_tag(token)]
    tokens.pop(data.draw(st.sampled_from(tags)))
    assert not is_valid(" ".join(tokens))


def test_parts_of_a_tree():
    tree = parse(NESTED)
    assert (tree.is_intent, tree.is_slot, tree.name) == (True, False, "GET_DIRECTIONS")
    assert tree.words() == ["to", "the", "fair", "now"]
    slots = {"SL:DESTINATION": ["the", "fair"], "SL:CATEGORY": ["fair"], "SL:DATE": ["now"]}
    assert [(slot.label, slot.words()) for slot in tree.slots()] == list(slots.items())
    path = ("IN:GET_DIRECTIONS", "SL:DESTINATION", "IN:GET_EVENT", "SL:CATEGORY")
    assert [path for path, _ in tree.walk()][3] == path


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
def test_what_is_wrong_is_named_with_its_place(text, message):
    with pytest.raises(TreeError, match=message):
        parse(text)


def test_brackets_that_close_can_be_read_without_being_valid():
    text = "[SL:B [SL:C it ] [IN:A [IN:A now ] ] ]"
    tree = parse(text, nesting=False)
    assert tree.serialise() == text
    with pytest.raises(TreeError, match="root is a slot"):
        check_tree(tree)
    with pytest.raises(TreeError, match="unclosed"):
        parse("[SL:B it", nesting=False)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Tree("IN:A", ("put ]",)), r"stray '\]' at token 4"),
        (Tree("IN:A", ("put it", "")), "empty or holds a space"),
        (Tree("A", ("x",)), "label without"),
        (Tree("IN:A", (Tree("IN:B", ()),)), "intent directly under intent"),
    ],
)
def test_validate_checks_trees_made_by_hand(node, message):
    with pytest.raises(TreeError, match=message):
        check_tree(node)


def test_tags_are_told_from_words():
    tokens = ["[IN:A", "[SL:B", "]", "in:a", "a]", "[x", "kitchen"]
    assert [token for token in tokens if is_tag(token)] == ["[IN:A", "[SL:B", "]"]
    assert strip_tags(LIGHTS) == ["make", "the", "kitchen", "lights", "blue"]
    assert strip_tags(["]", "a", "[IN:A", "b", "]", "]"]) == ["a", "b"]
    texts = {"  [IN:A it": True, "[ROOM x ]": True, "make it blue": False, "": False}
    assert {text: looks_like_tree(text) for text in texts} == texts


def test_thousands_of_open_brackets_are_read_without_recursion():
    depth = 20_000
    text = " ".join(["[IN:A", "[SL:B"] * depth + ["x"] + ["]"] * (2 * depth))
    tree = parse(text)
    assert tree.words() == ["x"]
    assert tree.serialise() == text


def test_speed_of_validation():
    """300 000 trees in well under 30 s: at least 30 000 a second with room for a busy machine."""
    trees = [NESTED, LIGHTS, NESTED.replace("]", "", 1)] * 2_000
    random.Random(0).shuffle(trees)
    start = time.process_time()
    valid = sum(map(is_valid, trees))
    seconds = time.process_time() - start
    assert valid == 4_000
    assert seconds < 6_000 / 300_000 * 30


def check(words, text):
    """A corpus's tree is read as it stands; returns 1."""
    tree = parse(text)
    assert (tree.serialise(), " ".join(tree.words())) == (text, words)
    return 1


def test_all_trees_of_mini(root):
    count = 0
    for path in sorted((root / "egs2/atat/mini/corpus").glob("*.tsv")):
        header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        for row in rows if "tree" in header else ():
            count += bool(row[header.index("tree")]) and check(row[header.index("words")], row[header.index("tree")])
    assert count == 13_802


@pytest.mark.parametrize(("split", "rows"), [("train", 31_279), ("eval", 4_462), ("test", 9_042)])
def test_all_trees_of_top(real_corpus, split, rows):
    lines = (real_corpus("top") / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    assert sum(check(*line.split("\t")[1:]) for line in lines) == rows
