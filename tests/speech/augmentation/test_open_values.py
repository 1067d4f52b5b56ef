"""Other words in open slots: which slots are open, what stays, and that every word gets its turn."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.config.recipe import load_recipe
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import parse, strip_tags
from espnet_atat.speech.augmentation.open_values import OpenValues, open_set, open_slots, open_trees

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
#: 100 titles, all different, after the same two words and in one of two rooms.
TREES = {
    f"u{i:03d}": f"[IN:PLAY play [SL:SONG the {NUMBERS[i // 10]} {NUMBERS[i % 10]} ] in the [SL:ROOM {room} ] ]"
    for i, room in enumerate(["kitchen", "one"] * 50)
}
NEW = ("saddle", "helmet", "camel")


def made(**options: object) -> list[str]:
    return list(open_trees(TREES, NEW, OpenValues(text="music", words=("broad/train",), **options)))  # type: ignore[arg-type]


def test_a_slot_whose_values_hardly_repeat_is_open() -> None:
    trees = [parse(tree) for tree in TREES.values()]
    assert open_slots(trees, 0.3) == {"SONG"}
    assert open_slots(trees, 0.01) == {"SONG", "ROOM"}
    assert open_slots(trees[:40], 0.3) == set()  # too few to tell


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_words_of_open_slots_are_replaced_but_for_those_that_occur_elsewhere(share: float) -> None:
    trees = made(number=200, share=share)
    assert len(trees) == 200
    for tree in trees:
        song, room = parse(tree).slots()
        assert song.words()[0] == "the"
        assert room.words()[0] in {"kitchen", "one"}
        new = set(song.words()) & set(NEW)
        assert new
        if share == 1.0:
            assert set(song.words()) - new <= {"the", "one"}  # "one" is a room's name too


def test_every_word_is_put_in_as_often_as_any_other_and_every_tree_used() -> None:
    trees = made(number=100, share=1.0)
    counts = Counter(word for tree in trees for word in strip_tags(tree) if word in NEW)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert trees == made(number=100, share=1.0)
    assert trees != made(number=100, share=1.0, seed=1)


def test_words_of_a_domain_that_is_kept_apart_are_not_put_in(tmp_path: Path) -> None:
    DataDir(text={utt: " ".join(strip_tags(tree)) for utt, tree in TREES.items()}, target=TREES).write(tmp_path / "old")
    DataDir(text={"a-1": "the saddle fits", "a-2": "a helmet", "a-3": "one camel"}).write(tmp_path / "words")
    DataDir(text={"b-1": "wash the helmet"}).write(tmp_path / "apart")
    options = OpenValues(text="old", words=("r/words",), without=("r/apart",), number=90, share=1.0)
    (tmp_path / "new").mkdir()
    open_set(tmp_path / "old", [tmp_path / "words"], [tmp_path / "apart"], "new", options, tmp_path / "new")
    made = Counter(word for text in DataDir.load(tmp_path / "new").text.values() for word in text.split())
    assert made["helmet"] == 0
    assert min(made["saddle"], made["camel"], made["fits"]) >= 30


def test_mini_keeps_the_words_of_lights_and_chores_apart() -> None:
    """Table broad says that they are not heard under trees."""
    recipe = Path("egs2/atat/mini")
    files = [tsv.stem for domain in ("lights", "chores") for tsv in (recipe / "corpus").glob(f"{domain}_*.tsv")]
    apart = {f"mini/{name}" for name in files if name != "lights_tuples"}
    assert apart == set(load_recipe("mini").open_values["music_novel"].without)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made(number=0), "number is at least 1"),
        (lambda: made(share=1.5), r"share and variety are in \(0, 1\]"),
        (lambda: made(slots=("ALBUM",)), "no slot of music is open: name some"),
        (lambda: list(open_trees(TREES, ["a", "it's"], OpenValues(text="m", words=("b/t",)))), "b/t has no word"),
    ],
)
def test_what_cannot_be_made_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
