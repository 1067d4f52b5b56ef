"""Plots from files."""

import base64
import re

from espnet_atat.report.plots import plot_curves, plot_rows, read_confusion, read_curves, write_report
from tests.report.test_tables import content, row


def hypotheses(folder):
    folder.mkdir(parents=True)
    (folder / "ref").write_text("u1 [IN:PLAY play ]\nu2 [IN:STOP stop ]\nu3 [IN:STOP stop it ]\n")
    (folder / "hyp").write_text("u1 [IN:PLAY stay ]\nu2 [IN:PLAY stop ]\nu3 \n")
    return folder


def test_intents_are_counted_by_utterance(tmp_path):
    found = read_confusion(hypotheses(tmp_path / "test"))
    assert found == {("PLAY", "PLAY"): 1, ("STOP", "PLAY"): 1, ("STOP", "–"): 1}


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
    folder = hypotheses(tmp_path / "seed1/decode/test")
    table = content(row(files=[str(folder / "metrics.json")], runs=[]))
    page = write_report(table, tmp_path, "mini").read_text()
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    written = sorted(path.read_bytes() for path in tmp_path.glob("mini_*.png"))
    assert len(pictures) == 2
    assert sorted(map(base64.b64decode, pictures)) == written
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "[79.1, 90.1]" in page
