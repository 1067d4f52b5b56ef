"""The results that the repository ships: hypotheses give their figures again, and the pages show no others."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.datadir import read_two_column
from espnet_atat.metrics import figures
from espnet_atat.metrics.metrics_file import read_metrics
from espnet_atat.metrics.scoring import score
from espnet_atat.report.archives import Archives
from espnet_atat.report.tables import marks, section
from tests.conftest import ROOT

MINI = ROOT / "egs2/atat/mini"
KEPT = Archives(MINI / "results").texts
PLACES = [path.removesuffix("/metrics.json") for path in KEPT if path.endswith("/metrics.json")]
KEPT_TABLES = [Path(path).stem for path in KEPT if path.startswith("tables/")]
FINDINGS, TABLES = MINI / "RESULTS.md", MINI / "results/README.md"


@pytest.fixture(scope="module", autouse=True)
def _no_intervals() -> Iterator[None]:
    """Scores are compared without their intervals, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "interval", lambda _rows: None)
        yield


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is kept, as files."""
    root = tmp_path_factory.mktemp("restored")
    for path, text in KEPT.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())
    return root


@pytest.mark.parametrize("place", PLACES)
def test_a_kept_set_is_whole_and_its_figures_are_those_of_its_hypotheses(restored: Path, place: str) -> None:
    folder = restored / place
    metrics = read_metrics(folder / "metrics.json")
    assert metrics["utterances"] == len(read_two_column(folder / "ref"))
    anew = figures_of((folder,), metrics["hypothesis"])  # with figures that are younger than the kept ones
    assert {"em_full", "semer", "wer"} <= metrics["figures"].keys() <= anew.keys()
    for key, figure in metrics["figures"].items():
        assert figure["value"] == pytest.approx(anew[key]["value"], abs=1e-12), key
    assert re.fullmatch(r"[0-9a-f]+", KEPT[f"{place}/key"])
    training = json.loads((folder.parents[1] / "training.json").read_text(encoding="utf-8"))
    assert training["amounts"].keys() == {"parameters", "updates", "hours", "utterances", "commits"}
    assert Path(metrics["info"]["model"]).parent.name in training["runs"]


@cache
def figures_of(folders: tuple[Path, ...], hypothesis: Any) -> dict[str, Any]:
    """Figures of some folders' hypotheses together, scored anew."""
    sides: dict[str, dict[str, str]] = {"ref": {}, "hyp": {}}
    for folder in folders:
        for side, lines in sides.items():
            lines |= read_two_column(folder / side)
    return dict(score(sides["ref"], sides["hyp"], hypothesis=hypothesis)["figures"])


def kept_scores(restored: Path, row: dict[str, Any], config: str, seed: int) -> dict[str, Any]:
    """Figures of a row's hypotheses with one seed; those of folds together."""
    labels = [f"seed{seed}_fold{fold}" for fold in range(1, (row["folds"] or 0) + 1)] or [f"seed{seed}"]
    name = None if row["folds"] else row["set"].rpartition("/")[2]
    found = [folder for label in labels for folder in sorted((restored / row["system"] / label / config).iterdir())]
    folders = [folder for folder in found if name in (None, folder.name)]
    assert len(folders) == len(labels)
    return figures_of(tuple(folders), row["hypothesis"])


@pytest.mark.parametrize("name", KEPT_TABLES)
def test_a_kept_table_has_the_figures_of_the_kept_hypotheses_and_is_on_the_page(restored: Path, name: str) -> None:
    table = json.loads(KEPT[f"tables/{name}.json"])
    for row in table["rows"]:
        for config, shown in row["columns"].items():
            found = [kept_scores(restored, row, config, seed) for seed in row["seeds"]]
            for key, figure in shown.items():
                mean = sum(each[key]["value"] for each in found) / len(found)
                assert figure["mean"] == pytest.approx(mean, abs=1e-12), (row["system"], key)
    start, end = marks(name)
    assert f"{start}\n\n{section(table, brief=True)}\n\n{end}" in TABLES.read_text(encoding="utf-8")


def anchor(heading: str) -> str:
    """Of a heading, as forges make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def sections(page: Path) -> dict[str, str]:
    """Anchor of a heading of the second or third level → the text below it."""
    parts = re.split(r"^##+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {anchor(heading): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_the_findings_have_the_figures_of_the_table_that_they_link_to_and_every_table_is_kept() -> None:
    """A cell of the findings that begins with a link has figures of that table."""
    tables = sections(TABLES)
    page = FINDINGS.read_text(encoding="utf-8")
    cells = re.findall(r"(?<=\| )\[[^|]+\]\(results/README\.md#[^|]+(?= \|)", page[: page.index("\n## ")])
    assert len(cells) >= 20
    for cell in cells:
        text = tables[re.search(r"#([\w-]+)\)", cell)[1]]
        figures, p_values = re.findall(r"\d+\.\d ±\d+\.\d", cell), re.findall(r"p = (0\.\d{4})", cell)
        assert figures, cell
        for figure in figures:
            assert f"| {figure} [" in text, (cell, figure)
        for p_value in p_values:
            assert f"| {p_value} |" in text, (cell, p_value)
    page = TABLES.read_text(encoding="utf-8")
    assert re.findall(r"<!-- table (\S+):", page) == re.findall(r"<!-- end of table (\S+) -->", page)
    assert set(re.findall(r"<!-- table (\S+):", page)) == set(KEPT_TABLES)
