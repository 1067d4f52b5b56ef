"""The auxiliary CTC against a sum over all paths."""

from itertools import groupby, product

import pytest
import torch

from espnet_atat.model.ctc import CTCHead

SYMBOLS, D = 3, 4


@pytest.fixture
def head() -> CTCHead:
    torch.manual_seed(0)
    return CTCHead(SYMBOLS, D, subframes=2).eval()


@torch.no_grad()
def test_loss_sums_over_every_path_of_the_sub_frames(head):
    states = torch.randn(2, 3, D)
    lengths, targets, target_lengths = torch.tensor([3, 2]), torch.tensor([[1, 2], [2, -1]]), torch.tensor([2, 1])
    losses = head(states, lengths, targets, target_lengths)
    for row in range(2):
        frames = 2 * int(lengths[row])
        p = head.log_softmax(states)[row, :frames].exp()
        wanted = targets[row, : target_lengths[row]].tolist()
        every = product(range(SYMBOLS), repeat=frames)
        paths = [path for path in every if [symbol for symbol, _ in groupby(path) if symbol] == wanted]
        total = sum(torch.stack([p[t, s] for t, s in enumerate(path)]).prod() for path in paths)
        assert float(losses[row]) == pytest.approx(-float(torch.as_tensor(total).log()), rel=1e-4)


def test_a_target_longer_than_the_frames_gives_no_loss_and_no_gradient(head):
    states = torch.randn(1, 1, D, requires_grad=True)
    loss = head(states, torch.tensor([1]), torch.tensor([[1, 2, 1]]), torch.tensor([3]))
    loss.sum().backward()
    assert loss.tolist() == [0]
    assert states.grad is not None
    assert not states.grad.any()
