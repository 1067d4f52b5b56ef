"""benchmarks/real_commands.py and real_phrases.py: sentences are of the grammar, recordings as loud as they say."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks import real_phrases
from benchmarks.real_commands import as_people_record, draw_sentences, recorded_rows, tree_of
from espnet_atat.corpora.builder import Utterance
from espnet_atat.semantics.tree import parse
from espnet_atat.speech.alignment.record import aligned, not_found
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


def test_a_drawn_phrase_has_a_tree_of_its_words():
    phrases = real_phrases.draw_phrases(300, seed=1)
    assert len(set(phrases)) == 300
    trees = [parse(real_phrases.tree_of(words)) for words in phrases]
    assert [" ".join(tree.words()) for tree in trees] == phrases
    assert {tree.name for tree in trees} == {"DO", "PLACE", "NAME"}
    assert real_phrases.tree_of("pick the sweet insipid fruit") == (
        "[IN:DO [SL:ACTION pick ] the [SL:KIND sweet insipid ] [SL:THING fruit ] ]"
    )
    assert real_phrases.tree_of("the fruit picked") is real_phrases.tree_of("fruit") is None


def test_phrases_are_cut_at_the_times_of_their_words():
    said = ["emil", "mowed", "toward", "the", "cherry", "trees", "and", "smelled", "the", "wild", "roses"]
    words = [aligned(word, n / 2, n / 2 + 0.4) for n, word in enumerate(said)]
    sentence = Utterance("237-1", " ".join(said), None, "a.flac", "237")
    cut = [(each.id, each.text, each.audio, each.speaker) for each in real_phrases.phrases_in(sentence, words)]
    assert cut == [
        ("237-1-01", "mowed toward the cherry trees", "a.flac[0.5:2.9]", "237"),
        ("237-1-08", "the wild roses", "a.flac[4.0:5.4]", "237"),
    ]
    words[9] = not_found("wild")
    assert [each.id for each in real_phrases.phrases_in(sentence, words)] == ["237-1-01"]
