"""What the sets of a mixture hold: every utterance's target once, and the tags that only validation has."""

from pathlib import Path

import pytest

from espnet_atat.data.mixture import Part
from espnet_atat.data.targets import targets_of, unseen_tags
from espnet_atat.datadir import DataDir

TREES = {"u1": "[IN:PLAY play [SL:SONG it ] ]", "u2": "[IN:STOP stop ]", "u3": "[IN:PLAY play [SL:TIME now ] ]"}
WORDS = {"u1": "play it", "u2": "stop", "u3": "play now"}
SLU, ASR, NLU = (Part(task=task, set="toy/train") for task in ("slu", "asr", "nlu"))


@pytest.fixture
def dump(tmp_path) -> Path:
    DataDir(text=WORDS, target=TREES).write(tmp_path / "toy/train")
    (tmp_path / "toy/train/feats.scp").write_text("".join(f"{utt_id} feats.ark:1\n" for utt_id in TREES))
    return tmp_path


def test_targets_come_once_an_utterance_and_as_trees_where_there_are_any(dump):
    assert targets_of([ASR], dump) == list(WORDS.values())
    for parts in ([SLU, ASR, NLU], [ASR, SLU]):
        assert targets_of(parts, dump) == list(TREES.values())


def test_tags_of_validation_trees_that_no_training_tree_has(dump):
    little = [Part(task="slu", set="toy/train", limit=1)]
    (tree,) = targets_of(little, dump)
    missing = {"[IN:PLAY", "[IN:STOP", "[SL:SONG", "[SL:TIME"} - set(tree.split())
    assert unseen_tags(little, [NLU], dump) == sorted(missing) != []
    assert unseen_tags([SLU], [NLU], dump) == []
    assert unseen_tags([ASR], [ASR], dump) == []
