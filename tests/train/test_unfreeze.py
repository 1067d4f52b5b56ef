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
    seen = rates(4100)
    for update, (lr, old, _) in enumerate(seen, 1):
        assert lr == old == pytest.approx(D**-0.5 * min(update**-0.5, update * WARMUP**-1.5), rel=1e-9)
    assert max(seen) == seen[WARMUP - 1]
    assert seen[WARMUP - 1][0] == pytest.approx(9.88e-4, rel=1e-3)


def test_pretrained_groups_unfreeze_in_the_papers_steps():
    phases = [(500, 0.0), (600, 0.2), (700, 0.5), (800, 0.7)]
    for update, (new, old, bert) in enumerate(rates(1000, **PAPER), 1):
        factor = next((value for last, value in phases if update <= last), 1.0)
        assert new > 0
        assert old == pytest.approx(new * factor, rel=1e-12)
        assert bert == pytest.approx(0.05 * new * factor, rel=1e-12)
        assert (old == bert == 0.0) == (update <= 500)  # exactly: Adam makes any other number a step


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
    caplog.set_level(logging.INFO)
    assert WarmupUnfreezeLR(optimizer(), **PAPER).unfrozen(500) == 0.0  # something is new: nothing is said
    assert caplog.text == ""
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    adam = torch.optim.Adam([{"params": [each], "pretrained": True} for each in parameters], lr=PEAK)
    scheduler = WarmupUnfreezeLR(adam, **PAPER)
    assert "no new rows, nothing fresh: the freeze of 500 updates is skipped" in caplog.text
    factors = [scheduler.unfrozen(update) for update in (1, 100, 101, 200, 201, 300, 301)]
    assert factors == [0.2, 0.2, 0.5, 0.5, 0.7, 0.7, 1.0]
    assert adam.param_groups[0]["lr"] == pytest.approx(0.2 * PEAK / WARMUP)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"lr": 2.0, "warmup_steps": 4, "decay": "linear", "total_steps": 12},
            [0.5, 1.0, 1.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0],
        ),
        ({"lr": 3.0, "warmup_steps": 3, "decay": "constant"}, [1.0, 2.0, 3.0, 3.0, 3.0, 3.0]),
        ({"lr": 3.0, "warmup_steps": 0, "decay": "constant"}, [3.0]),
    ],
)
def test_other_decays(options, expected):
    assert [new for new, _, _ in rates(len(expected), **options)] == pytest.approx(expected)


@pytest.mark.parametrize("stop", [1, 499, 500, 501, 650, 900])
def test_a_resumed_schedule_continues_bit_for_bit(stop):
    def steps(adam, scheduler, number):
        for _ in range(number):
            yield [group["lr"] for group in adam.param_groups]
            assert scheduler.get_last_lr() == [group["lr"] for group in adam.param_groups]
            adam.step()
            scheduler.step()

    first, second = optimizer(), optimizer()
    before, after = (WarmupUnfreezeLR(adam, **PAPER) for adam in (first, second))
    seen, file = list(steps(first, before, stop)), io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "scheduler": before.state_dict()}, file)
    file.seek(0)
    states = torch.load(file, weights_only=True)  # as ESPnet loads it
    second.load_state_dict(states["optimizer"])
    after.load_state_dict(states["scheduler"])
    assert [*seen, *steps(second, after, 1000 - stop)] == rates(1000, **PAPER)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"decay": "cosine"}, "decay: is one of noam, linear, constant, found 'cosine'"),
        ({"unfreeze_steps": [500], "multipliers": []}, "1 unfreeze_steps but 0 multipliers"),
        ({"decay": "linear"}, "decay linear needs total_steps above warmup_steps"),
        ({"decay": "linear", "warmup_steps": 50, "total_steps": 50}, "needs total_steps above warmup_steps"),
    ],
)
def test_options_that_do_not_fit_are_named(options, complaint):
    with pytest.raises(UserError, match=complaint):
        WarmupUnfreezeLR(optimizer(), **options)
