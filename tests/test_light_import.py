"""Importing ESPnet without PyTorch's compiler."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import torch
import espnet_atat.model.espnet
from espnet2.legacy.nets.pytorch_backend.nets_utils import make_pad_mask
assert "torch._dynamo" not in sys.modules
assert torch.compiler.disable.__module__ == "torch.compiler"
compiled = torch.compile(lambda lengths: make_pad_mask(lengths).sum() + 1, backend="eager", fullgraph=%s)
print(int(compiled(torch.tensor([3, 1]))))
"""


def run(root, fullgraph: bool):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT % fullgraph], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_what_espnet_hides_from_the_compiler_stays_hidden(root):
    assert run(root, False).stdout == "3\n"
    # As with ESPnet's own decorator: the function breaks the graph.
    assert "torch.compiler.disable" in run(root, True).stderr
