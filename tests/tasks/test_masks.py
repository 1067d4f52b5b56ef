"""Training with on-the-fly masks: through ESPnet's trainer, and the same after an interruption."""

import json
from pathlib import Path

import pytest
import torch

from tests.toy import UTTERANCES
from tests.toy_training import Prepared, parameters, prepare

pytestmark = pytest.mark.slow

WORD = 0.08  # seconds: 8 frames of the toy's features


@pytest.fixture(scope="module")
def heard(toy) -> Prepared:
    """The set itself, not a masked copy, under the task mlm."""
    return prepare(toy, [{"task": "mlm", "set": "toy/audio"}, {"task": "nlu", "set": "toy/words"}], "on_the_fly")


@pytest.fixture(scope="module")
def mask_conf(tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("alignments") / "audio.jsonl"
    with path.open("w") as handle:
        for number, (text, _) in enumerate(UTTERANCES):
            places = [(word, {"start": n * WORD, "end": (n + 1) * WORD}) for n, word in enumerate(text.split())]
            words = [{"word": word, **place, "case": "success"} for word, place in places]
            handle.write(json.dumps({"utt_id": f"spk0-{number:02d}", "words": words}) + "\n")
    return {"alignments": {"audio": str(path)}, "ratio": 0.5, "min_masked": 1}


def test_masks_reach_the_model_and_a_resumed_run_draws_the_same(heard, mask_conf, tmp_path, caplog):
    def last(folder: Path) -> dict[str, torch.Tensor]:
        return parameters(folder / "2epoch.pth")

    options = {"num_iters_per_epoch": 4, "mask_conf": mask_conf, "keep_nbest_models": 2}
    caplog.set_level("INFO")
    unbroken = last(heard.train(tmp_path / "unbroken", **options, max_epoch=2))
    assert "8 mlm examples are masked anew every epoch; 0 of them have no aligned word" in caplog.text
    heard.train(tmp_path / "resumed", **options, max_epoch=1)
    resumed = last(heard.train(tmp_path / "resumed", **options, max_epoch=2))
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    unmasked = last(heard.train(tmp_path / "unmasked", **{**options, "mask_conf": {}}, max_epoch=2))
    assert not all(torch.equal(unbroken[name], unmasked[name]) for name in unbroken)
