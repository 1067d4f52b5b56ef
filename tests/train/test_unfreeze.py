"""The learning rate of every update against the paper's formula and phases."""

import io
import logging
from pathlib import Path

import pytest
import torch

from espnet_atat.config.layout import load_yaml
from espnet_atat.errors import UserError
from espnet_atat.train.unfreeze import WarmupUnfreezeLR

D, WARMUP = 256, 4000
PEAK = D**-0.5 * WARMUP**-0.5
PAPER = {"unfreeze_steps": [500, 100, 100, 100], "multipliers": [0.0, 0.2, 0.5, 0.7]}


def optimizer(lr: float = PEAK) -> torch.optim.Adam:
    """New rows, pretrained parts, and a pretrained text encoder with a rate of its own."""
    new, old, bert = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    return torch.optim.Adam(
        [
            {"params": [new], "pretrained": False, "new_rows": True, "lr_scale": 1.0},
            {"params": [old], "pretrained": True, "lr_scale": 1.0},
            {"params": [bert], "pretrained": True, "lr_scale": 0.05},
        ],
        lr=lr,
    )


def rates(updates: int, lr: float = PEAK, **options: object) -> list[list[float]]:
    """Learning rates of the three groups at each update."""
    adam = optimizer(lr)
    scheduler = WarmupUnfreezeLR(adam, **options)
    seen = []
    for _ in range(updates):
        seen.append([group["lr"] for group in adam.param_groups])
        adam.step()
        scheduler.step()
    return seen


def test_noam_is_vaswanis_formula_and_peaks_at_9_88e_4():
    seen = [new for new, _, _ in rates(4100)]
    for update, lr in enumerate(seen, 1):
        assert lr == pytest.approx(D**-0.5 * min(update**-0.5, update * WARMUP**-1.5), rel=1e-9)
    assert max(seen) == seen[WARMUP - 1] == pytest.approx(9.88e-4, rel=1e-3)


def test_pretrained_groups_unfreeze_in_the_papers_steps():
    for update, (new, old, bert) in enumerate(rates(1000, **PAPER), 1):
        factor = (
            0.0 if update <= 500 else 0.2 if update <= 600 else 0.5 if update <= 700 else 0.7 if update <= 800 else 1.0
        )
        assert new > 0
        assert old == pytest.approx(new * factor, rel=1e-12)
        assert bert == pytest.approx(0.05 * new * factor, rel=1e-12)
        if update <= 500:
            assert (old, bert) == (0.0, 0.0)  # exactly: Adam makes any other number a step


def test_without_phases_nothing_is_ever_frozen():
    assert all(old == new > 0 for new, old, _ in rates(30))


@pytest.mark.parametrize("warmup", [0, 100])
def test_new_rows_have_a_warm_up_of_their_own_then_the_peak_then_the_common_decay(warmup):
    own, common = rates(5000, new_rows_warmup_steps=warmup, **PAPER), rates(5000, **PAPER)
    for update, ((new, *pretrained), (as_others, *same)) in enumerate(zip(own, common, strict=True), 1):
        assert pretrained == same
        expected = PEAK * min(1.0, update / max(1, warmup)) if update <= WARMUP else as_others
        assert new == pytest.approx(expected, rel=1e-12)


def test_in_the_papers_freeze_new_rows_can_leave_the_place_where_they_start():
    """Adam moves a parameter by about its rate, and rows start with standard deviation D ** -0.5."""
    scheduler_conf = load_yaml(Path(__file__).parents[2] / "conf/finetune.yaml")["scheduler_conf"]
    way = sum(new for new, _, _ in rates(500, **scheduler_conf))
    assert way > 4 * D**-0.5
    restarted = sum(new for new, _, _ in rates(500, **{**scheduler_conf, "new_rows_warmup_steps": None}))
    assert restarted == pytest.approx(D**-0.5 / 2, rel=0.02)


