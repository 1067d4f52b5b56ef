"""Kill the driver at random moments of every stage, go on, and compare all results with an unbroken run's.

    python -m tests.kill_anywhere --tries 60 --seed 1 --work_dir WORK

A tiny recipe of recorded commands goes through stages 1 to 16 once, each by its own call, with ``--jobs 2``; what there
was before each stage is kept. A try starts from such a state, kills the call of its stage after a random time, either
its whole process group or the driver's process alone, waits for all other processes to end, and calls again. Then every
file of data/, dump/ and exp/ must be as after the unbroken run: bytes, or what is read from them where they hold times.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from espnet_atat.stages import LAST_STAGE, STAGES
from tests.shell import environment_of, make_clone, processes_in
from tests.spoken import spoken
from tests.steps import world
from tests.steps.world import write_recipe

ROOT = Path(__file__).resolve().parents[1]
RECIPE = "tiny"
#: Utterances of mini's sets that each split has; ``words`` has no audio.
SPLITS = {"train": ("music_train", 8), "dev": ("music_dev", 3), "test": ("music_test", 3), "words": ("music_text", 6)}
PRETRAIN = yaml.safe_load(world.PRETRAIN) | {"num_iters_per_epoch": 1, "max_epoch": 2, "cpu_processes": 1}
FILES = {
    "conf/pretrain.yaml": yaml.safe_dump(PRETRAIN),
    "conf/finetune.yaml": world.FINETUNE.replace("max_epoch: 1", "max_epoch: 2\nnum_iters_per_epoch: 1"),
    "conf/tokens.yaml": "bpe_size: 60\nwordpiece_size: 90\n",
    "conf/lm.yaml": world.LM,
    "conf/decode.yaml": "beam_size: 2\nmaxlen: 12\n",
    "conf/decode_lm.yaml": "beam_size: 2\nmaxlen: 12\nlm_weight: 0.3\n",
    "conf/augment.yaml": "speeds: [1.0, 0.9]\n",
    "recipe.yaml": """
corpus: table.csv
augment: [train]
synthesize: {sets: [words], engine: flite}
mask: {sets: [train]}
splice: {from: [train], sets: {spliced: {number: 6, shortest: 2, longest: 4}}}
""",
    "mixtures/pretrain": """
train:
- {task: slu, set: tiny/train_aug, weight: 2}
- {task: asr, set: tiny/spliced, weight: 1}
- {task: mlm, set: tiny/train_mlm, weight: 1}
- {task: nlu, set: tiny/words, weight: 2}
valid: [{task: slu, set: tiny/dev}, {task: nlu, set: tiny/dev}]
""",
    "mixtures/tune": """
train: [{task: slu, set: tiny/words_flite}]
valid: [{task: slu, set: tiny/dev}]
""",
    "tables/default.yaml": """
title: kills
rows:
  first:
    title: pretrained
    pretrain: {config: pretrain, mixture: pretrain}
    decode: [decode, decode_lm]
    test: [{set: tiny/test, task: slu}]
  tuned:
    base: first
    title: fine-tuned on synthetic speech
    finetune: {config: finetune, mixture: tune}
    decode: [decode]
""",
}
#: Times, machines and pictures of them; what two unbroken runs do not share.
PASSED = re.compile(r"\.(log|lock|png|svg)$|/events\.out|/tensorboard/|job\.log|\.dist_init|config\.yaml$|/\.\w*cache")
TIMES = re.compile(r"seconds|times?$|^(timestamp|commit|host|date|versions?|machine|made|memory|hours|speed)")
LOSS = re.compile(r"\[(?:train|valid)\][^\n]*?\bloss=([-\d.e+]+)")


#: To meet a stage alive, on a machine that is faster than it was before.
ATTEMPTS = 3


@dataclass(frozen=True)
class Try:
    number: int
    stage: int
    whole_group: bool
    share: float  # of the time that the stage takes, after which it is killed


def make_clone_with_recipe(folder: Path) -> None:
    """A repository's copy with the tiny recipe and its table of recordings."""
    make_clone(ROOT, folder)
    shutil.copytree(ROOT / "egs2/atat/custom/local", folder / "egs2/atat" / RECIPE / "local")
    write_recipe(folder, RECIPE, FILES)
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "audio", "transcript", "tree", "speaker", "split"])
        for split, (name, count) in SPLITS.items():
            for one in spoken(name, count):
                audio, voice = (one.path, one.voice) if split != "words" else ("", "")
                writer.writerow([one.id, audio, one.words, one.tree, voice, split])


