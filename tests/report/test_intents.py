"""Confusion of intents, counted from what was scored."""

import shutil

from espnet_atat.metrics.scoring import score_files
from espnet_atat.report.intents import plot_confusion, read_confusion


def hypotheses(folder, utterance="u"):
    folder.mkdir(parents=True)
    ref, hyp = folder / "ref", folder / "hyp"
    ref.write_text("u1 [IN:PLAY play ]\nu2 [IN:STOP stop ]\nu3 [IN:STOP stop it ]\n".replace("u", utterance))
    hyp.write_text("u1 [IN:PLAY stay ]\nu2 [IN:PLAY stay ]\nu3 \n".replace("u", utterance))
    return ref, hyp


def scored(refs, hyps, metrics):
    score_files(refs, hyps, metrics)
    return metrics


def test_intents_are_counted_by_utterance_from_files_that_may_have_moved(tmp_path):
    ref, hyp = hypotheses(tmp_path / "test")
    found = read_confusion(scored([ref], [hyp], tmp_path / "metrics.json"))
    assert found == {("PLAY", "PLAY"): 1, ("STOP", "PLAY"): 1, ("STOP", "(none)"): 1}
    folds = [hypotheses(tmp_path / name, name) for name in ("a", "b")]
    found = read_confusion(scored(*zip(*folds, strict=True), tmp_path / "folds.json"))
    assert found == {("PLAY", "PLAY"): 2, ("STOP", "PLAY"): 2, ("STOP", "(none)"): 2}
    # Files that were moved are found beside the metrics or not at all.
    scored([ref], [hyp], tmp_path / "test/metrics.json")
    shutil.move(tmp_path / "test", tmp_path / "kept")
    assert read_confusion(tmp_path / "kept/metrics.json")[("PLAY", "PLAY")] == 1
    (tmp_path / "kept/hyp").unlink()
    assert not read_confusion(tmp_path / "kept/metrics.json")


def test_each_cell_holds_its_count_and_none_stands_last():
    axes = plot_confusion({("PLAY", "PLAY"): 3, ("STOP", "(none)"): 1}, "intents").axes[0]
    cells = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "3", (1, 2): "1"}
    assert axes.images[0].get_array().tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
