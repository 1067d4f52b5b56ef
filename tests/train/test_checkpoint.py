"""What a kill tears is recognised and repaired: every file that ESPnet's trainer writes, cut at several lengths."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.train.reporter import Reporter

from espnet_atat.train.checkpoint import BACKUP, CHECKPOINT, EpochStart, copy_into_place, is_intact, repair_run

CRITERIA = [("valid", "acc", "max"), ("train", "loss", "min")]


def model_of(epoch: int) -> dict[str, torch.Tensor]:
    return {"weight": torch.full((200,), float(epoch)), "bias": torch.arange(7) + epoch}


def save_epoch(folder: Path, epoch: int, reporter: Reporter) -> None:
    """What ESPnet's trainer writes at an epoch's end, by its own reporter; accuracy is best in epoch 2."""
    reporter.set_epoch(epoch)
    with reporter.observe("train") as sub:
        sub.register({"loss": 1 / epoch}, 1)
        sub.next()
    with reporter.observe("valid") as sub:
        sub.register({"acc": 1 - abs(epoch - 2) / 10}, 1)
        sub.next()
    states = {"model": model_of(epoch), "reporter": reporter.state_dict()}
    torch.save({**states, "optimizers": [], "schedulers": [], "scaler": None}, folder / CHECKPOINT)
    torch.save(model_of(epoch), folder / f"{epoch}epoch.pth")
    link(folder, "latest.pth", epoch)
    for phase, key, mode in CRITERIA:
        if reporter.get_best_epoch(phase, key, mode) == epoch:
            link(folder, f"{phase}.{key}.best.pth", epoch)


def link(folder: Path, name: str, epoch: int) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(f"{epoch}epoch.pth")


@pytest.fixture
def run(tmp_path) -> Path:
    """A run killed in epoch 4, after epoch 3 was saved."""
    reporter = Reporter()
    for epoch in (1, 2, 3):
        save_epoch(tmp_path, epoch, reporter)
        if epoch == 2:  # as at the start of epoch 3
            copy_into_place(tmp_path / CHECKPOINT, tmp_path / BACKUP)
    torch.save(model_of(0), tmp_path / "valid.acc.ave_2best.pth")
    return tmp_path


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def epoch_of(path: Path) -> int:
    return int(torch.load(path, weights_only=True)["reporter"]["epoch"])


def weight_of(path: Path) -> float:
    return float(torch.load(path, weights_only=True)["weight"][0])


SHARES = pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.95, 0.999])


def repaired(run: Path) -> list[str]:
    lines = repair_run(run, CRITERIA)
    assert repair_run(run, CRITERIA) == [], "repairing twice finds something again"
    return lines


def test_a_whole_run_is_left_alone_and_so_is_an_empty_or_absent_one(run):
    def files() -> dict[str, Path | bytes]:
        return {path.name: (path.readlink() if path.is_symlink() else path.read_bytes()) for path in run.iterdir()}

    before = files()
    assert repaired(run) == []
    assert before == files()
    (run / "empty").mkdir()
    for name in ("empty", "nothing"):
        assert repair_run(run / name, CRITERIA) == []


@SHARES
def test_a_torn_checkpoint_goes_back_to_the_epoch_before(run, share):
    cut(run / CHECKPOINT, share)
    assert not is_intact(run / CHECKPOINT)
    lines = repaired(run)
    assert lines[0] == "checkpoint.pth was torn: went back to the epoch before"
    assert epoch_of(run / CHECKPOINT) == 2
    assert not (run / "3epoch.pth").exists(), "the third epoch will be trained again"
    assert (run / "latest.pth").readlink() == Path("2epoch.pth")
    assert (run / "train.loss.best.pth").readlink() == Path("2epoch.pth")
    assert {weight_of(run / f"{epoch}epoch.pth") for epoch in (1, 2)} == {1.0, 2.0}


@SHARES
@pytest.mark.parametrize("backup", ["none", "torn"])
def test_without_a_backup_training_starts_anew(run, share, backup):
    if backup == "none":
        (run / BACKUP).unlink()
    else:
        cut(run / BACKUP, 0.5)
    cut(run / CHECKPOINT, share)
    assert repaired(run)[0] == "checkpoint.pth was torn and there is no earlier one: training starts over"
    assert not (run / CHECKPOINT).exists()
    assert {path.name for path in run.glob("*.pth")} - {BACKUP} == {"valid.acc.ave_2best.pth"}


def test_a_flipped_byte_is_seen(run):
    content = bytearray((run / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (run / CHECKPOINT).write_bytes(content)
    assert not is_intact(run / CHECKPOINT)


@SHARES
def test_a_torn_model_of_the_last_epoch_is_made_again_from_the_checkpoint(run, share):
    cut(run / "3epoch.pth", share)
    assert repaired(run) == ["3epoch.pth was torn: removed", "3epoch.pth was missing: made again from the checkpoint"]
    assert weight_of(run / "3epoch.pth") == 3.0
    assert torch.equal(torch.load(run / "3epoch.pth", weights_only=True)["bias"], model_of(3)["bias"])
    assert weight_of(run / "latest.pth") == 3.0


@SHARES
def test_a_torn_average_is_removed_for_training_makes_it_again(run, share):
    cut(run / "valid.acc.ave_2best.pth", share)
    (run / "valid.acc.ave.pth").symlink_to("valid.acc.ave_2best.pth")
    assert repaired(run) == ["valid.acc.ave_2best.pth was torn: removed", "valid.acc.ave.pth links to nothing: removed"]
    assert not (run / "valid.acc.ave.pth").is_symlink()


@pytest.mark.parametrize("name", ["latest.pth", "valid.acc.best.pth", "train.loss.best.pth"])
@pytest.mark.parametrize("how", ["missing", "9epoch.pth", "1epoch.pth", "empty file"])
def test_a_link_that_a_kill_took_or_left_stale_is_set_again(run, name, how):
    target = (run / name).readlink()
    (run / name).unlink()
    if how.endswith(".pth"):
        (run / name).symlink_to(how)
    elif how == "empty file":
        (run / name).write_bytes(b"")
    assert repaired(run)
    assert (run / name).readlink() == target


def test_a_model_ahead_of_the_checkpoint_is_removed(run):
    shutil.copy(run / BACKUP, run / CHECKPOINT)
    assert repaired(run)[0] == "3epoch.pth is ahead of the checkpoint's epoch 2: it will be made again"
    assert not (run / "3epoch.pth").exists()


class Batches(AbsIterFactory):
    """Says which epochs were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> list[int]:  # noqa: ARG002
        self.asked.append(epoch)
        return [epoch]


def test_each_epochs_start_keeps_a_copy_and_no_link(run, tmp_path):
    batches, preprocess = Batches(), SimpleNamespace(epoch=None)
    assert EpochStart(batches, preprocess, run).build_iter(4) == [4]
    assert batches.asked == [preprocess.epoch] == [4]
    assert epoch_of(run / BACKUP) == 3
    assert not (run / BACKUP).is_symlink()
    assert not (run / BACKUP).samefile(run / CHECKPOINT)
    with (run / CHECKPOINT).open("r+b") as handle:  # in place, as torch.save writes
        handle.truncate(100)
    assert epoch_of(run / BACKUP) == 3
    (tmp_path / "new").mkdir()
    assert EpochStart(batches, preprocess, tmp_path / "new").build_iter(1) == [1]
    assert list((tmp_path / "new").iterdir()) == []  # a first epoch has nothing to copy


@pytest.mark.parametrize(("share", "writes"), [(0.5, True), (1.0, False)])
def test_no_copy_is_of_a_torn_checkpoint_or_by_a_process_that_writes_none(run, share, writes):
    cut(run / CHECKPOINT, share)
    EpochStart(Batches(), SimpleNamespace(), run if writes else None).build_iter(4)
    assert epoch_of(run / BACKUP) == 2
