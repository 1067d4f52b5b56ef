"""Figures of several seeds, from metrics.json files."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from espnet_atat.config.system import load_system
from espnet_atat.config.table import Cited, Curve, Paper, Table
from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score, score_files
from espnet_atat.report.plots import write_report
from espnet_atat.report.table_content import summarise, table_content, write_content
from espnet_atat.report.tables import latex, markdown
from tests.steps.world import FILES, write_recipe

TREES = ("[IN:STOP stop ]", "[IN:PLAY play [SL:SONG moon ] ]", "[IN:PLAY play it ]", "[IN:STOP stop it ]")
REF = {f"u{number}": tree for number, tree in enumerate(TREES, 1)}
SEED1 = {**REF, "u2": "[IN:PLAY play [SL:SONG rain ] ]"}  # EM 3 / 4; one slot substituted
SEED2 = {**REF, "u2": "[IN:STOP stop ]", "u3": "", "u4": ""}  # EM 1 / 4
BOTH = {"old": None, "zeroshot": None}


def test_mean_deviation_and_interval_by_hand():
    seeds = [score(REF, hyp) for hyp in (SEED1, SEED2)]
    em = summarise(seeds)["em_full"]
    assert em["mean"] == pytest.approx(0.5)
    assert em["sd"] == pytest.approx(0.35355, abs=1e-4)  # of 0.75 and 0.25, n - 1
    # Averaged over seeds the utterances score 1, 0, 0.5 and 0.5: no draw leaves [0, 1], and the mean is inside.
    low, high = em["interval"]
    assert 0 <= low < 0.5 < high <= 1
    (one, _), alone = seeds, summarise(seeds[:1])["em_full"]
    assert (alone["sd"], alone["interval"]) == (None, tuple(one["figures"]["em_full"]["interval"]))
    subset = (one := score(REF, SEED1, heard_words=["stop", "it"]))["counts"]["subsets"]["unheard"]
    assert [one["counts"]["utt_ids"][place] for place in subset] == ["u2", "u3"]
    assert (summarise([one], subset)["em_full"]["mean"], summarise([one], [])) == (0.5, {})
    # SemER: 4 intents + 1 slot. Seed 1: one substitution. Seed 2: u2 intent S, slot D; u3 and u4 intent S each.
    assert summarise(seeds[:1])["semer"]["mean"] == pytest.approx(1 / 5)
    assert summarise(seeds)["semer"]["mean"] == pytest.approx((1 / 5 + 4 / 5) / 2)


def write_table(table, seeds, **options):
    """Write ``default.json`` of a table; gives the file and its content."""
    systems = [load_system("toy", name) for name in table.systems]
    path = Path("exp/toy/tables/default.json")
    write_content(table_content(table, systems, seeds, None, command="./run.sh", **options), path)
    return path, json.loads(path.read_text())


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A system with two seeds of hypotheses, scored, and another one that is always right."""
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "toy", FILES)
    for system, seed, hyp in (("old", 1, SEED1), ("old", 2, SEED2), ("zeroshot", 1, REF), ("zeroshot", 2, REF)):
        for config in ("decode", "decode_tree"):
            folder = tmp_path / f"exp/toy/{system}/seed{seed}/{config}/test"
            folder.mkdir(parents=True)
            for name, values in (("ref", REF), ("hyp", hyp)):
                (folder / name).write_text("".join(f"{utt} {value}\n" for utt, value in values.items()))
            score_files(folder / "ref", folder / "hyp", folder / "metrics.json", heard_words=["stop", "it"])
    return Table(recipe="toy", name="default", title="the toy", rows={"old": None})


def test_every_printed_number_is_in_a_metrics_file(scored):
    path, content = write_table(scored, (1, 2))
    (row,) = content["rows"]
    assert row["seeds"] == [1, 2]
    assert row["columns"]["decode_tree"]["em_full"]["mean"] == 0.5
    assert row["subsets"]["heard"]["utterances"] == 2
    assert len(row["files"]) == 4
    assert path.with_suffix(".md").read_text() == markdown(content)
    assert "50.0 ±35.4" in path.with_suffix(".md").read_text()


@pytest.fixture
def compared(scored):
    """Writes a table of both systems with the paper's figures; gives the file and its content."""

    def compared(**changes):
        paper = Paper(citation="Nobody 1999", rows={"old": {"em_full": 44.5}, "zeroshot": {"em_full": 55.75}})
        cited = Cited(title="the others", citation="Somebody 2001", figures={"em_full": 61.2})
        options = {"baseline": {"zeroshot": "old"}, "paper": paper, "cited": (cited,), "figures": ("em_full", "semer")}
        return write_table(dataclasses.replace(scored, rows=BOTH, note="of toys", **(options | changes)), (1, 2))

    return compared


