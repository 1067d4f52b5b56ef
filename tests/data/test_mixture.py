"""A mixture: read strictly, drawn at random, written as plain files."""

import pytest

from espnet_atat.data.mixture import Part, examples_of, group_of, parse_mixture, stream_options, task_of, write_mixture
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from tests.toy import UTTERANCES, Toy, make_toy

GOOD = {"task": "slu", "set": "toy/audio"}


def ids_of(part: Part, toy: Toy) -> set[str]:
    sources, targets = examples_of(part, toy.dump)
    assert sources.keys() == targets.keys()
    return {utt_id.removeprefix(f"{part.group}-") for utt_id in sources}


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("slu", "entry 2: needs the keys task, set, weight"),
        ({"task": "slu"}, "entry 2: the key 'set' is missing"),
        ({**GOOD, "wait": 3}, "entry 2: unknown key 'wait'.*; known: task, set, weight"),
        ({**GOOD, "task": "st"}, "entry 2: unknown task 'st': the tasks are asr, slu, mlm, nlu"),
        ({**GOOD, "task": ["slu"]}, r"entry 2: task: is a text, found .'slu'"),
        ({**GOOD, "task": None}, "entry 2: the key 'task' is missing"),
        ({**GOOD, "set": "toy/au-dio"}, "entry 2: set is recipe/name, the name without '-'"),
        ({**GOOD, "weight": True}, "entry 2: weight: is a number, found True"),
        ({**GOOD, "limit": -1}, "entry 2: limit is a number above 0, found -1"),
        ({**GOOD, "limit": 0.1, "complement": "no"}, "entry 2: complement: is true or false, found 'no'"),
    ],
)
def test_a_bad_entry_is_named_by_its_number(entry, complaint):
    with pytest.raises(UserError, match=f"recipe: train: {complaint}"):
        parse_mixture([GOOD, entry], "recipe: train")


@pytest.mark.parametrize("entries", [None, [], {"task": "slu"}, "just words"])
def test_what_is_no_list_is_refused(entries):
    with pytest.raises(UserError, match="recipe: train: a mixture is a list of"):
        parse_mixture(entries, "recipe: train")


def test_each_task_reads_its_source_and_has_its_target(toy):
    transcript, tree = UTTERANCES[0]
    for task, target in {"asr": transcript, "mlm": transcript, "slu": tree}.items():
        sources, targets = examples_of(Part(task, "toy/audio"), toy.dump)
        utt_id = f"{task}-audio-spk0-00"
        assert sources[utt_id].rpartition(":")[0].endswith("feats.ark")
        assert targets[utt_id] == f"<{task}> {target}"
    sources, targets = examples_of(Part("nlu", "toy/words"), toy.dump)
    assert sources["nlu-words-spk0-00"] == transcript
    assert targets["nlu-words-spk0-00"] == f"<nlu> {tree}"


def test_a_label_is_the_bos_and_keeps_task_and_source(toy):
    (part,) = parse_mixture([{**GOOD, "label": "nlu"}], "here")
    sources, targets = examples_of(part, toy.dump)
    assert targets["slu.nlu-audio-spk0-00"] == f"<nlu> {UTTERANCES[0][1]}"
    assert sources.keys() == targets.keys()
    assert part.source == "speech"
    assert task_of(group_of("slu.nlu-audio-spk0-00")) == "slu"
    assert group_of("nlu-music_text-af_heart-00-1") == "nlu-music_text"  # whatever hyphens an utterance has
    entry = {"task": "asr", "set": "toy/audio", "weight": 2, "limit": 0.1, "complement": True}
    assert parse_mixture([entry], "here") == [Part("asr", "toy/audio", 2, 0.1, True)]


@pytest.mark.parametrize(("limit", "expected"), [(0.25, 2), (0.5, 4), (0.9, 7), (3, 3), (8, 8), (100, 8), (1, 1)])
def test_a_limit_and_its_complement_part_the_set(toy, limit, expected):
    chosen = ids_of(Part("slu", "toy/audio", limit=limit), toy)
    rest = ids_of(Part("asr", "toy/audio", limit=limit, complement=True), toy)
    everything = ids_of(Part("slu", "toy/audio"), toy)
    assert len(chosen) == expected
    assert chosen.isdisjoint(rest)
    assert chosen | rest == everything
    assert len(everything) == len(UTTERANCES)


