"""Weights are taken as they are, or not at all."""

import pytest
import torch
from torch import nn

from espnet_atat.errors import UserError
from espnet_atat.model.exact_weights import take_weights


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("weight", torch.full((3,), 0.5, dtype=torch.float16), None),
        ("num_batches_tracked", torch.tensor(7.0), "is torch.float32, but torch.int64 in the model"),
        ("weight", torch.ones(3, dtype=torch.int64), "is torch.int64, but torch.float32 in the model"),
        ("weight", torch.ones(4), r"is \(4,\), the configuration makes it \(3,\)"),
    ],
)
def test_numbers_fit_the_model_or_are_refused(name, tensor, message):
    model = nn.BatchNorm1d(3)
    given = {**model.state_dict(), name: tensor}
    if message is None:
        take_weights(model, given, "model.pth")
        assert torch.equal(model.state_dict()[name], tensor.to(model.state_dict()[name].dtype))
    else:
        with pytest.raises(UserError, match=message):
            take_weights(model, given, "model.pth")
