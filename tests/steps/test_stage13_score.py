"""Stages 12 to 14 on hypotheses that are written by hand: single sets, pooled folds of a cross validation, tables."""

import json
from pathlib import Path

import pytest

from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node, with_needs
from espnet_atat.steps.stage13_score import score_node
from tests.steps.world import FILES, planned, run, training, write_recipe, write_set

FOLDS = {
    1: {"u1": ("[IN:STOP stop ]", "[IN:STOP stop ]"), "u2": ("[IN:PLAY play ]", "[IN:STOP play ]")},
    2: {"u3": ("[IN:STOP stop it ]", "[IN:STOP stop it ]")},
}


def write(node: Node, **files: str) -> None:
    """A node as if it had been made."""

    def make(work: Path) -> None:
        for name, text in files.items():
            (work / name).write_text(text)

    kept = {name: getattr(node, name) for name in ("stage", "name", "at", "in_place")}
    Node(identify=lambda: node.identity, make=make, **kept).build()


def decode(system: str, *options: str, hypotheses: dict[str, str]) -> None:
    """A system's hypotheses and the runs that they need, as if they had been made."""
    for node in with_needs([training(system, *options).run]):
        if not node.is_done:
            write(node)
    for each in planned(system, *options).hypotheses:
        references = read_two_column(Path("data") / each.test.set / "target")
        lines = {"ref": references, "hyp": hypotheses}
        write(each.node, **{n: "".join(f"{u} {tree}\n" for u, tree in found.items()) for n, found in lines.items()})


@pytest.fixture
def folded(world):
    """A system of two folds, decoded; it is trained on the words stop and a few others."""
    text = FILES["rows/old"].replace("toy/test", '"toy/fold{fold}_test"').replace("[decode, decode_tree]", "[decode]")
    write_recipe(world, "toy", {"rows/folded": f"{text}folds: 2\n"})
    for fold, utterances in FOLDS.items():
        targets = {utt: tree for utt, (tree, _) in utterances.items()}
        for place in ("data", "dump"):
            write_set(world / place / f"toy/fold{fold}_test", targets)
        (world / f"data/toy/fold{fold}_test/split").write_text("two folds, cut by hand\n")
        decode("folded", "--fold", str(fold), hypotheses={utt: hyp for utt, (_, hyp) in utterances.items()})


@pytest.mark.usefixtures("folded")
def test_pooled_folds_are_scored_and_printed_as_one_set():
    run("--system", "folded", "--stage", "13")
    metrics = json.loads(Path("exp/toy/folded/seed1/decode/fold_test/metrics.json").read_text())
    ids = metrics["counts"]["utt_ids"]
    assert ids == ["u1", "u2", "u3"]
    assert (metrics["figures"]["em_full"]["numerator"], metrics["figures"]["em_full"]["denominator"]) == (2, 3)
    members = {name: [ids[place] for place in places] for name, places in metrics["counts"]["subsets"].items()}
    assert members == {"fold1": ["u1", "u2"], "fold2": ["u3"], "heard": ["u1", "u2", "u3"], "unheard": []}
    models = [str(training("folded", "--fold", fold).model_file) for fold in ("1", "2")]
    assert metrics["info"]["model"].split() == models

    (pooled,) = json.loads(Path("exp/toy/tables/folded.json").read_text())["rows"]
    assert (pooled["utterances"], pooled["set"], pooled["folds"]) == (3, "toy/fold_test", 2)
    assert pooled["subsets"].keys() == {"heard", "unheard"}
    assert "Split, toy/fold_test: two folds, cut by hand." in Path("exp/toy/tables/folded.md").read_text()
    em = pooled["columns"]["decode"]["em_full"]
    assert em["mean"] == pytest.approx(2 / 3)
    assert em["fold_mean"] == pytest.approx(0.75)  # of 1 / 2 and 1 / 1
    assert em["fold_sd"] == pytest.approx(0.35355, abs=1e-4)

    planned("folded", "--fold", "1").hypotheses[0].node.remove()
    with pytest.raises(UserError, match=r"seed1_fold1/decode/fold1_test is missing .*run stage 12 too"):
        run("--system", "folded", "--stage", "13")
    run("--system", "folded", "--stage", "14", "--fold", "2")
    (one,) = json.loads(Path("exp/toy/tables/folded_fold2.json").read_text())["rows"]
    assert (one["utterances"], one["set"], one["folds"]) == (1, "toy/fold2_test", None)
    assert "fold_mean" not in one["columns"]["decode"]["em_full"]


def test_a_test_set_of_another_recipe_is_named_with_what_prepares_it(world):
    write_recipe(world, "toy", {"rows/foreign": FILES["rows/old"].replace("toy/test", "an4/test")})
    with pytest.raises(UserError, match=r"dump/an4/test does not exist, .* --recipe an4 --stop_stage 6 prepares"):
        run("--system", "foreign")


def test_scores_name_the_form_of_the_text_and_the_model(world):
    (world / "data/toy/test/text_form").write_text("official\n")
    decode("old", hypotheses=read_two_column("data/toy/test/target"))
    scores = score_node(planned("old").hypotheses[0])
    scores.build()
    info = json.loads(scores.place.read_text())["info"]
    expected = {"text_form": "official", "inference_config": "decode", "model": str(training("old").model_file)}
    assert info.items() >= expected.items()
