"""The same model, computed in fewer kernels in training on a GPU.

At the paper's size a GPU computes an update faster than the host launches its kernels: what counts is their number,
not how much each computes (egs2/atat/top/RESULTS.md).
"""

import torch

from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.espnet import MultiHeadedAttention


def use_gpu_layers(model: ESPnetATATModel) -> None:
    """Compute attention in one kernel and decode both modalities together; results agree up to rounding."""
    model.decodes_together = True
    for module in model.modules():
        if type(module) is MultiHeadedAttention:  # relative positions have attention of their own
            module.use_sdpa = True
    # cuDNN's attention, torch's first choice on an H100, compiles a kernel for every new shape: 0.1 to 0.5 s each, and
    # hardly two batches of texts have the same.
    torch.backends.cuda.enable_cudnn_sdp(False)
