"""Try the paper's model on one GPU, from data to hypotheses; ``tools/gpu_check.sh`` calls it.

Two systems train in bfloat16 on mini's commands and sentences and on text of TOP, one on features and one on audio.
The first is killed after an epoch and continues; both decode. A third and a fourth, without dropout, take the same ten
updates in bfloat16 on the GPU and in float32 on the CPU. What fails is named, and the exit code is 1.
"""

import argparse
import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir

ROOT = Path(__file__).resolve().parents[1]
FBANK, RAW, TEXTS = "fbank", "raw", "texts"
#: What mini gives, and what is decoded.
AUDIO, DECODED = ("music_train", "sentences_train", "music_dev"), "music_test"
#: Updates that the GPU's bfloat16 and the CPU's float32 take, and how far their losses may be apart.
COMPARED, TOLERANCE = 10, 0.05
FRAMES_A_SECOND, SAMPLES_A_SECOND = 100, 16000
POLL = 0.05

#: The paper's model in little, for a machine without a GPU.
SMALL = {
    "audio_encoder_conf": {"output_size": 64, "cnn_channels": [8, 16]},
    "blocks_conf": {"num_blocks": 2, "linear_units": 128},
    "bert": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128},
    "decoder_conf": {"num_blocks": 2, "linear_units": 128},
    "budget": {"batch_bins": 4000, "text_batch_bins": 500, "num_workers": 1},
}
NO_DROPOUT = {
    "audio_encoder_conf": {"dropout_rate": 0.0},
    "blocks_conf": {"dropout_rate": 0.0, "positional_dropout_rate": 0.0},
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "decoder_conf": {"dropout_rate": 0.0, "positional_dropout_rate": 0.0},
    "budget": {"batch_bins": 6000, "text_batch_bins": 1500},
}


def options(*changes: Mapping[str, Mapping[str, Any]], **others: Any) -> dict[str, Any]:
    """Training options in place of those of ``conf/pretrain.yaml``: BERT-base with random weights, and changes."""
    merged: dict[str, dict[str, Any]] = {"bert": {"model_type": "bert"}}
    for change in changes:
        for key, value in change.items():
            merged[key] = {**merged.get(key, {}), **value}
    blocks = yaml.safe_load((ROOT / "conf/pretrain.yaml").read_text())["audio_encoder_conf"]["blocks_conf"]
    return {
        "text_tokenizer": None,
        "text_encoder_conf": {"model": None, "config": merged["bert"]},
        "audio_encoder_conf": {
            **merged.get("audio_encoder_conf", {}),
            "blocks_conf": {**blocks, **merged.get("blocks_conf", {})},
        },
        "decoder_conf": merged.get("decoder_conf", {}),
        "accum_grad": 1,
        "log_interval": 1,
        "keep_nbest_models": 1,
        "use_matplotlib": False,
        "use_tensorboard": False,
        **merged.get("budget", {}),
        **others,
    }


def mixture(kind: str) -> dict[str, Any]:
    """Commands, sentences and texts in equal shares: each is in every batch."""
    tasks = [("slu", f"{kind}/music_train"), ("asr", f"{kind}/sentences_train"), ("nlu", f"{TEXTS}/train")]
    return {
        "train": [{"task": task, "set": name, "weight": 1} for task, name in tasks],
        "valid": [{"task": "slu", "set": f"{kind}/music_dev"}],
    }


def system(kind: str, title: str, training: Mapping[str, Any]) -> dict[str, Any]:
    """A row that trains on the mixture of one kind."""
    return {
        "title": title,
        "tokens": {"bpe_size": 1000, "wordpiece_size": 3000},
        "pretrain": {"config": "pretrain", "mixture": kind, "options": dict(training)},
        "decode": ["decode"],
        "test": [{"set": f"{kind}/{DECODED}", "task": "slu"}],
    }


def rows(epochs: int, updates: int, small: bool) -> dict[str, Any]:
    """The four systems."""
    shrunk = (SMALL,) if small else ()
    # A warm-up as short as the run: within the paper's first hundred updates no loss moves.
    schedule = {"warmup_steps": updates, "decay": "noam"}
    length: dict[str, Any] = {"num_iters_per_epoch": updates, "max_epoch": epochs, "scheduler_conf": schedule}
    if small:
        length["optim_conf"] = {"lr": 5e-3}
    exact = {"num_iters_per_epoch": COMPARED, "max_epoch": 1}
    compared = (NO_DROPOUT, *shrunk)
    return {
        "features": system(FBANK, "of features", options(*shrunk, **length)),
        "audio": system(RAW, "of audio", options(*shrunk, **length)),
        "low": system(FBANK, "without dropout, mixed precision", options(*compared, **exact)),
        "full": system(FBANK, "without dropout, float32", options(*compared, **exact, use_amp=False)),
    }


