"""The command bin.compare."""

import json
import re
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.compare import main
from espnet_atat.metrics.metrics_file import write_metrics
from espnet_atat.metrics.scoring import score
from tests.test_strict_json import HOSTILE

REF = {f"u{number:02d}": "[IN:A x ]" for number in range(40)}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """metrics.json files of systems with 20, 22 and 36 of 40 right; name → path."""
    folder = tmp_path_factory.mktemp("scored")
    paths = {}
    for right in (20, 22, 36):
        hyp = {utt_id: tree if number < right else "" for number, (utt_id, tree) in enumerate(REF.items())}
        paths[right] = str(folder / f"{right}.json")
        write_metrics(paths[right], score(REF, hyp, heard_words={"x"}))
    return paths


def test_two_files(scored, tmp_path, capsys) -> None:
    assert main_guard(main, [scored[36], scored[20], "--output", str(tmp_path / "difference.json")]) == 0
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("EM (full)"))
    assert line.split()[2:5] == ["90.00", "50.00", "+40.00"]
    assert line.endswith("A is better *")
    written = json.loads((tmp_path / "difference.json").read_text(encoding="utf-8"))
    assert written["figures"]["em_full"]["better"] == "a"
    assert written["figures"]["em_full"]["p_value"] < 0.05
    assert written["a"] == [scored[36]]


def test_seeds_and_subsets(scored, capsys) -> None:
    assert main_guard(main, ["--a", scored[20], scored[22], "--b", scored[36], "--subset", "heard"]) == 0
    printed = capsys.readouterr().out
    assert "40 utterances of subset heard, paired bootstrap" in printed
    line = next(line for line in printed.splitlines() if line.startswith("EM (full)"))
    assert "52.50 ±3.54" in line
    assert line.endswith("B is better *")


def test_sides_that_are_not_two_and_files_that_are_no_scores(scored, tmp_path, capsys) -> None:
    one = scored[20]
    for sides in ([], [one], [one, one, one], [one, "--a", one], ["--a", one]):
        assert main_guard(main, sides) == 2
        assert capsys.readouterr().err.startswith("error: give ")
    for content, message in [*HOSTILE, (b"{}", "not a metrics.json of form 1"), (b"[]", "of form 1")]:
        (tmp_path / "bad.json").write_bytes(content)
        assert main_guard(main, [one, str(tmp_path / "bad.json")]) == 2
        assert re.search(f"^error: .*bad.json: .*{message}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda counts: counts["utt_ids"].reverse(), "its utterance ids are not sorted"),
        (lambda counts: counts.update(utt_ids=[["u"]]), "no list of utterance ids"),
        (lambda counts: counts["columns"].update(valid=[1]), "a column has not a number for each utterance"),
        (lambda counts: counts["columns"].update(valid=["1"] * 40), "a column has not a number"),
        (lambda counts: counts["subsets"].update(heard=[99]), "a subset has entries that are not positions"),
        (lambda counts: counts.clear(), "no list of utterance ids"),
        (lambda counts: counts.pop("columns"), "a column has not"),
    ],
)
def test_scores_whose_counts_do_not_belong_together_are_refused(scored, tmp_path, capsys, change, message):
    content = json.loads(Path(scored[20]).read_text(encoding="utf-8"))
    change(content["counts"])
    (tmp_path / "bad.json").write_text(json.dumps(content))
    assert main_guard(main, [scored[20], str(tmp_path / "bad.json")]) == 2
    assert f"bad.json: not a metrics.json of form 1: {message}" in capsys.readouterr().err
    content["info"] = content["kind"] = 3
    (tmp_path / "bad.json").write_text(json.dumps(content))
    assert main_guard(main, [str(tmp_path / "bad.json"), scored[20]]) == 2
    assert "kind is missing, or of another type" in capsys.readouterr().err
