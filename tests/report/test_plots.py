"""Plots from files."""

import base64
import re

from espnet_atat.metrics.scoring import score_files
from espnet_atat.report.plots import plot_curves, plot_rows, read_confusion, read_curves, write_report
from tests.report.test_tables import content, row


def hypotheses(folder, utterance="u"):
    folder.mkdir(parents=True)
    ref, hyp = folder / "ref", folder / "hyp"
    ref.write_text("u1 [IN:PLAY play ]\nu2 [IN:STOP stop ]\nu3 [IN:STOP stop it ]\n".replace("u", utterance))
    hyp.write_text("u1 [IN:PLAY stay ]\nu2 [IN:PLAY stay ]\nu3 \n".replace("u", utterance))
    return ref, hyp


def scored(refs, hyps, metrics):
    score_files(refs, hyps, metrics)
    return metrics


def test_intents_are_counted_by_utterance(tmp_path):
    ref, hyp = hypotheses(tmp_path / "test")
    found = read_confusion(scored([ref], [hyp], tmp_path / "metrics.json"))
    assert found == {("PLAY", "PLAY"): 1, ("STOP", "PLAY"): 1, ("STOP", "–"): 1}


def test_intents_of_all_folds_are_counted(tmp_path):
    pairs = [hypotheses(tmp_path / name, name) for name in ("a", "b")]
    found = read_confusion(scored(*zip(*pairs, strict=True), tmp_path / "metrics.json"))
    assert found == {("PLAY", "PLAY"): 2, ("STOP", "PLAY"): 2, ("STOP", "–"): 2}


def test_rows_stand_at_their_figures():
    axes = plot_rows([row()]).axes[0]
    interval, point = axes.lines
    assert [round(x, 2) for x in interval.get_xdata()] == [79.12, 90.12]
    assert [round(x, 2) for x in point.get_xdata()] == [85.12]


def test_curves_have_a_line_a_task_and_split():
    axes = plot_curves({"slu": {"train": ([1, 2], [0.5, 0.6]), "valid": ([2], [0.4])}}, "run").axes[0]
    assert [line.get_label() for line in axes.lines] == ["slu, train", "slu, valid"]
    assert list(axes.lines[0].get_ydata()) == [50.0, 60.0]


def test_a_run_without_tensorboard_has_no_curves(tmp_path):
    assert read_curves(tmp_path / "nothing") == {}


def test_the_page_holds_its_pictures(tmp_path):
    ref, hyp = hypotheses(tmp_path / "seed1/decode/test")
    table = content(row(files=[str(scored([ref], [hyp], ref.with_name("metrics.json")))], runs=[]))
    page = write_report(table, tmp_path, "mini").read_text()
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    written = sorted(path.read_bytes() for path in tmp_path.glob("mini_*.png"))
    assert len(pictures) == 2
    assert sorted(map(base64.b64decode, pictures)) == written
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "[79.1, 90.1]" in page
