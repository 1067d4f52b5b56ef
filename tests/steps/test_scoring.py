"""Scores of single sets and of the pooled folds of a cross validation."""

import json

import pytest
from espnet_atat.recipe.decoding import plan_decoding, references
from espnet_atat.steps.systems import plan_system
from espnet_atat.recipe.scoring import score_decoding, score_folds
from espnet_atat.recipe.table import table_row, write_table

from espnet_atat.config.system import load_system
from espnet_atat.config.table import Table
from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score_files
from tests.steps.world import FILES, write_recipe

FOLDS = {
    1: {"u1": ("[IN:STOP stop ]", "[IN:STOP stop ]"), "u2": ("[IN:PLAY play ]", "[IN:STOP play ]")},
    2: {"u3": ("[IN:STOP stop it ]", "[IN:STOP stop it ]")},
}


@pytest.fixture
def folded(tmp_path, monkeypatch):
    """A system of two folds with hypotheses of both; the second one's scores are written on request."""
    monkeypatch.chdir(tmp_path)
    text = FILES["rows/old"].replace("toy/test", '"toy/fold{fold}_test"')
    write_recipe(tmp_path, "toy", {"rows/folded": f"{text}folds: 2\n"})
    for fold, utterances in FOLDS.items():
        for config in ("decode", "decode_tree"):
            folder = tmp_path / f"exp/toy/folded/seed1_fold{fold}/{config}/fold{fold}_test"
            folder.mkdir(parents=True)
            for place, name in enumerate(("ref", "hyp")):
                lines = (f"{utt} {pair[place]}\n" for utt, pair in utterances.items())
                (folder / name).write_text("".join(lines))
            run = tmp_path / f"exp/runs/run{fold}"
            run.mkdir(parents=True, exist_ok=True)
            (run / "run.yaml").write_text("kind: training\nconfig: {}\n")
            (run / "done").write_text('{"seconds": 1.0}\n')
            model = {"model": f"exp/runs/run{fold}/valid.acc.ave.pth"}
            score_files(folder / "ref", folder / "hyp", folder / "metrics.json", info=model, heard_words=["stop"])
    return load_system("toy", "folded")


def test_pooled_folds_are_scored_as_one_set(folded):
    path = score_folds(folded, 1, "decode", folded.test[0])
    metrics = json.loads((path / "metrics.json").read_text())
    assert str(path) == "exp/toy/folded/seed1/decode/fold_test"
    assert metrics["counts"]["utt_ids"] == ["u1", "u2", "u3"]
    assert metrics["figures"]["em_full"]["numerator"] == 2
    assert metrics["figures"]["em_full"]["denominator"] == 3
    ids = metrics["counts"]["utt_ids"]
    members = {name: [ids[place] for place in places] for name, places in metrics["counts"]["subsets"].items()}
    assert members == {"fold1": ["u1", "u2"], "fold2": ["u3"], "heard": ["u1"], "unheard": ["u2", "u3"]}
    assert metrics["info"]["model"].split() == [f"exp/runs/run{fold}/valid.acc.ave.pth" for fold in (1, 2)]


def test_a_test_set_of_another_recipe_is_named_with_what_prepares_it(world):
    text = FILES["rows/old"].replace("toy/test", "an4/test")
    write_recipe(world, "toy", {"rows/foreign": text})
    system = load_system("toy", "foreign")
    with pytest.raises(UserError, match=r"dump/an4/test: not there, .* --recipe an4 --stop_stage 6 prepares"):
        plan_decoding(plan_system(system, 1), "decode", system.test[0])


def test_a_fold_that_is_missing_is_named(folded, tmp_path):
    (tmp_path / "exp/toy/folded/seed1_fold2/decode/fold2_test/metrics.json").unlink()
    with pytest.raises(UserError, match=r"seed1_fold2/decode/fold2_test: not scored; pooling the 2 folds needs it"):
        score_folds(folded, 1, "decode", folded.test[0])


def test_a_table_shows_the_folds_pooled_or_one_of_them(folded):
    for config in folded.decode:
        score_folds(folded, 1, config, folded.test[0])
    pooled = table_row(folded, folded.test[0], [1], None)
    assert (pooled["utterances"], pooled["set"]) == (3, "toy/fold_test")
    assert pooled["runs"] == ["exp/runs/run1", "exp/runs/run2"]
    assert pooled["subsets"].keys() == {"heard", "unheard"}
    em = pooled["columns"]["decode"]["em_full"]
    assert pooled["folds"] == 2
    assert em["mean"] == pytest.approx(2 / 3)
    assert em["fold_mean"] == pytest.approx(0.75)  # of 1 / 2 and 1 / 1
    assert em["fold_sd"] == pytest.approx(0.35355, abs=1e-4)
    one = table_row(folded, folded.test[0], [1], 2)
    assert (one["utterances"], one["set"], one["folds"]) == (1, "toy/fold2_test", None)
    assert "fold_mean" not in one["columns"]["decode"]["em_full"]


def test_a_fold_has_a_table_of_its_own(folded):
    table = Table(recipe="toy", name="default", title="the toy", rows={"folded": None}, figures=("em_full",))
    path = write_table(table, [folded], None, 1)
    assert path.name == "default_fold1.json"
    assert json.loads(path.read_text())["figures"] == ["em_full"]


def test_scores_name_the_form_of_the_text(world):
    (world / "data/toy/test/text_form").write_text("official\n")
    system = load_system("toy", "old")
    decoding = plan_decoding(plan_system(system, 1), "decode", system.test[0])
    decoding.folder.mkdir(parents=True)
    for name in ("ref", "hyp"):
        write_two_column(decoding.folder / name, references(decoding.test))
    (decoding.folder / "decoded").write_text(decoding.made_from)
    score_decoding(decoding)
    assert json.loads((decoding.folder / "metrics.json").read_text())["info"]["text_form"] == "official"
