"""How much faster the CNN in front of the audio encoder is with its weights stored channels last.

    python benchmarks/audio_frontend.py

Forward and backward of mini's CNN on random features, one thread, both layouts by turns in one process; the median of
each, in CPU time, and their ratio.
"""

import statistics
import time

import torch

from espnet_atat.model.audio_encoder import ConvFrontend

ROUNDS = 15
BATCH, FRAMES, MELS = 27, 222, 80


def cpu_seconds(cnn: ConvFrontend, feats: torch.Tensor, lengths: torch.Tensor) -> float:
    """One forward and backward pass."""
    start = time.process_time()
    states, _ = cnn(feats, lengths)
    states.sum().backward()
    return time.process_time() - start


def main() -> None:
    torch.set_num_threads(1)
    feats, lengths = torch.randn(BATCH, FRAMES, MELS), torch.full((BATCH,), FRAMES)
    layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    networks = {
        name: ConvFrontend(MELS, 144, (16, 32, 48), 3, ((2, 2),) * 3, 0.0).to(memory_format=layout)
        for name, layout in layouts.items()
    }
    times: dict[str, list[float]] = {name: [] for name in layouts}
    for _ in range(ROUNDS):
        for name, network in networks.items():
            times[name].append(cpu_seconds(network, feats, lengths))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.3f} s")
    print(f"ratio: {medians['contiguous'] / medians['channels last']:.2f}")


if __name__ == "__main__":
    main()