def test_a_freeze_in_which_nothing_would_train_is_skipped(caplog):
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    adam = torch.optim.Adam([{"params": [each], "pretrained": True} for each in parameters], lr=PEAK)
    with caplog.at_level(logging.INFO):
        scheduler = WarmupUnfreezeLR(adam, **PAPER)
    assert "no new rows, nothing fresh: the freeze of 500 updates is skipped" in caplog.text
    factors = [scheduler.unfrozen(update) for update in (1, 100, 101, 200, 201, 300, 301)]
    assert factors == [0.2, 0.2, 0.5, 0.5, 0.7, 0.7, 1.0]
    assert adam.param_groups[0]["lr"] == pytest.approx(0.2 * PEAK / WARMUP)


def test_where_something_is_new_the_freeze_stays_and_nothing_is_said(caplog):
    with caplog.at_level(logging.INFO):
        assert WarmupUnfreezeLR(optimizer(), **PAPER).unfrozen(500) == 0.0
    assert caplog.text == ""


def test_linear_decay_reaches_zero_at_the_end_and_stays_there():
    seen = [new for new, _, _ in rates(15, lr=2.0, warmup_steps=4, decay="linear", total_steps=12)]
    assert seen == pytest.approx([0.5, 1.0, 1.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0])


def test_constant_stays_at_its_peak():
    seen = [new for new, _, _ in rates(6, lr=3.0, warmup_steps=3, decay="constant")]
    assert seen == pytest.approx([1.0, 2.0, 3.0, 3.0, 3.0, 3.0])


def test_no_warm_up_starts_at_the_peak():
    assert next(iter(rates(1, lr=3.0, warmup_steps=0, decay="constant")))[0] == 3.0


@pytest.mark.parametrize("stop", [1, 499, 500, 501, 650, 900])
def test_a_resumed_schedule_continues_bit_for_bit(stop):
    unbroken = rates(1000, **PAPER)
    adam = optimizer()
    scheduler = WarmupUnfreezeLR(adam, **PAPER)
    for _ in range(stop):
        adam.step()
        scheduler.step()
    file = io.BytesIO()
    torch.save({"optimizer": adam.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    states = torch.load(file, weights_only=True)  # as ESPnet loads it
    adam = optimizer()
    scheduler = WarmupUnfreezeLR(adam, **PAPER)
    adam.load_state_dict(states["optimizer"])
    scheduler.load_state_dict(states["scheduler"])
    resumed = []
    for _ in range(stop, 1000):
        resumed.append([group["lr"] for group in adam.param_groups])
        assert scheduler.get_last_lr() == resumed[-1]
        adam.step()
        scheduler.step()
    assert resumed == unbroken[stop:]


@pytest.mark.parametrize("fused", [False, True])
def test_adam_leaves_frozen_parameters_bit_identical(fused):
    torch.manual_seed(0)
    new, old = (torch.nn.Parameter(torch.randn(50)) for _ in range(2))
    before = old.detach().clone()
    groups = [{"params": [new], "pretrained": False}, {"params": [old], "pretrained": True}]
    adam = torch.optim.Adam(groups, lr=PEAK, fused=fused)
    scheduler = WarmupUnfreezeLR(adam, unfreeze_steps=[5], multipliers=[0.0])
    for update in range(1, 8):
        new_before = new.detach().clone()
        new.grad, old.grad = torch.randn(50), torch.randn(50)
        adam.step()
        scheduler.step()
        assert not torch.equal(new, new_before)
        assert torch.equal(old, before) == (update <= 5)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"decay": "cosine"}, "decay 'cosine' is not one of noam, linear, constant"),
        ({"unfreeze_steps": [500], "multipliers": []}, "1 unfreeze_steps but 0 multipliers"),
        ({"decay": "linear"}, "decay linear needs total_steps above warmup_steps"),
        ({"decay": "linear", "warmup_steps": 50, "total_steps": 50}, "needs total_steps above warmup_steps"),
    ],
)
def test_options_that_do_not_fit_are_named(options, complaint):
    with pytest.raises(UserError, match=complaint):
        WarmupUnfreezeLR(optimizer(), **options)
