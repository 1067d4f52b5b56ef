"""Figures of several seeds, from metrics.json files."""

import json

import pytest

from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score, score_files
from espnet_atat.recipe.system import Table, load_system
from espnet_atat.recipe.table import summarise, write_table
from espnet_atat.report.tables import markdown
from tests.recipe.world import FILES, write_recipe

REF = {
    "u1": "[IN:STOP stop ]",
    "u2": "[IN:PLAY play [SL:SONG moon ] ]",
    "u3": "[IN:PLAY play it ]",
    "u4": "[IN:STOP stop it ]",
}
SEED1 = {**REF, "u2": "[IN:PLAY play [SL:SONG rain ] ]"}  # EM 3 / 4; one slot substituted
SEED2 = {**REF, "u2": "[IN:STOP stop ]", "u3": "", "u4": ""}  # EM 1 / 4


def test_mean_deviation_and_interval_by_hand():
    seeds = [score(REF, hyp) for hyp in (SEED1, SEED2)]
    em = summarise(seeds)["em_full"]
    assert em["mean"] == pytest.approx(0.5)
    assert em["sd"] == pytest.approx(0.35355, abs=1e-4)  # of 0.75 and 0.25, n - 1
    # Averaged over seeds the utterances score 1, 0, 0.5 and 0.5: no draw leaves [0, 1], and the mean is inside.
    low, high = em["interval"]
    assert 0 <= low < 0.5 < high <= 1
    # SemER: 4 intents + 1 slot. Seed 1: one substitution. Seed 2: u2 intent S, slot D; u3 and u4 intent S each.
    assert summarise(seeds[:1])["semer"]["mean"] == pytest.approx(1 / 5)
    assert summarise(seeds)["semer"]["mean"] == pytest.approx((1 / 5 + 4 / 5) / 2)


def test_one_seed_has_its_own_interval_and_no_deviation():
    metrics = score(REF, SEED1)
    em = summarise([metrics])["em_full"]
    assert em["sd"] is None
    assert em["interval"] == tuple(metrics["figures"]["em_full"]["interval"])


def test_a_subset_is_of_its_utterances_alone():
    metrics = score(REF, SEED1, heard_words=["stop", "it"])
    subset = metrics["counts"]["subsets"]["unheard"]
    assert [metrics["counts"]["utt_ids"][place] for place in subset] == ["u2", "u3"]
    assert summarise([metrics], subset)["em_full"]["mean"] == 0.5
    assert summarise([metrics], []) == {}


def test_seeds_of_other_utterances_are_refused():
    with pytest.raises(UserError, match="not of the same utterances"):
        summarise([score(REF, SEED1), score({"u1": REF["u1"]}, {"u1": REF["u1"]})])


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A system with two seeds of hypotheses, scored."""
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "toy", FILES)
    for seed, hyp in ((1, SEED1), (2, SEED2)):
        for config in ("decode", "decode_tree"):
            folder = tmp_path / f"exp/toy/old/seed{seed}/{config}/test"
            folder.mkdir(parents=True)
            for name, values in (("ref", REF), ("hyp", hyp)):
                (folder / name).write_text("".join(f"{utt} {value}\n" for utt, value in values.items()))
            score_files(folder / "ref", folder / "hyp", folder / "metrics.json", heard_words=["stop", "it"])
    return Table(recipe="toy", name="default", title="the toy", systems=("old",))


def test_every_printed_number_is_in_a_metrics_file(scored):
    path = write_table(scored, [load_system("toy", "old")], (1, 2), None)
    content = json.loads(path.read_text())
    (row,) = content["rows"]
    assert row["seeds"] == [1, 2]
    assert row["columns"]["decode_tree"]["em_full"]["mean"] == 0.5
    assert row["subsets"]["heard"]["utterances"] == 2
    assert len(row["files"]) == 4
    assert path.with_suffix(".md").read_text() == markdown(content)
    assert "50.0 ±35.4" in path.with_suffix(".md").read_text()


def test_missing_scores_are_named(scored):
    with pytest.raises(
        UserError, match=r"exp/toy/old/seed3/decode/test/metrics\.json: not there yet: stages 12 and 13"
    ):
        write_table(scored, [load_system("toy", "old")], (3,), None)
