"""Trained taggers as folders: what is written, and what is not opened."""

import json

import pytest

from espnet_atat.baselines.config import CrfConfig
from espnet_atat.baselines.pipeline import load_pipeline, train_pipeline, understand
from espnet_atat.errors import UserError
from tests.baselines.corpus import write_set

pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")


@pytest.fixture
def trained(tmp_path):
    data = write_set(tmp_path / "set")
    assert train_pipeline([data], tmp_path / "crf", CrfConfig(max_iterations=30)) == 26
    return tmp_path / "crf"


def test_the_folder_says_what_it_was_trained_on_and_every_utterance_gets_a_tree_of_its_own_words(trained) -> None:
    about = json.loads((trained / "model.json").read_text())
    assert about["data_dirs"] == [str(trained.with_name("set"))]
    assert about["utterances"] == 26
    assert about["options"] == {"c1": 0.1, "c2": 0.1, "max_iterations": 30, "nested": "refuse"}
    assert sorted(about["files"]) == ["intent.crfsuite", "tagger.crfsuite"]
    heard = {"b": "turn off the lights in the hall", "a": "", "c": "play it's blue"}
    trees = understand(load_pipeline(trained), heard)
    assert list(trees) == ["b", "a", "c"]
    assert trees["b"] == "[IN:LIGHTS_OFF turn off the lights in the [SL:ROOM hall ] ]"
    assert trees["a"].startswith("[IN:")
    with pytest.raises(UserError, match=r"utterance 'd': bracket inside a word: 'x\]'"):
        understand(load_pipeline(trained), {"d": "play x]"})


def test_changed_or_foreign_files_are_neither_opened_nor_replaced(trained) -> None:
    data = trained.with_name("set")
    with pytest.raises(UserError, match="was not made by this step"):
        train_pipeline([data], data, CrfConfig())
    assert (data / "target").is_file()
    with pytest.raises(UserError, match="--pretrain_dirs and --pretrain_epochs"):
        train_pipeline([data], trained, CrfConfig(), [data])
    tagger = trained / "tagger.crfsuite"
    tagger.write_bytes(tagger.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"tagger.crfsuite is not the file that training wrote"):
        load_pipeline(trained)
    about = json.loads((trained / "model.json").read_text())
    about["files"]["../set/target"] = ""
    (trained / "model.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match=r"'../set/target' is not a file of this folder"):
        load_pipeline(trained)
    (trained / "model.json").write_text("[]")
    with pytest.raises(UserError, match="names no known tagger"):
        load_pipeline(trained)
