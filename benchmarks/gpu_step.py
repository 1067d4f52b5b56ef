"""What an update costs the host and the GPU; ``tools/gpu_check.sh --profile`` calls it.

ESPnet's trainer takes mixed batches of a training in several ways, each with one more of what this project does on a
GPU; the last is how it trains. Figures of a way, each an update's:

- ``seconds, new shapes``: of batches that no way has had before; ``seconds``: of the same once more. cuDNN and torch
  prepare for each new shape, and in a real training most shapes are new.
- ``GPU busy``: share of these ``seconds`` in which a kernel runs.
- ``kernels``: with copies; ``waits``: how often the host asked the GPU for a number, or waited for it.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from espnet2.train.distributed_utils import DistributedOption
from espnet2.train.reporter import Reporter
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from espnet_atat.data.parts import MAX_PARTS, PART_COSTS, cut_by_length
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.espnet import MultiHeadedAttention
from espnet_atat.model.gpu_layers import use_gpu_layers
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.train.unfreeze import WarmupUnfreezeLR

#: Each is added to those before it.
WAYS = (
    "as torch and ESPnet have it",
    "no attention of cuDNN",
    "attention in one kernel",
    "one pass of the decoder",
    "at most two parts",
    "parts by their cost",
    "fused Adam",
)
#: Updates before anything is measured.
WARM_UP = 3
TOP = 10
#: What the profiler calls a launch, and a wait.
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
ASKED = "aten::_local_scalar_dense"

Batch = tuple[list[str], dict[str, Any]]


class Step:
    """A model and its trainer.

    Args:
        config: ``config.yaml`` of a training; paths in it are relative to the working directory.
    """

    def __init__(self, config: Path):
        self.args = argparse.Namespace(**yaml.safe_load(config.read_text(encoding="utf-8")))
        self.args.log_interval = None  # as in a real training
        self.gpu = bool(self.args.ngpu)
        torch.backends.cudnn.benchmark = self.args.cudnn_benchmark
        torch.backends.cudnn.deterministic = self.args.cudnn_deterministic
        torch.manual_seed(0)
        model = ATATTask.build_model(self.args)
        assert isinstance(model, ESPnetATATModel)
        self.model = model.to("cuda" if self.gpu else "cpu")

    def batches(self, number: int) -> list[Batch]:
        """Of the training's mixture."""
        self.args.num_iters_per_epoch = number
        factory = ATATTask.build_iter_factory(self.args, DistributedOption(), "train")
        return list(itertools.islice(factory.build_iter(1), number))

    def arrange(self, way: int) -> None:
        """Set model and optimiser to a way of :data:`WAYS`."""
        # Set here, not by the task: whether there is a GPU or none.
        use_gpu_layers(self.model)
        torch.backends.cuda.enable_cudnn_sdp(way < 1)
        for module in self.model.modules():
            if type(module) is MultiHeadedAttention:
                module.use_sdpa = way >= 2
        self.model.decodes_together = way >= 3
        conf = {**self.args.optim_conf, "fused": way >= 6}
        args = argparse.Namespace(**{**vars(self.args), "optim_conf": conf, "ngpu": 0})
        self.optimizers = ATATTask.build_optimizers(args, self.model)
        self.schedulers = [WarmupUnfreezeLR(self.optimizers[0], **self.args.scheduler_conf)]
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.gpu) if self.args.use_amp else None

    def take(self, batches: Sequence[Batch]) -> float:
        """Update on each; seconds in all."""
        reporter = Reporter()
        reporter.set_epoch(1)
        self._wait()
        started = time.perf_counter()
        with reporter.observe("train") as observed:
            ATATTask.trainer.train_one_epoch(
                model=self.model,
                iterator=batches,
                optimizers=self.optimizers,
                schedulers=self.schedulers,
                scaler=self.scaler,
                reporter=observed,
                summary_writer=None,
                options=ATATTask.trainer.build_options(self.args),
                distributed_option=DistributedOption(),
            )
        self._wait()
        return time.perf_counter() - started

    def measure(self, batches: Sequence[Batch]) -> dict[str, Any]:
        """The figures of the way that is set."""
        number = len(batches)
        new, again = self.take(batches) / number, self.take(batches) / number
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self.gpu else [])]
        with profile(activities=activities) as profiler:
            self.take(batches)
        events = profiler.key_averages()
        host = [event for event in events if event.device_type == DeviceType.CPU]
        counts = {event.key: event.count for event in host}
        # A range that the host has named, such as the optimiser's, is on the device's time line too.
        kernels = [event for event in events if event.device_type == DeviceType.CUDA and event.key not in counts]
        top = sorted(host, key=lambda event: -event.self_cpu_time_total)[:TOP]
        figures: dict[str, Any] = {
            "seconds, new shapes": round(new, 4),
            "seconds": round(again, 4),
            "operations": _each(counts, number, *(key for key in counts if key.startswith("aten::"))),
            "numbers asked": _each(counts, number, ASKED),
        }
        if self.gpu:
            busy = sum(event.self_device_time_total for event in kernels) / number / 1e6
            figures |= {
                "GPU busy": round(busy / again, 3),
                "kernels": round(sum(event.count for event in kernels) / number),
                "launches": _each(counts, number, *LAUNCHES),
                "waits": _each(counts, number, *WAITS),
            }
        figures["most of the host's time, ms"] = {
            event.key: round(event.self_cpu_time_total / number / 1000, 2) for event in top
        }
        return figures

    def _wait(self) -> None:
        if self.gpu:
            torch.cuda.synchronize()


def _each(counts: dict[str, int], updates: int, *keys: str) -> int:
    """Of these events, an update's number."""
    return round(sum(counts.get(key, 0) for key in keys) / updates)


def cut(batches: Sequence[Batch], max_parts: int, part_costs: dict[str, int]) -> None:
    """Cut the rows of batches, which lie by falling length, anew."""
    for _, batch in batches:
        for name in ("speech", "text_in"):
            if name in batch:
                lengths = batch[f"{name}_lengths"].tolist()
                batch[f"{name}_parts"] = cut_by_length(lengths, max_parts, part_costs.get(name, 0))


def profile_updates(config: Path, updates: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and figures of each way.

    Args:
        config: of the training, of features.
        updates: of each way.
    """
    step = Step(config)
    batches = step.batches(WARM_UP + updates * len(WAYS))
    warm, rest = batches[:WARM_UP], batches[WARM_UP:]
    for way, name in enumerate(WAYS):
        own = rest[way * updates : (way + 1) * updates]
        step.arrange(way)
        cut([*warm, *own], 2 if way == 4 else MAX_PARTS, PART_COSTS if way >= 5 else {})
        step.take(warm)
        yield name, step.measure(own)
