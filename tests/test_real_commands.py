"""benchmarks/real_commands.py: its sentences are of its grammar, and its disturbed recordings as loud as they say."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_commands import as_people_record, draw_sentences, recorded_rows, tree_of
from espnet_atat.corpora.builder import Utterance
from espnet_atat.semantics.tree import parse
from espnet_atat.speech.audio import SAMPLE_RATE, write_audio


def test_what_is_drawn_has_a_tree_of_its_words():
    sentences = draw_sentences(300, seed=1)
    assert sentences == draw_sentences(300, seed=1)
    assert len(set(sentences)) == 300
    trees = [parse(tree_of(words)) for words in sentences]
    assert [" ".join(tree.words()) for tree in trees] == sentences
    assert {"YES", "ENTER", "SPELL", "DIAL", "DATE"} <= {tree.name for tree in trees}


@pytest.mark.parametrize(
    ("words", "tree"),
    [
        ("rubout t g seventy nine", "[IN:RUBOUT rubout [SL:LETTERS t g ] [SL:NUMBER seventy nine ] ]"),
        ("june third nineteen ten", "[IN:DATE [SL:MONTH june ] [SL:DAY third ] [SL:YEAR nineteen ten ] ]"),
        ("enter", None),
        ("area code four one two", None),
    ],
)
def test_trees(words, tree):
    assert tree_of(words) == tree


def test_people_s_recordings_have_silence_and_talk_around_them(tmp_path):
    rng = np.random.default_rng(0)
    people = []
    for n in range(8):
        write_audio(tmp_path / f"{n}.flac", 0.1 * rng.standard_normal(SAMPLE_RATE), SAMPLE_RATE, "FLAC", "PCM_16")
        people.append(Utterance(f"u{n}", "go", None, tmp_path / f"{n}.flac", f"s{n}"))
    talk, room, silent = (as_people_record(people[0], people, around) for around in ("talk", "room", "silence"))
    assert 2 * SAMPLE_RATE <= len(talk) == len(room) == len(silent) <= 6 * SAMPLE_RATE
    for made in (talk, room):
        blocks = 10 * np.log10([np.mean(made[i : i + 4000] ** 2) for i in range(0, len(made) - 4000, 4000)])
        assert 5 < blocks.max() - np.median(blocks[:2]) < 26  # command over what is around it
    assert not silent[: SAMPLE_RATE // 2].any()
    assert not np.array_equal(talk, room)
    assert np.array_equal(talk, as_people_record(people[0], people, "talk"))


def test_recordings_to_learn_from_are_by_other_people_than_those_of_dev_and_test(real_corpus):
    rows = recorded_rows(real_corpus("an4"))
    speakers = defaultdict(set)
    for audio, words, tree, split, speaker in rows:
        assert Path(audio).is_file()
        assert tree == tree_of(words)
        speakers[split].add(speaker)
    assert Counter(row[3] for row in rows) == {"train": 799, "dev": 95, "test": 125}
    assert {split: len(each) for split, each in speakers.items()} == {"train": 66, "dev": 8, "test": 10}
    assert len(set().union(*speakers.values())) == 84
