"""Shape files and groups to what the sampler draws from."""

from pathlib import Path

import pytest

from espnet_atat.data.shapes import load_groups
from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError


def write(folder: Path, name: str, rows: dict[str, str]) -> str:
    write_two_column(folder / name, rows)
    return str(folder / name)


@pytest.fixture
def shape_files(tmp_path) -> list[str]:
    return [
        write(tmp_path, "speech_shape", {"slu-a-u1": "120,80", "slu-a-u2": "90,80", "asr-b-u-1": "16000"}),
        write(tmp_path, "text_shape", {"slu-a-u1": "7", "slu-a-u2": "5", "asr-b-u-1": "3", "nlu-c-x": "4"}),
        write(tmp_path, "text_in_shape", {"nlu-c-x": "6"}),
    ]


def test_lengths_are_of_the_sources_and_weights_the_files_or_the_number_of_examples(shape_files, tmp_path):
    groups = load_groups(shape_files)
    found = {name: dict(zip(group.ids, group.lengths.tolist(), strict=True)) for name, group in groups.items()}
    assert found == {"slu-a": {"slu-a-u1": 120, "slu-a-u2": 90}, "asr-b": {"asr-b-u-1": 16000}, "nlu-c": {"nlu-c-x": 6}}
    modalities = {"slu-a": ("speech", 2), "asr-b": ("speech", 1), "nlu-c": ("text_in", 1)}
    assert {name: (group.modality, group.weight) for name, group in groups.items()} == modalities
    groups_file = write(tmp_path, "groups", {"slu-a": "3", "asr-b": "0.5", "nlu-c": "1"})
    assert load_groups(shape_files, groups_file)["asr-b"].weight == 0.5
    with pytest.raises(UserError, match="give the shape files speech_shape and / or text_in_shape"):
        load_groups([shape_files[1]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"slu-a": "3", "nlu-c": "1"}, "the group asr-b is not in both this file and the shape files"),
        ({"slu-a": "1", "asr-b": "1", "nlu-c": "1", "slu-z": "1"}, "the group slu-z is not in both this file and the"),
        ({"slu-a": "3", "asr-b": "much", "nlu-c": "1"}, "the weight of asr-b is 'much'"),
    ],
)
def test_groups_that_do_not_fit_are_refused(shape_files, tmp_path, rows, message):
    with pytest.raises(UserError, match=f"groups: {message}"):
        load_groups(shape_files, write(tmp_path, "groups", rows))


def test_groups_may_be_mixed_in_a_file_of_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("espnet_atat.data.text_lines.BLOCK", 64)
    names = ("slu-a", "slu-ab", "asr-ü")
    rows = {f"{name}-ü{number:03d}": f"{number + 1},80" for number in range(50) for name in names}
    file = tmp_path / "speech_shape"
    file.write_text("".join(f"{utt_id} {shape}\n" for utt_id, shape in rows.items()).rstrip(), encoding="utf-8")
    groups = load_groups([str(file)])
    assert tuple(groups) == names
    for name, group in groups.items():
        assert list(group.ids) == [f"{name}-ü{number:03d}" for number in range(50)]
        assert group.lengths.tolist() == list(range(1, 51))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("speech_shape", "slu-a-u1 9,80\n\nslu-a-u2 9,80\n", "a line is empty"),
        ("speech_shape", "slu-a-u1 9,80\nslu-a-u2 8,80\nslu-a-u1 9,80\n", "occurs twice"),
        ("speech_shape", "slu-u1 9,80\n", "slu-u1 is not <task>-<set>-<utterance>"),
        ("speech_shape", "slu-a-u1 long\n", "the shape of slu-a-u1 is 'long'"),
        ("speech_shape", "slu-a-u1 9999999999,80\n", "the shape of slu-a-u1 is '9999999999,80'"),
        ("speech_shape", "slu-a-u1\n", "the shape of slu-a-u1 is ''"),
        ("speech_shape", "st-a-u1 10,80\n", "st-a-u1 does not begin with a task that reads"),
        ("speech_shape", "nlu-a-u1 10,80\n", "nlu-a-u1 does not begin with a task that reads"),
        ("text_in_shape", "slu-a-u1 10\n", "slu-a-u1 does not begin with a task that reads"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name}.*{message}"):
        load_groups([str(tmp_path / name)])