def begin(folder: Path, stage: int, log: Path) -> subprocess.Popen[bytes]:
    """Start the call of a stage, in a process group of its own."""
    call = [sys.executable, "-m", "espnet_atat.bin.run", "--recipe", RECIPE]
    call += ["--stage", str(stage), "--stop_stage", str(stage)]
    call += ["--nj", "2"] if "nj" in STAGES[stage - 1].options else []
    call += ["--jobs", "2"] if "jobs" in STAGES[stage - 1].options else []
    call += ["--upload_dir", "uploaded", "--system", "tuned"] if stage == LAST_STAGE else []
    path = f"{folder}/utils:{environment_of()['PATH']}"
    environment = environment_of(PATH=path, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    with log.open("ab") as output:
        return subprocess.Popen(
            call, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip


def finish(folder: Path, stage: int, log: Path) -> float:
    """Make a stage; returns its seconds."""
    began = time.monotonic()
    code = begin(folder, stage, log).wait()
    if code:
        raise SystemExit(f"stage {stage} ended with code {code}:\n{log.read_text(errors='replace')[-3000:]}")
    return time.monotonic() - began


def kill(one: Try, folder: Path, seconds: float, log: Path) -> float | None:
    """Start a stage and kill it; gives its seconds if it ended before. No process of it may live on."""
    began = time.monotonic()
    process = begin(folder, one.stage, log)
    try:
        process.wait(one.share * seconds)
        return time.monotonic() - began
    except subprocess.TimeoutExpired:
        if one.whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
    end = time.monotonic() + 20
    while left := processes_in(folder):
        if time.monotonic() > end:
            raise AssertionError(f"processes live on: {left}")
        time.sleep(0.05)
    return None


def results(folder: Path) -> dict[str, Any]:
    """What every file says, without times: data, features, tokens, losses, models, hypotheses, scores, packages."""
    found: dict[str, Any] = {}
    for place in ("data", "dump", "exp", "uploaded"):
        for path in sorted((folder / place).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_dir():
                continue
            if path.name == "train.log":
                found[name] = LOSS.findall(path.read_text(errors="replace"))[-2:]
            elif not PASSED.search(name):
                found[name] = content(path, path.read_bytes())
    return found


def content(path: Path, data: bytes) -> Any:
    """What a file says: its bytes, unless it holds times."""
    if path.suffix == ".json":
        said = without_times(json.loads(data))
        if path.name.endswith(".made.json"):  # a training that went on has one log more
            said["files"] = {
                place: [name for name in names if not PASSED.search(f"/{place}/{name}")]
                for place, names in said.get("files", {}).items()
            }
        return said
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {name: content(Path(name), archive.read(name)) for name in archive.namelist() if name[-3:] != ".md"}
    if path.suffix == ".npz" and path.is_file():
        with np.load(path) as arrays:
            return {name: arrays[name].tolist() for name in arrays.files}
    if path.suffix == ".pth":
        return tensors(data)
    if path.suffix == ".yaml":
        return without_times(yaml.safe_load(data))
    if path.suffix in (".md", ".tex", ".html"):
        return re.sub(rb"\d+(\.\d+)? (s|min|hours)\b", b"", data) if path.suffix != ".html" else b""
    return data


def tensors(data: bytes) -> Any:
    import io

    import torch

    loaded = torch.load(io.BytesIO(data), weights_only=True)
    found = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    return {name: value.tolist() for name, value in found.items() if hasattr(value, "tolist")}


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if not TIMES.search(str(key))}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        if name not in found:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} is left behind"
        elif found[name] != wanted[name]:
            yield f"{name} differs"


def plan(tries: int, seed: int, among: Sequence[int]) -> list[Try]:
    """Every stage of ``among`` in turn, in a random order, at random moments; every other try kills the whole group."""
    dice = random.Random(seed)
    stages: list[int] = []
    while len(stages) < tries:
        stages += dice.sample(among, len(among))
    return [Try(n, stage, n % 2 == 0, dice.uniform(0.05, 1.0)) for n, stage in enumerate(stages[:tries], 1)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", type=int, nargs="+", default=range(1, LAST_STAGE + 1), help="default: all")
    parser.add_argument("--work_dir", type=Path, required=True, help="a folder to make and to remove")
    args = parser.parse_args(argv)
    args.work_dir.mkdir(parents=True)
    try:
        return run(args.work_dir.resolve(), plan(args.tries, args.seed, args.stages))
    finally:
        shutil.rmtree(args.work_dir)


def run(work_dir: Path, tries: list[Try]) -> int:
    """Make the unbroken run as far as the tries need it, then the tries; returns the number of faults."""
    work, log = work_dir / "work", work_dir / "log"
    make_clone_with_recipe(work)
    seconds, wanted = {}, {}
    began = time.monotonic()
    for stage in range(1, max(one.stage for one in tries) + 1):
        shutil.copytree(work, work_dir / f"before{stage}", symlinks=True)
        seconds[stage] = finish(work, stage, log)
        wanted[stage] = results(work)
    print(f"unbroken run: {time.monotonic() - began:.0f} s, {len(wanted[stage])} files", flush=True)
    faults = killed = 0
    for one in tries:
        began = time.monotonic()
        how, outcome = "the group" if one.whole_group else "the driver", "killed"
        try:
            for _ in range(ATTEMPTS):
                shutil.rmtree(work)
                shutil.copytree(work_dir / f"before{one.stage}", work, symlinks=True)
                log.unlink(missing_ok=True)
                at = f"{how} {one.share * seconds[one.stage]:.1f} s into {seconds[one.stage]:.1f} s"
                if (ended := kill(one, work, seconds[one.stage], log)) is None:
                    break
                seconds[one.stage] = ended  # the machine has become faster
            else:
                outcome = "it had ended"
            finish(work, one.stage, log)
            wrong = list(differences(results(work), wanted[one.stage]))
            wrong += [f"a process is left: {each}" for each in processes_in(work)]
        except (AssertionError, SystemExit) as error:
            wrong = [str(error)]
        killed += outcome == "killed"
        faults += bool(wrong)
        said = "; ".join(wrong[:5]) if wrong else "the same"
        took = time.monotonic() - began
        title = STAGES[one.stage - 1].title
        print(f"{one.number:3} stage {one.stage:2} ({title}), {at}: {outcome}, {said} [{took:.0f} s]", flush=True)
    print(f"{len(tries)} tries, {killed} of them killed before their end, {faults} with a fault", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(min(main(), 1))