class Check:
    """A folder in which everything is made, and what was found.

    Args:
        work: the folder; what is there already is not made again.
        device: ``cuda`` or ``cpu``.
        nj: processes of data preparation.
    """

    def __init__(self, work: Path, device: str, nj: int):
        self.work, self.device, self.nj = work, device, nj
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.environment = {**os.environ, "PYTHONPATH": path}
        self.failures: list[str] = []
        self.figures: dict[str, Any] = {}

    def call(self, module: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", f"espnet_atat.bin.{module}", *map(str, arguments)]

    def run(self, module: str, *arguments: object) -> None:
        """Run a command of the project in the folder."""
        print(f"$ {module} {' '.join(map(str, arguments))}", flush=True)
        subprocess.run(self.call(module, *arguments), cwd=self.work, check=True, env=self.environment)

    def driver(self, name: str, last: int, ngpu: int) -> list[object]:
        return ["--recipe", "check", "--system", name, "--stage", 7, "--stop_stage", last, "--ngpu", ngpu]

    def expect(self, good: bool, claim: str) -> None:
        print(f"{'ok' if good else 'FAILED'}: {claim}", flush=True)
        if not good:
            self.failures.append(claim)

    @contextlib.contextmanager
    def attempt(self, claim: str) -> Iterator[None]:
        """A failing command fails the claim; what follows is tried all the same, since a GPU is lent for minutes."""
        try:
            yield
        except subprocess.CalledProcessError as error:
            self.expect(False, f"{claim} (exit code {error.returncode} of {' '.join(map(str, error.cmd[2:]))})")

    def prepare(self, systems: Mapping[str, Any], corpora: Path | None, most: int | None) -> None:
        """The sets, as features, as audio and as texts; and the recipe.

        Args:
            corpora: ``ATAT_CORPORA``; without TOP in it, mini's own texts are read.
            most: utterances of each set; None: all.
        """
        recipe = self.work / "egs2/atat/check"
        recipe.mkdir(parents=True, exist_ok=True)
        for name in ("conf", "egs2/atat/mini"):
            link = self.work / name
            if not link.is_symlink():
                link.symlink_to(ROOT / name)
        tables = {"default": {"title": "check of one GPU", "rows": dict(systems)}}
        content = {"corpus": "data", "mixtures": {kind: mixture(kind) for kind in (FBANK, RAW)}, "tables": tables}
        (recipe / "recipe.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        self.run("prepare", "mini", "egs2/atat/mini/corpus", "data/mini", "--check", "none", "--nj", self.nj)
        text = "mini/music_text"
        if corpora is not None and (corpora / "top/train.tsv").is_file():
            self.run("prepare", "top", corpora.resolve() / "top", "data/top", "--check", "none", "--nj", self.nj)
            text = "top/train"
        self.figures["texts"] = text
        chosen = {
            TEXTS: {"train": text},
            **{kind: {n: f"mini/{n}" for n in (*AUDIO, DECODED)} for kind in (FBANK, RAW)},
        }
        for kind, sets in chosen.items():
            for name, source in sets.items():
                data = DataDir.load(self.work / "data" / source)
                few = 64 if name == DECODED else most
                data.subset(data.ids[:few]).write(self.work / "data" / kind / name)
                how = ("--feats_type", "raw" if kind == RAW else "fbank", "--nj", self.nj)
                places = ("--data_dir", f"data/{kind}/{name}", "--output_dir", f"dump/{kind}/{name}")
                self.run("features", *places, *how)

    def train(self, name: str, ngpu: int, *, last: int = 12, kill: bool = False) -> Path:
        """Make a system; ``kill``: end its training after the first epoch, and go on.

        Returns:
            The folder of its training.
        """
        before = set(self.work.glob("exp/runs/pretrain-*"))
        started = time.monotonic()
        if kill:
            command = self.call("run", *self.driver(name, last, ngpu))
            print(f"$ {' '.join(command[1:])}, to be killed after its first epoch", flush=True)
            process = subprocess.Popen(command, cwd=self.work, env=self.environment, start_new_session=True)
            while process.poll() is None and not list(self.work.glob("exp/runs/pretrain-*/1epoch.pth")):
                time.sleep(POLL)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.run("run", *self.driver(name, last, ngpu))
        (folder,) = set(self.work.glob("exp/runs/pretrain-*")) - before
        if kill:
            resumed = "The training was resumed using" in (folder / "train.log").read_text(encoding="utf-8")
            self.expect(resumed, f"{name}: a killed training continues from its last epoch")
        self.figures[f"{name}: seconds in all"] = round(time.monotonic() - started, 1)
        return folder

    def measure(self, name: str, folder: Path, rate: int) -> None:
        """Speed, memory and waiting of a training's last epoch, and the time of decoding.

        Args:
            rate: frames or samples per second, in which the log counts audio.
        """
        epochs = torch.load(folder / "checkpoint.pth", map_location="cpu", weights_only=True)["reporter"]["stats"]
        first, last = (epochs[number]["train"] for number in (min(epochs), max(epochs)))
        losses = updates_of(folder)
        third = max(1, len(losses) // 3)
        begin, end = (sum(part) / third for part in (losses[:third], losses[-third:]))
        self.expect(
            all(map(math.isfinite, losses)) and end < begin, f"{name}: the loss falls, {begin:.1f} to {end:.1f}"
        )
        log = (folder / "train.log").read_text(encoding="utf-8")
        examples = float(re.findall(r"mixed batches per epoch, of ([\d.]+) examples each", log)[-1])
        budget, filled = re.findall(r"(\d+) frames \(batch_bins\) a batch: ([\d.]+)% filled", log)[-1]
        step = float(last["train_time"])
        self.figures |= {
            f"{name}: updates": len(losses),
            f"{name}: seconds per update": round(step, 4),
            f"{name}: utterances a second": round(examples / step, 1),
            f"{name}: audio-seconds a second": round(int(budget) * float(filled) / 100 / rate / step, 1),
            f"{name}: share of time waiting for data": round(float(last["iter_time"]) / step, 4),
            f"{name}: loss of first and last epoch": [round(float(each["loss"]), 2) for each in (first, last)],
        }
        if self.device == "cuda":
            self.figures[f"{name}: GPU memory reserved, GiB"] = round(float(last["gpu_max_cached_mem_GB"]), 2)
        decoded = self.work / f"exp/check/{name}/seed1/decode/{DECODED}/decode.log"
        number, seconds = re.findall(r"decoded (\d+) of \1 utterances in ([\d.]+) s", decoded.read_text())[-1]
        self.figures[f"{name}: utterances decoded per second"] = round(int(number) / max(float(seconds), 0.1), 2)
        self.expect(int(number) > 0, f"{name}: {number} utterances are decoded on {self.device}")

    def compare(self, low: Path, full: Path) -> None:
        """Losses of the same updates in both precisions."""
        pairs = list(zip(updates_of(low), updates_of(full), strict=True))
        apart = max(abs(a - b) / b for a, b in pairs)
        self.figures["losses"] = {self.device: [a for a, _ in pairs], "cpu, float32": [b for _, b in pairs]}
        self.figures["losses: furthest apart"] = round(apart, 5)
        self.expect(
            len(pairs) == COMPARED and apart < TOLERANCE,
            f"the losses of {len(pairs)} updates are within {TOLERANCE:.0%} of the CPU's in float32 ({apart:.2%})",
        )


def updates_of(folder: Path) -> list[float]:
    """The loss of every update in a training's log; of those that a resumed run repeated, the last one."""
    # ESPnet leaves out a comma here and there; no other of its keys ends in "loss".
    pattern = r"(\d+)epoch:train:(\d+)-\d+batch: .*?loss=([\d.]+(?:e[+-]\d+)?|nan|inf)"
    log = (folder / "train.log").read_text(encoding="utf-8")
    found = {(int(epoch), int(batch)): float(loss) for epoch, batch, loss in re.findall(pattern, log)}
    return [found[key] for key in sorted(found)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="a small model for two minutes, where there is no GPU")
    parser.add_argument("--updates", type=int, help="of each of the two systems, an epoch (default: 100; --cpu: 4)")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder; gets report.json too")
    args = parser.parse_args()
    if not args.cpu and not torch.cuda.is_available():
        print(f"error: torch {torch.__version__} finds no GPU; --cpu tries this script without one", file=sys.stderr)
        return 2
    started = time.monotonic()
    check = Check(args.output.resolve(), "cpu" if args.cpu else "cuda", len(os.sched_getaffinity(0)))
    name = "CPU" if args.cpu else torch.cuda.get_device_name()
    check.figures |= {"device": name, "torch": torch.__version__}
    systems = rows(3 if args.cpu else 2, args.updates or (4 if args.cpu else 100), args.cpu)
    corpora = os.environ.get("ATAT_CORPORA")
    check.prepare(systems, Path(corpora) if corpora else None, 200 if args.cpu else 8000)
    ngpu = int(not args.cpu)
    for kind, rate in (("features", FRAMES_A_SECOND), ("audio", SAMPLES_A_SECOND)):
        with check.attempt(f"{kind}: trains and decodes"):
            check.measure(kind, check.train(kind, ngpu, kill=kind == "features"), rate)
    with check.attempt("the losses of both precisions are compared"):
        check.compare(check.train("low", ngpu, last=10), check.train("full", 0, last=10))
    check.figures["seconds"] = round(time.monotonic() - started)
    check.figures["failed"] = check.failures
    with atomic_write(check.work / "report.json") as handle:
        json.dump(check.figures, handle, indent=1)
        handle.write("\n")
    print("\n".join(f"{key}: {value}" for key, value in check.figures.items()))
    return int(bool(check.failures))


if __name__ == "__main__":
    sys.exit(main())
