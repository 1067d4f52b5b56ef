"""Layers for training on a GPU: the same loss and gradients, in fewer operations."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.train.gpu_layers import use_gpu_layers
from tests.toy_model import toy_batch, toy_model


@pytest.fixture(autouse=True)
def attention_as_before() -> Iterator[None]:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    yield
    torch.backends.cuda.enable_cudnn_sdp(before)


class Operations(TorchDispatchMode):
    """Counts what is computed, and what is asked of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def pair(blocks: str) -> tuple[ESPnetATATModel, ESPnetATATModel]:
    plain = toy_model(blocks=blocks)
    fast = copy.deepcopy(plain)
    use_gpu_layers(fast)
    return plain, fast


@pytest.mark.parametrize("pieces", [(5, 9, 3), ()])
@pytest.mark.parametrize("blocks", ["transformer", "conformer", "e_branchformer"])
def test_loss_statistics_and_gradients_are_the_same(blocks: str, pieces: tuple[int, ...]) -> None:
    batch = toy_batch(pieces=pieces)
    results = []
    for model in pair(blocks):
        loss, stats, _ = model(**batch)
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        results.append((loss, stats, gradients))
    (loss, stats, gradients), (again, stats_again, gradients_again) = results
    torch.testing.assert_close(again, loss, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(stats_again, stats, rtol=1e-5, atol=1e-6, equal_nan=True)
    assert gradients
    torch.testing.assert_close(gradients_again, gradients, rtol=1e-5, atol=1e-6)


def test_there_are_fewer_operations_and_the_decoder_runs_once() -> None:
    batch = toy_batch()
    counts = []
    for model in pair("transformer"):
        calls: list[int] = []
        model.decoder.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        with Operations() as operations, torch.no_grad():
            model(**batch)
        counts.append((len(calls), len(operations.names), operations.names.count("_local_scalar_dense.default")))
    (twice, many, asked), (once, few, less) = counts
    assert (twice, once) == (2, 1)
    assert few < 0.75 * many
    assert less < asked


def test_cudnn_would_compile_for_every_shape() -> None:
    use_gpu_layers(toy_model())
    assert not torch.backends.cuda.cudnn_sdp_enabled()
