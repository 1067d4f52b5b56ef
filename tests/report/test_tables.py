"""A table's JSON to text: every number comes from the file."""

import json
import re

import pytest

from espnet_atat.bin.table import main
from espnet_atat.errors import UserError
from espnet_atat.report.archives import write_archive
from espnet_atat.report.tables import markdown, marks, section, terminal, times
from tests.test_strict_json import HOSTILE


def figure(title, mean, sd=None, interval=None):
    return {"title": title, "mean": mean, "sd": sd, "interval": interval, "higher_is_better": True}


def row(**changes):
    first = {
        "em_full": figure("EM (full)", 0.8512, interval=[0.7912, 0.9012]),
        "em_hypothesis": figure("EM (hypothesis)", 0.86, interval=[0.8, 0.91]),
        "semer": figure("SemER", 0.0912, interval=[0.06, 0.12]),
        "intent_accuracy": figure("intent accuracy", 0.98, interval=[0.95, 1.0]),
        "wer": figure("WER", 0.07, interval=[0.05, 0.09]),
    }
    subsets = {
        "heard": {"utterances": 139, "figures": {"em_full": figure("EM (full)", 0.9)}},
        "unheard": {"utterances": 11, "figures": {"em_full": figure("EM (full)", 0.25)}},
    }
    constrained = {"em_full": figure("EM (full)", 0.87, interval=[0.8, 0.92])}
    return {
        "system": "music", "title": "AT-AT on music", "set": "mini/music_test", "task": "slu", "utterances": 150,
        "hypothesis": "frame", "seeds": [1], "columns": {"decode": first, "decode_tree": constrained},
        "subsets": subsets, "files": ["exp/mini/music/seed1/decode/music_test/metrics.json"],
    } | changes  # fmt: skip


def content(*rows):
    about = {"title": "mini", "recipe": "mini", "part": "test", "stage_times": {"1": 12.0, "10": 630.0}}
    return {**about, "rows": list(rows)}


def test_a_row_shows_figures_over_their_intervals_and_counts():
    lines = terminal(content(row())).splitlines()
    assert lines[0] == "mini (%, seed 1; in brackets: 95 % interval over utterances)"
    heads = ["EM", "EM heard", "unheard", "SemER", "intent", "WER", "EM (decode_tree)"]
    assert re.split(r"  +", lines[2].strip()) == heads
    assert lines[3].split() == ["music", "85.1", "90.0", "25.0", "9.1", "98.0", "7.0", "87.0"]
    assert re.split(r"  +", lines[4].strip())[:4] == ["mini/music_test (slu), n = 150", "[79.1, 90.1]", "(139)", "(11)"]
    assert {len(line) for line in lines[2:5]} == {len(lines[2])}
    assert times({"1": 12.0, "8": 0.1, "10": 630.0}) == "data preparation 12 s, pretraining 630 s; together 10.7 min"
    words = row(set="mini/sentences_dev", task="asr", hypothesis=None, subsets={})
    blocks = terminal(content(row(), words)).split("\n\n")
    assert len(blocks) == 3  # trees and words have tables of their own
    assert blocks[2].split("\n")[0].split() == ["WER"]
    lines = terminal(content(row()) | {"figures": ["em_full", "wer", "cer"]}).splitlines()  # these alone
    assert re.split(r"  +", lines[2].strip()) == ["EM (full)", "WER", "EM (full) (decode_tree)"]
    assert lines[3].split() == ["music", "85.1", "7.0", "87.0"]
    official = content(row(set="top/test", task="nlu", text_form="official"))
    assert "top/test (nlu, official text), n = 150" in terminal(official)
    assert "| nlu, official text |" in markdown(official)


def test_markdown_has_one_line_a_row_and_names_its_files():
    text = markdown(content(row()))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert len({line.count("|") for line in table}) == 1
    assert "85.1 [79.1, 90.1]" in table[2]
    assert "EM (decode_tree)" in table[0]
    assert "- `exp/mini/music/seed1/decode/music_test/metrics.json`" in text
    # A further configuration stands under its own name.
    figures = {"em_full": figure("EM (full)", 0.25, interval=[0.2, 0.3])}
    other = {"decode": {"em_full": figure("EM (full)", 0.5, interval=[0.4, 0.6])}, "decode_lm": figures}
    table = content(row(), row(title="with a language model", columns=other, subsets={}))
    assert "EM (decode_tree)  EM (decode_lm)" in terminal(table)
    cells = [line.strip("| ").split(" | ") for line in markdown(table).splitlines() if line.startswith("| ")]
    constrained, scored = cells[0].index("EM (decode_tree)"), cells[0].index("EM (decode_lm)")
    assert (cells[2][constrained], cells[2][scored]) == ("87.0 [80.0, 92.0]", "–")
    assert (cells[3][constrained], cells[3][scored]) == ("–", "25.0 [20.0, 30.0]")


