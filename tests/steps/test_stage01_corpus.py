"""Stages 1, 2 and 6 of a corpus that changes: what is made again, what is skipped, what goes."""

import os
import shutil
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.run import main
from espnet_atat.errors import UserError
from espnet_atat.graph.work import stamp_file
from tests.steps.corpora import stages, write_table

SETS = ("dev", "test", "train")
FEATURES = [f"6 custom/{name}" for name in SETS]
#: From scratch: nothing but features is made.
CALL = ["--recipe", "custom", "--system", "small"]


@pytest.fixture
def table(clone, monkeypatch) -> Path:
    """A corpus of three utterances."""
    monkeypatch.setenv("CUSTOM", str(clone / "table.csv"))
    return write_table(clone)


@pytest.fixture
def custom(table, capfd):  # noqa: ARG001 (what it prepares)
    """A function that runs the data stages of ``custom`` and returns what they made."""

    def custom(*options: str) -> list[str]:
        capfd.readouterr()
        main([*CALL, "--stop_stage", "6", "--nj", "1", *options])
        return stages(capfd.readouterr().out)

    return custom


def test_what_is_made_again_is_what_has_changed(custom, table):
    assert custom() == ["1 custom/prepared", *FEATURES]
    assert Path("dump/custom/train/utt2num_frames").read_text() == "train 98\n"
    assert custom() == []
    shutil.rmtree("dump/custom/train")
    assert custom() == ["6 custom/train"]
    assert custom("--stage", "6", "--force") == FEATURES
    ark = Path("dump/custom/train/data/feats.0000.ark")
    compressed = ark.stat().st_size
    assert custom("--compress", "false") == FEATURES
    assert ark.stat().st_size > 3 * compressed  # 98 frames: the header of each column counts
    assert custom("--feats_type", "raw") == FEATURES
    assert custom() == FEATURES
    table.write_text(table.read_text().replace("go home", "go house").replace("home ]", "house ]"))
    assert custom() == ["1 custom/prepared", *FEATURES]
    assert Path("dump/custom/train/text").read_text() == "train go house\n"
    os.utime(table.with_name("train.wav"), (1, 1))  # perhaps other audio
    assert custom()[0] == "1 custom/prepared"
    shutil.copytree("data/custom/train", "data/custom/train_mine")  # made by hand
    assert custom() == ["6 custom/train_mine"]


def test_sets_that_the_corpus_does_not_give_any_more_go_with_all_that_was_made_of_them(custom, table):
    features = sorted([*FEATURES, "6 custom/dev_aug"])
    assert custom("--augment_sets", "dev") == ["1 custom/prepared", "2 custom/dev_aug", *features]
    shutil.copytree("data/custom/test", "data/custom/dev_mlm")  # made by hand, whatever its name
    table.write_text(table.read_text().replace(",dev\n", ",valid\n"))
    custom("--stage", "1", "--force")
    for place in ("data", "dump"):
        found = {path.parent.name for path in Path(place).glob("custom/*/text")}
        assert found == {"train", "valid", "test", "dev_mlm"}
    with pytest.raises(UserError, match="data/custom/dev was not prepared; there are dev_mlm test train valid"):
        custom("--augment_sets", "dev")


def test_sets_of_a_corpus_that_is_half_prepared_are_not_read(custom, capfd):
    custom("--stop_stage", "1")
    stamp = stamp_file(Path("data/custom/prepared"))
    stamp.write_text('{"made_from": "what a killed call leaves"}')
    assert main_guard(main, [*CALL, "--stage", "6", "--stop_stage", "6"]) == 2
    assert "error: data/custom: stage 1 was interrupted: run it again" in capfd.readouterr().err
    assert custom() == ["1 custom/prepared", *FEATURES]


def test_a_preparation_that_fails_is_said_and_made_again(custom, table, monkeypatch):
    monkeypatch.setenv("CUSTOM", "nowhere.csv")
    with pytest.raises(UserError, match=r"local/data\.sh failed with code 2: its output says why"):
        custom()
    monkeypatch.setenv("CUSTOM", str(table))
    assert custom() == ["1 custom/prepared", *FEATURES]


@pytest.mark.usefixtures("table")
def test_without_sets_there_are_no_features():
    with pytest.raises(UserError, match="data/custom has no sets: run stage 1"):
        main([*CALL, "--stage", "6", "--stop_stage", "6"])


def test_the_sets_that_a_table_has_augmented_are_left_out_where_they_are_text(clone, monkeypatch, capfd):
    (clone / "text.csv").write_text("transcript,split\ngo home,train\n")
    monkeypatch.setenv("CUSTOM", str(clone / "text.csv"))
    call = ["--recipe", "custom", "--stop_stage", "2", "--nj", "1"]
    main(call)
    assert "stage 2: there are no recordings of train: it is not augmented" in capfd.readouterr().out
    with pytest.raises(UserError, match=r"train_aug: the set has no wav\.scp, so there is nothing to augment"):
        main([*call, "--augment_sets", "train"])
