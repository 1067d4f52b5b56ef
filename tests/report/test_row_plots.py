"""Plots of a table's figures: every point and interval where the table has it."""

import pytest

from espnet_atat.report.row_plots import curve_groups, groups, plot_curve, plot_group
from tests.report.test_tables import content, figure, row


def measured(mean, low, high, **others):
    return {"decode": {"em_full": figure("EM (full)", mean, interval=[low, high])}, **others}


def test_rows_are_grouped_by_set_and_figure():
    words = {"decode": {"wer": figure("WER", 0.1)}}
    rows = [row(system="a"), row(system="b", set="mini/books_test"), row(system="c"), row(system="d", columns=words)]
    found = [(group.set, group.key, [each["system"] for each in group.rows]) for group in groups(content(*rows))]
    music, books = "mini/music_test", "mini/books_test"
    assert found == [(music, "em_full", ["a", "c"]), (books, "em_full", ["b"]), (music, "wer", ["d"])]
    (group,) = groups(content(row()) | {"figures": ["slot_f1", "semer", "em_full"]})
    assert group.key == "semer"  # of the table's own the first that the row has


def test_points_stand_on_their_intervals_one_for_each_configuration():
    tree = {"em_full": figure("EM (full)", 0.9, sd=0.02, interval=[0.85, 0.95])}
    rows = [row(columns=measured(0.8, 0.7, 0.88, decode_tree=tree)), row(columns=measured(0.3, 0.2, 0.4))]
    drawn = plot_group(groups(content(*rows))[0])
    axes = drawn.axes[0]
    decode, tree = axes.containers
    segments = [segment for bars in (decode, tree) for segment in bars.lines[2][0].get_segments()]
    assert [x for segment in segments for x in segment[:, 0]] == pytest.approx([70, 88, 20, 40, 85, 95])
    assert [*decode.lines[0].get_xdata(), *tree.lines[0].get_xdata()] == pytest.approx([80, 30, 90])
    assert [text.get_text() for text in axes.texts] == ["80.0", "30.0", "90.0 ±2.0"]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["decode", "decode_tree"]
    assert decode.lines[0].get_ydata()[0] < tree.lines[0].get_ydata()[0]  # side by side, not over each other


def test_a_row_of_another_configuration_stands_at_its_name():
    whisper = {"whisper": {"em_full": figure("EM (full)", 0.4, interval=[0.3, 0.5])}}
    drawn = plot_group(groups(content(row(columns=measured(0.8, 0.7, 0.88)), row(columns=whisper)))[0])
    ours, other = (bars.lines[0] for bars in drawn.axes[0].containers)
    assert [*ours.get_ydata(), *other.get_ydata()] == [0, 1]
    assert ours.get_color() != other.get_color()


def test_long_names_do_not_overlap_and_an_error_rate_above_100_has_room():
    title = "AT-AT fine-tuned on real audio of the new domain, from the default pretraining, with synthetic audio"
    tree = {"semer": figure("SemER", 0.82, sd=0.02, interval=[0.75, 0.9])}
    worse = {"decode": {"semer": figure("SemER", 1.2, interval=[1.0, 1.6]) | {"higher_is_better": False}}}
    rows = [row(title=title, columns=worse | {"decode_tree": tree}) for _ in range(6)]
    drawn = plot_group(groups(content(*rows) | {"figures": ["semer"]})[0])
    drawn.canvas.draw()
    axes = drawn.axes[0]
    boxes = [text.get_window_extent() for text in (*axes.get_yticklabels(), *axes.texts)]
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])
    assert axes.get_xlim()[1] > 160
    assert axes.get_xlabel() == "SemER, % (lower is better)"
    assert plot_group(groups(content(row(columns=measured(0.8, 0.7, 0.9))))[0]).legends == []  # one configuration


CURVE = {"x": "slu data, %", "lines": {"E2E": {"a": 10, "c": 100}, "AT-AT": {"b": 10, "c": 100}}}


def test_a_curve_has_its_rows_at_their_amounts():
    figures = {"a": (0.2, 0.1, 0.35), "b": (0.6, 0.5, 0.7), "c": (0.9, 0.8, 0.95)}
    rows = [row(system=name, columns=measured(*each)) for name, each in figures.items()]
    rows.append(row(system="elsewhere", set="mini/books_test"))
    table = content(*rows) | {"curve": CURVE}
    (group,) = curve_groups(table)
    axes = plot_curve(CURVE, group).axes[0]
    drawn = {bars.get_label(): bars for bars in axes.containers}
    assert list(drawn) == ["E2E", "AT-AT"]
    line, _, (bars,) = drawn["E2E"].lines
    assert line.get_xdata() == pytest.approx([10, 100], rel=0.02)
    assert line.get_ydata() == pytest.approx([20, 90])
    intervals = [sorted(segment[:, 1]) for segment in bars.get_segments()]
    assert intervals == [pytest.approx([10, 35]), pytest.approx([80, 95])]
    assert curve_groups(content(rows[0]) | {"curve": CURVE}) == []  # one point is no curve
    assert curve_groups(content(*rows)) == []
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "100"]