def test_folds_stand_below_their_pooled_figure_and_seeds_show_their_deviation():
    em = figure("EM (full)", 0.8512, interval=[0.7912, 0.9012]) | {"fold_mean": 0.8487, "fold_sd": 0.0131}
    folded = content(row(folds=5, columns={"decode": {"em_full": em}}, subsets={}))
    lines = terminal(folded).splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["EM", "85.1"]
    assert re.split(r"  +", lines[5].strip()) == ["mean ± sd of 5 folds", "84.9 ±1.3"]
    assert "85.1 [79.1, 90.1] (folds: 84.9 ±1.3)" in markdown(folded)
    assert "mean ± standard deviation of the folds" in markdown(folded)
    assert "folds" not in markdown(content(row()))
    seeds = {"decode": {"em_full": figure("EM (full)", 0.8, sd=0.021, interval=[0.75, 0.85])}}
    text = terminal(content(row(seeds=[1, 2, 3], columns=seeds, subsets={})))
    assert "mean ± standard deviation over seeds 1, 2, 3" in text
    assert "80.0 ±2.1" in text


def test_a_table_is_put_between_its_marks_again_and_again(tmp_path):
    file, page = tmp_path / "music.json", tmp_path / "RESULTS.md"
    file.write_text(json.dumps(content(row())))
    start, end = marks("music")
    page.write_text(f"# Results\n\n{start}\nold\n{end}\n\n{marks('books')[0]}\nnot mine\n")
    for _ in range(2):
        main([str(file), "--insert", str(page)])
        inserted = f"{start}\n\n{section(content(row()), brief=True)}\n\n{end}"
        assert page.read_text() == f"# Results\n\n{inserted}\n\n{marks('books')[0]}\nnot mine\n"
    assert "| AT-AT on music | mini/music_test |" in page.read_text()


def test_a_kept_table_is_read_from_its_archive(tmp_path, capsys):
    archive, page = tmp_path / "music.jsonl.xz", tmp_path / "README.md"
    write_archive(archive, {"tables/music.json": json.dumps(content(row()))})
    main([str(archive), "--format", "markdown"])
    assert capsys.readouterr().out == markdown(content(row()))
    main([str(archive)])
    assert capsys.readouterr().out.startswith(terminal(content(row())))
    page.write_text("\n".join(marks("music")))
    main([str(archive), "--insert", str(page)])
    assert section(content(row()), brief=True) in page.read_text()
    write_archive(tmp_path / "books.jsonl.xz", {"tables/music.json": "{}"})
    with pytest.raises(UserError, match=r"books\.jsonl\.xz: holds no table of stage 14, no tables/books\.json"):
        main([str(tmp_path / "books.jsonl.xz")])


@pytest.mark.parametrize("lines", [[], [0], [1], [1, 0], [0, 1, 0], [0, 1, 1]])
def test_a_page_without_both_marks_in_order_stays_as_it_is(tmp_path, lines):
    file, page = tmp_path / "music.json", tmp_path / "RESULTS.md"
    file.write_text(json.dumps(content(row())))
    text = "\n".join(marks("music")[line] for line in lines)
    page.write_text(text)
    with pytest.raises(UserError, match=r"RESULTS\.md: needs the lines '<!-- table music"):
        main([str(file), "--insert", str(page)])
    assert page.read_text() == text
    with pytest.raises(UserError, match="no such file"):
        main([str(file), "--insert", str(tmp_path / "nothing.md")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((line, message) for line, message in HOSTILE),
        (b"[]", "holds no table of stage 14, but a list"),
        (b'{"rows": 3}', "holds no table of stage 14"),
        (b'{"rows": [3], "title": "x", "stage_times": {}}', "holds no table of stage 14"),
        (json.dumps({**content(row(columns={})), "title": "x"}).encode(), "holds no table of stage 14"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(text, message, tmp_path):
    (tmp_path / "a.json").write_bytes(text)
    (tmp_path / "page.md").write_text("\n".join(marks("a")))
    for options in ([], ["--format", "markdown"], ["--insert", str(tmp_path / "page.md")]):
        with pytest.raises(UserError, match=rf"a\.json: .*{message}"):
            main([str(tmp_path / "a.json"), *options])
    assert (tmp_path / "page.md").read_text() == "\n".join(marks("a"))
