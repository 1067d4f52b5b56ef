"""Layers for training on a CPU: torch's own results, forward and backward, at any number of rows."""

import copy
from unittest import mock

import pytest
import torch
from torch import nn

from espnet_atat.model import cpu_layers
from espnet_atat.model.cpu_layers import use_cpu_layers
from tests.toy_model import toy_batch, toy_model, without_dropout

LAYERS = {
    "linear": (lambda: nn.Linear(6, 10), (3, 7, 6)),
    "linear without bias": (lambda: nn.Linear(6, 10, bias=False), (5, 6)),
    "linear, rows that need no filling": (lambda: nn.Linear(6, 10), (2, 16, 6)),
    "pointwise": (lambda: nn.Conv1d(6, 12, 1), (3, 6, 11)),
    "depthwise": (lambda: nn.Conv1d(6, 6, 5, padding=2, groups=6), (3, 6, 11)),
    "depthwise without bias": (lambda: nn.Conv1d(6, 6, 3, padding=1, groups=6, bias=False), (3, 6, 16)),
}


def passes(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, and the gradients of input and parameters."""
    x = x.clone().requires_grad_()
    output = layer(x)
    output.square().sum().backward()
    return [output, x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.fixture(params=["all products", "large products"], autouse=True)
def worthwhile(request, monkeypatch) -> None:
    """The toys' products are all small."""
    if request.param == "all products":
        monkeypatch.setattr(cpu_layers, "WORTHWHILE", 0)


@pytest.mark.parametrize("name", LAYERS)
def test_results_and_gradients_are_those_of_torch(name):
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    plain = make()
    fast = copy.deepcopy(plain)
    use_cpu_layers(fast)
    assert type(fast).__module__ == cpu_layers.__name__
    x = torch.randn(shape)
    for expected, found in zip(passes(plain, x), passes(fast, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(fast.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("rows", [3, cpu_layers.ROWS])
def test_what_comes_out_may_be_changed_in_place(rows):
    torch.manual_seed(0)
    plain = nn.Linear(4, 4)
    fast = copy.deepcopy(plain)
    use_cpu_layers(fast)
    x, gradients = torch.randn(rows, 4), []
    for layer in (plain, fast):
        y = layer(x)
        y /= 2
        y.sum().backward()
        gradients.append(layer.weight.grad)
    torch.testing.assert_close(*gradients)


def test_other_inputs_go_torchs_way():
    linear, conv = nn.Linear(6, 6).double(), nn.Conv1d(6, 6, 3, padding=1, groups=6)
    pointwise = nn.Conv1d(6, 6, 1)
    for layer in (linear, conv, pointwise):
        use_cpu_layers(layer)
    assert linear(torch.randn(3, 6, dtype=torch.float64)).dtype is torch.float64
    assert linear(torch.empty(0, 6, dtype=torch.float64)).shape == (0, 6)
    assert conv(torch.randn(6, 9)).shape == pointwise(torch.randn(6, 9)).shape == (6, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear.float()(torch.randn(3, 6)).dtype is torch.bfloat16


@pytest.mark.parametrize("rows", [3, cpu_layers.ROWS])
def test_only_what_is_asked_for_gets_a_gradient(rows):
    layer = nn.Linear(4, 4)
    use_cpu_layers(layer)
    layer.weight.requires_grad_(False)
    layer(torch.randn(rows, 4)).sum().backward()  # of a sum: one number, expanded; a first layer's input wants none
    assert layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), float(rows)))
    layer.weight.requires_grad_(True), layer.bias.requires_grad_(False)
    x = torch.randn(4, rows).t()  # columns first in memory
    layer(x).sum().backward()
    torch.testing.assert_close(layer.weight.grad, x.sum(0).expand(4, 4))


@pytest.mark.parametrize(
    ("layer", "onednn"),
    [
        (nn.Conv1d(4, 4, 1, stride=2), True),
        (nn.Conv1d(4, 4, 4, padding=2, groups=4), True),  # one state more
        (nn.Conv1d(4, 4, 3, padding=1, groups=2), True),
        (nn.Conv1d(4, 4, 3, padding="same", groups=4), True),
        (nn.Conv1d(4, 4, 3, padding=1, groups=4, padding_mode="circular"), True),
        (nn.LazyLinear(3), True),
        (nn.Linear(4, 4), False),
    ],
)
def test_others_are_left_alone_and_all_of_a_torch_without_onednn(layer, onednn, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
    kind = type(layer)
    use_cpu_layers(layer)
    assert type(layer) is kind


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_dropout_keeps_its_rate_and_the_mean(rate):
    layer = nn.Dropout(rate)
    use_cpu_layers(layer)
    torch.manual_seed(0)
    x = torch.ones(401, 503, requires_grad=True)  # no multiple of 4
    dropped = layer(x)
    deviation = (rate * (1 - rate) / x.numel()) ** 0.5
    for part in (dropped, dropped.flatten()[0::4], dropped.flatten()[3::4]):  # all four numbers of a word
        assert abs(float((part == 0).float().mean()) - rate) < 8 * deviation
    assert float(dropped.detach().max()) == pytest.approx(1 / (1 - rate), rel=1e-3)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped)  # what was dropped learns nothing
    torch.manual_seed(0)
    assert torch.equal(layer(x), dropped)
    assert torch.equal(layer.eval()(x), x)
    for layer.p, value in ((0.0, 1.0), (1.0, 0.0)):
        assert torch.equal(layer.train()(torch.ones(8)), torch.full((8,), value))


@pytest.mark.parametrize("blocks", ["transformer", "conformer", "e_branchformer"])
def test_a_model_learns_the_same(blocks, monkeypatch):
    gradients = []
    for fast in (True, False):
        if not fast:
            monkeypatch.setattr("espnet_atat.model.build.use_cpu_layers", mock.Mock())
        model = toy_model(blocks=blocks).train()
        kinds = {type(module).__module__ for module in model.modules()}
        assert (cpu_layers.__name__ in kinds) == fast
        without_dropout(model)
        torch.manual_seed(0)
        loss, _, _ = model(**toy_batch())
        loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, found in gradients[0].items():
        torch.testing.assert_close(found, gradients[1][name], rtol=1e-3, atol=1e-5, msg=name)
