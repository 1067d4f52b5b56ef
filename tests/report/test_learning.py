"""Learning curves, grouped and drawn."""

from torch.utils.tensorboard import SummaryWriter

from espnet_atat.report.learning import collect_curves, group_runs, name_runs, plot_curves, read_curves
from tests.report.test_tables import row


def test_a_task_has_a_panel_a_run_a_colour_and_a_split_a_line():
    first = {"slu": {"train": ([1, 2], [0.5, 0.6]), "valid": ([2], [0.4])}, "asr": {"train": ([1], [0.3])}}
    second = {"slu": {"train": ([1], [0.7])}}
    figure = plot_curves([("seed 1", first), ("seed 2", second)], "pretrain")
    asr, slu = figure.axes
    assert (asr.get_title(), slu.get_title()) == ("asr", "slu")
    assert [list(line.get_ydata()) for line in slu.lines] == [[50.0, 60.0], [40.0], [70.0]]
    colours = [line.get_color() for line in slu.lines]
    assert colours[0] == colours[1] != colours[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["seed 1", "seed 2", "training", "validation"]


def test_curves_are_read_without_an_epochs_mean_and_kept_as_they_are(tmp_path):
    with SummaryWriter(tmp_path / "run/tensorboard/train") as writer:
        for step, value in ((1, 0.25), (2, 0.5), (2, 0.375), (3, float("nan"))):  # the second at 2 is the epoch's mean
            writer.add_scalar("acc_slu", value, step)
    assert read_curves(tmp_path / "run/tensorboard") == {"slu": {"train": ([1, 2], [0.25, 0.5])}}
    assert read_curves(tmp_path / "nothing") == {}
    kept = collect_curves([tmp_path / "run", tmp_path / "another"])
    assert kept == {str(tmp_path / "run"): {"slu": {"train": ([1, 2], [0.25, 0.5])}}}


def test_seeds_of_one_training_stand_together_with_the_systems_that_share_it():
    shared = ["exp/runs/pretrain-m-seed1-aa", "exp/runs/tokens-bb", "exp/runs/pretrain-m-seed2-cc"]
    tuned = ["exp/runs/tune-m-seed1-dd", *shared[:2], "exp/runs/tune-m-seed2-ee", shared[2]]
    found = group_runs([row(system="a", runs=shared), row(system="b", runs=tuned), row(system="a", runs=shared)])
    assert found == {(shared[0], shared[2]): ["a", "b"], (tuned[0], tuned[3]): ["b"]}
    # Folds of one seed are told apart.
    curves = {f"exp/runs/pretrain-m-seed{tail}": {} for tail in ("1-aa", "1-bb", "2-cc")}
    assert [name for name, _ in name_runs(curves)] == ["seed 1 (aa)", "seed 1 (bb)", "seed 2"]