def test_a_row_is_tested_against_its_baseline(compared):
    path, content = compared()
    old, zeroshot = content["rows"]
    assert old["baseline"] is None
    found = zeroshot["baseline"]["columns"]["decode"]["em_full"]
    assert found["difference"] == pytest.approx(0.5)  # 1 minus the mean of 0.75 and 0.25
    assert found["interval"][0] <= 0.5 <= found["interval"][1]
    assert found["better"] == ("row" if found["p_value"] < 0.05 else None)
    assert content["curve"] is None
    text = path.with_suffix(".md").read_text()
    assert re.search(r"\| zeroshot \| toy/test \| old \| EM \(full\) \| \+50\.0 \| \[\+\d", text)
    assert "| +11.25 † |" in text  # the paper's: 55.75 - 44.5
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert "| EM (full) | EM (full), paper |" in lines[0]
    assert "| 44.50 † |" in lines[2]
    assert "| the others | – | – | – | – | 61.20 † |" in lines[4]
    assert "not comparable" in text


def test_dev_sets_stand_without_the_papers_figures_and_may_differ(scored):
    for name in ("old", "zeroshot"):
        text = FILES[f"rows/{name}"].replace("dev: [{set: toy/words, task: nlu}]\n", "")
        text += f"dev: [{{set: toy/{name}_dev, task: slu}}]\n"
        write_recipe(Path(), "toy", {f"rows/{name}": text})
        for config in ("decode", "decode_tree"):
            shutil.copytree(f"exp/toy/{name}/seed1/{config}/test", f"exp/toy/{name}/seed1/{config}/{name}_dev")
    paper = Paper(citation="Nobody 1999", rows={"old": {"em_full": 44.5}})
    cited = (Cited(title="others", citation="Somebody 2001", figures={"em_full": 61.2}),)
    table = dataclasses.replace(scored, rows=BOTH, baseline={"zeroshot": "old"}, paper=paper, cited=cited)
    path, _ = write_table(table, (1,), dev=True)
    text = path.with_suffix(".md").read_text()
    assert "old_dev" in text
    assert not any(word in text for word in ("44.5", "61.2", "Nobody", "against"))


def test_relative_figures_have_their_signs(compared):
    paper = Paper(citation="Nobody 1999", rows={"zeroshot": {"em_full": 5.0}, "old": "no convergence"}, relative=True)
    path, content = compared(paper=paper, relative_to="old", cited=())
    assert content["rows"][1]["relative"]["columns"]["decode"]["em_full"]["difference"] == pytest.approx(0.5)
    text = path.with_suffix(".md").read_text()
    assert "| +5.00 † |" in text
    assert "| no convergence |" in text
    assert text.count("| zeroshot | toy/test | old | EM (full) |") == 1  # baseline and relative_to are one row here


def test_latex_has_the_same_cells_escaped(compared):
    path, content = compared()
    text = path.with_suffix(".tex").read_text()
    assert text == latex(content)
    assert r"44.50 $\dagger$" in text
    assert "decode\\_tree" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    for body in re.findall(r"\\hline\n(.*?)\\hline\n\\end", text, re.DOTALL):
        assert len({len(re.findall(r"(?<!\\)&", line)) for line in body.splitlines() if "&" in line}) == 1


def test_seeds_of_other_utterances_and_missing_scores_are_refused_and_rows_on_other_sets_not_compared(scored):
    with pytest.raises(UserError, match="do not cover the same utterances"):
        summarise([score(REF, SEED1), score({"u1": REF["u1"]}, {"u1": REF["u1"]})])
    with pytest.raises(UserError, match=r"old/seed3/decode/test/metrics\.json: does not exist yet: stages 12 and 13"):
        write_table(scored, (3,))
    write_recipe(Path(), "toy", {"rows/zeroshot": FILES["rows/zeroshot"].replace("toy/test", "toy/audio")})
    for config in ("decode", "decode_tree"):
        Path(f"exp/toy/zeroshot/seed1/{config}/test").rename(f"exp/toy/zeroshot/seed1/{config}/audio")
    _, content = write_table(dataclasses.replace(scored, rows=BOTH, relative_to="old"), (1,))  # of rows on its set only
    assert [row["relative"] for row in content["rows"]] == [None, None]


def test_a_curve_stands_in_the_file_and_is_drawn(compared):
    curve = Curve(x="data, %", lines={"one": {"old": 10, "zeroshot": 100}})
    path, content = compared(curve=curve)
    assert content["curve"] == {"x": "data, %", "lines": {"one": {"old": 10, "zeroshot": 100}}}
    write_report(content, path.parent, path.stem)
    plots = sorted(png.stem for png in path.parent.glob("default_plots/[ar]*.png"))
    assert plots == ["amount_test_em_full", "rows_test_em_full"]
