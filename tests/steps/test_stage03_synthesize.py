"""What stage 3 plans for a table that names the engine of its test set; a dry run, so no engine is wanted."""

import pytest

from espnet_atat.datadir import DataDir
from tests.shell import make_clone, run

TEXT = DataDir(text={"top-test-00001": "sing"}, target={"top-test-00001": "[IN:SING sing ]"})


@pytest.fixture
def plan(root, tmp_path):
    """Plans stage 3 of TOP's table 5, whose text is prepared."""
    clone = make_clone(root, tmp_path / "clone")
    for name in ("train", "dev", "test"):
        TEXT.write(clone / "data/top" / name)

    def plan(*options):
        command = ("./run.sh", "--recipe", "top", "--table", "5", "--stage", "3", "--stop_stage", "3", "--dry_run")
        done = run(clone, *command, *options)
        assert done.returncode == 0, done.stderr
        return clone, [line for line in done.stdout.splitlines() if line.startswith("stage 3")]

    return plan


def test_training_and_test_are_said_by_different_engines(plan):
    _, lines = plan()
    assert [line.split(": ")[:2] for line in lines] == [
        ["stage 3, synthesize_train_pico", "data/top/train_pico"],
        ["stage 3, synthesize_dev_pico", "data/top/dev_pico"],
        ["stage 3, synthesize_test_flite", "data/top/test_flite"],
    ]


def test_a_test_set_with_recordings_needs_no_engine(plan):
    clone, _ = plan()
    TEXT.write(clone / "data/top/recorded_test")
    assert plan()[1][-1] == "stage 3: there are recordings of test: it is not said by flite"


def test_several_tables_name_a_set_once(root, tmp_path):
    clone = make_clone(root, tmp_path / "clone")
    for name in ("books_train", "books_dev"):
        TEXT.write(clone / "data/mini" / name)
    done = run(clone, "./run.sh", "--table", "1,5,6", "--stage", "3", "--stop_stage", "3", "--dry_run")
    assert done.returncode == 0, done.stderr
    lines = [line.split(": ")[0] for line in done.stdout.splitlines() if line.startswith("stage 3, ")]
    assert lines == ["stage 3, synthesize_books_train_pico", "stage 3, synthesize_books_dev_pico"]


def test_an_engine_that_is_named_is_the_usual_one_all_the_same(plan):
    _, lines = plan("--synthesize_sets", "train@pico,train", "--tts_engine", "pico")
    assert [line.split(": ")[0] for line in lines] == ["stage 3, synthesize_train_pico"]
