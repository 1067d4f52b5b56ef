"""The results that the repository ships: what is scored gives the same figures again, and RESULTS.md says no others."""

import json
from pathlib import Path

import pytest

from espnet_atat.datadir import read_two_column
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.metrics.scoring import score
from espnet_atat.recipe.table import summarise
from tests.conftest import ROOT

MINI = ROOT / "egs2/atat/mini"
KEPT = sorted(path.parent for path in MINI.glob("results/*/*/*/*/metrics.json"))


def name(folder: Path) -> str:
    return "/".join(folder.parts[-4:])


@pytest.mark.parametrize("folder", KEPT, ids=name)
def test_a_kept_set_is_whole_and_its_figures_are_those_of_its_hypotheses(folder: Path) -> None:
    metrics = read_metrics(folder / "metrics.json")
    found = score(*(read_two_column(folder / side) for side in ("ref", "hyp")), hypothesis=metrics["hypothesis"])
    assert metrics["utterances"] == found["utterances"]
    for key, figure in found["figures"].items():
        assert metrics["figures"][key]["value"] == pytest.approx(figure["value"], abs=1e-12), key
    assert (folder / "decoded").read_text(encoding="utf-8").strip()
    training = json.loads((folder.parents[1] / "training.json").read_text(encoding="utf-8"))
    assert training["amounts"].keys() == {"parameters", "updates", "hours", "utterances", "commits"}
    assert Path(metrics["info"]["model"]).parent.name in training["runs"]


@pytest.mark.parametrize(("system", "test_set"), [("music", "music_test"), ("books_zeroshot", "books_test")])
def test_the_reported_means_are_of_the_kept_seeds(system: str, test_set: str) -> None:
    report = (MINI / "RESULTS.md").read_text(encoding="utf-8")
    (line,) = (line for line in report.splitlines() if f"| mini/{test_set} |" in line and "±" in line)
    files = [MINI / f"results/{system}/seed{seed}/decode/{test_set}/metrics.json" for seed in (1, 2, 3)]
    figures = summarise([read_metrics(file) for file in files])
    for key in ("em_full", "semer", "intent_accuracy", "wer"):
        mean, sd, (low, high) = (figures[key][part] for part in ("mean", "sd", "interval"))
        assert f"| {100 * mean:.1f} ±{100 * sd:.1f} [{100 * low:.1f}, {100 * high:.1f}] |" in line, key
