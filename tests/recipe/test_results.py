"""The results that the repository ships: what is scored gives the same figures again, and RESULTS.md says no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.config.system import run_label
from espnet_atat.datadir import read_two_column
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.metrics.scoring import score
from espnet_atat.report.tables import marks, section
from tests.conftest import ROOT

MINI = ROOT / "egs2/atat/mini"
KEPT = sorted(path.parent for path in MINI.glob("results/*/*/*/*/metrics.json"))
TABLES = sorted(MINI.glob("results/tables/*.json"))


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


def kept_scores(row: dict[str, Any], config: str, seed: int) -> dict[str, Any]:
    """Figures of a row's hypotheses with one seed, scored anew; those of folds together."""
    folds = range(1, row["folds"] + 1) if row["folds"] else [None]
    places = [MINI / "results" / row["system"] / run_label(seed, fold) / config for fold in folds]
    name = None if row["folds"] else row["set"].rpartition("/")[2]
    sides: dict[str, dict[str, str]] = {"ref": {}, "hyp": {}}
    for place in places:
        (folder,) = [each for each in place.iterdir() if name in (None, each.name)]
        for side, lines in sides.items():
            lines |= read_two_column(folder / side)
    return dict(score(sides["ref"], sides["hyp"], hypothesis=row["hypothesis"])["figures"])


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_a_kept_table_has_the_figures_of_the_kept_hypotheses_and_stands_in_the_report(file: Path) -> None:
    table = json.loads(file.read_text(encoding="utf-8"))
    for row in table["rows"]:
        for config, figures in row["columns"].items():
            found = [kept_scores(row, config, seed) for seed in row["seeds"]]
            for key, figure in figures.items():
                mean = sum(each[key]["value"] for each in found) / len(found)
                assert figure["mean"] == pytest.approx(mean, abs=1e-12), (row["system"], key)
    assert section(table) in file.with_suffix(".md").read_text(encoding="utf-8")
    start, end = marks(file.stem)
    report = (MINI / "RESULTS.md").read_text(encoding="utf-8")
    assert f"{start}\n\n{section(table, brief=True)}\n\n{end}" in report


def test_every_table_of_the_report_is_kept() -> None:
    report = (MINI / "RESULTS.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- table (\S+):", report) == re.findall(r"<!-- end of table (\S+) -->", report)
    assert set(re.findall(r"<!-- table (\S+):", report)) == {file.stem for file in TABLES}
