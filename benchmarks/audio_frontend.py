"""How much faster the CNN in front of the audio encoder is with its weights stored channels last, and in bfloat16.

    python benchmarks/audio_frontend.py

Forward and backward of mini's CNN on random features, one thread, all by turns in one process; the median of each, in
CPU time, and the ratio of the first to it. The batches differ in size, as in training: each new size has a price.
"""

import random
import statistics
import time

import torch

from espnet_atat.model.audio_encoder import ConvFrontend
from espnet_atat.model.precision import cpu_autocast

ROUNDS = 40
MELS = 80
#: Bounds of the number of utterances and of frames of a batch.
UTTERANCES, FRAMES = (10, 17), (150, 300)
LAYOUTS = {
    "contiguous": (torch.contiguous_format, "float32"),
    "channels last": (torch.channels_last, "float32"),
    "channels last, bfloat16": (torch.channels_last, "bfloat16"),
}


def cpu_seconds(cnn: ConvFrontend, feats: torch.Tensor, precision: str) -> float:
    """One forward and backward pass."""
    lengths = torch.full((len(feats),), feats.size(1))
    start = time.process_time()
    with cpu_autocast(precision, feats.device):
        states, _ = cnn(feats, lengths)
    states.float().sum().backward()
    return time.process_time() - start


def main() -> None:
    random.seed(0)
    torch.set_num_threads(1)
    networks = {
        name: ConvFrontend(MELS, 144, (16, 32, 48), 3, ((2, 2),) * 3, 0.0).to(memory_format=layout)
        for name, (layout, _) in LAYOUTS.items()
    }
    times: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for _ in range(ROUNDS):
        feats = torch.randn(random.randint(*UTTERANCES), random.randint(*FRAMES), MELS)
        for name, network in networks.items():
            times[name].append(cpu_seconds(network, feats, LAYOUTS[name][1]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.3f} s, ratio {medians['contiguous'] / median:.2f}")


if __name__ == "__main__":
    main()
