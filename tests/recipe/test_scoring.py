"""Scores of single sets and of the pooled folds of a cross validation."""

import json

import pytest

from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score_files
from espnet_atat.recipe.scoring import score_folds
from espnet_atat.recipe.system import load_system
from espnet_atat.recipe.table import table_row
from tests.recipe.world import FILES, write_recipe

FOLDS = {
    1: {"u1": ("[IN:STOP stop ]", "[IN:STOP stop ]"), "u2": ("[IN:PLAY play ]", "[IN:STOP play ]")},
    2: {"u3": ("[IN:STOP stop it ]", "[IN:STOP stop it ]")},
}


@pytest.fixture
def folded(tmp_path, monkeypatch):
    """A system of two folds with hypotheses of both; the second one's scores are written on request."""
    monkeypatch.chdir(tmp_path)
    text = FILES["systems/old.yaml"].replace("toy/test", '"toy/fold{fold}_test"')
    write_recipe(tmp_path, "toy", {"systems/folded.yaml": f"{text}folds: 2\n"})
    for fold, utterances in FOLDS.items():
        for config in ("decode", "decode_tree"):
            folder = tmp_path / f"exp/toy/folded/seed1_fold{fold}/{config}/fold{fold}_test"
            folder.mkdir(parents=True)
            for place, name in enumerate(("ref", "hyp")):
                lines = (f"{utt} {pair[place]}\n" for utt, pair in utterances.items())
                (folder / name).write_text("".join(lines))
            model = {"model": f"exp/runs/run{fold}/valid.acc.ave.pth"}
            score_files(folder / "ref", folder / "hyp", folder / "metrics.json", info=model)
    return load_system("toy", "folded")


def test_pooled_folds_are_scored_as_one_set(folded):
    path = score_folds(folded, 1, "decode", folded.test[0])
    metrics = json.loads((path / "metrics.json").read_text())
    assert str(path) == "exp/toy/folded/seed1/decode/fold_test"
    assert metrics["counts"]["utt_ids"] == ["u1", "u2", "u3"]
    assert metrics["figures"]["em_full"]["numerator"] == 2
    assert metrics["figures"]["em_full"]["denominator"] == 3
    assert metrics["info"]["model"].split() == [f"exp/runs/run{fold}/valid.acc.ave.pth" for fold in (1, 2)]


def test_a_fold_that_is_missing_is_named(folded, tmp_path):
    (tmp_path / "exp/toy/folded/seed1_fold2/decode/fold2_test/metrics.json").unlink()
    with pytest.raises(UserError, match=r"seed1_fold2/decode/fold2_test: not scored; pooling the 2 folds needs it"):
        score_folds(folded, 1, "decode", folded.test[0])


def test_a_table_shows_the_folds_pooled_or_one_of_them(folded, monkeypatch):
    monkeypatch.setattr("espnet_atat.recipe.table.lineage", lambda folder: [folder])
    for config in folded.decode:
        score_folds(folded, 1, config, folded.test[0])
    pooled = table_row(folded, folded.test[0], [1], None)
    assert (pooled["utterances"], pooled["set"]) == (3, "toy/fold_test")
    assert pooled["runs"] == ["exp/runs/run1", "exp/runs/run2"]
    assert table_row(folded, folded.test[0], [1], 2)["utterances"] == 1