def test_what_a_limit_draws_depends_on_the_set_alone(toy):
    of_task = [ids_of(Part(task, "toy/audio", limit=4), toy) for task in ("slu", "asr", "mlm")]
    assert of_task[0] == of_task[1] == of_task[2]
    assert of_task[0] != set(sorted(ids_of(Part("slu", "toy/audio"), toy))[:4])


def test_a_written_mixture_holds_every_example_once_in_the_files_that_espnet_shall_open(toy, mixture, tmp_path):
    text, speech, text_in = (read_two_column(mixture / name) for name in ("text", "speech.scp", "text_in"))
    assert len(text) == 3 * len(UTTERANCES)
    assert speech.keys() | text_in.keys() == text.keys()
    assert speech.keys().isdisjoint(text_in)
    assert list(text) == sorted(text)
    weights = {group: float(weight) for group, weight in read_two_column(mixture / "groups").items()}
    assert weights == {"slu-audio": 8, "asr-audio": 8, "nlu-words": 8}
    types = [("speech.scp", "speech", "kaldi_ark"), ("text", "text", "text"), ("text_in", "text_in", "text")]
    assert stream_options(mixture) == [(str(mixture / file), *rest) for file, *rest in types]
    write_mixture([Part("nlu", "toy/words")], toy.dump, tmp_path / "only_text")
    assert [name for _, name, _ in stream_options(tmp_path / "only_text")] == ["text", "text_in"]


@pytest.mark.parametrize(("limit", "complement"), [(0.01, False), (100, True)])
def test_a_part_that_takes_nothing_is_refused(toy, tmp_path, limit, complement):
    part = Part("slu", "toy/audio", limit=limit, complement=complement)
    with pytest.raises(UserError, match=rf"slu-audio: nothing of toy/audio is taken with limit {limit}"):
        write_mixture([part], toy.dump, tmp_path / "mixture")


def test_sets_of_one_name_are_told_apart_by_one_of_their_own(toy, tmp_path):
    with pytest.raises(UserError, match="the mixture has slu-audio twice"):
        write_mixture(parse_mixture([GOOD, {**GOOD, "limit": 2}], "mix"), toy.dump, tmp_path / "m")
    parts = parse_mixture([{**GOOD, "weight": 3.5}, {**GOOD, "limit": 2, "name": "toy_audio"}], "mix")
    assert write_mixture(parts, toy.dump, tmp_path / "m") == {"slu-audio": 8, "slu-toy_audio": 2}
    assert read_two_column(tmp_path / "m" / "groups") == {"slu-audio": "3.5", "slu-toy_audio": "2"}
    with pytest.raises(UserError, match="entry 1: name must consist of letters, digits and _, found 'my-audio'"):
        parse_mixture([{**GOOD, "name": "my-audio"}], "mix")


def test_a_set_without_what_the_task_needs_is_refused(toy):
    with pytest.raises(UserError, match=r"words/wav\.scp: no such file, but the mixture trains slu on toy/words"):
        examples_of(Part("slu", "toy/words"), toy.dump)
    with pytest.raises(UserError, match=r"nowhere/text: no such file, but the mixture trains nlu on toy/nowhere"):
        examples_of(Part("nlu", "toy/nowhere"), toy.dump)


@pytest.mark.parametrize(
    ("task", "file", "row", "complaint"),
    [
        ("slu", "audio/target", "", "utterance spk0-03 has no target"),
        ("slu", "audio/target", None, "utterance spk0-03 has no target"),
        ("asr", "audio/text", "", "utterance spk0-03 has no target"),
        ("asr", "audio/text", None, "utterance spk0-03 has no target"),
        ("nlu", "words/text", "", "utterance spk0-03 is empty"),
    ],
)
def test_an_utterance_without_a_target_or_input_is_named(tmp_path, task, file, row, complaint):
    broken = make_toy(tmp_path)
    rows = {**read_two_column(broken.dump / "toy" / file), "spk0-03": row}
    write_two_column(broken.dump / "toy" / file, {key: value for key, value in rows.items() if value is not None})
    with pytest.raises(UserError, match=f"{file}: {complaint}"):
        examples_of(Part(task, f"toy/{file.partition('/')[0]}"), broken.dump)


def test_parts_of_one_set_are_told_apart_for_people():
    part = Part("slu", "toy/audio", weight=10, limit=0.1, complement=True, label="nlu")
    assert part.about == "slu as nlu toy/audio, limit 0.1, weight 10, complement"
    assert Part("slu", "toy/audio").about == "slu toy/audio"
