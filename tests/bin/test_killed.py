"""A command of stages 2, 4, 5 or 6 that is killed in the middle and run again leaves what an unbroken run leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir
from tests.speech.test_features import contents

pytestmark = pytest.mark.slow

UTTERANCES, SECONDS = 150, 1.5  # of each: long enough a run to be killed in
ATTEMPTS = 5
ALIGNED = 16  # utterances
KILLED = -signal.SIGKILL


def start(root: Path, folder: Path, module: str, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"espnet_atat.bin.{module}", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def kill_in_the_middle(begin: Callable[[], subprocess.Popen], journal: Path, output: Path) -> int:
    """Start a command and send SIGKILL as soon as its journal has a record. Returns how many it then has."""
    for _ in range(ATTEMPTS):
        process = begin()
        while process.poll() is None and not (journal.is_file() and journal.stat().st_size):
            time.sleep(0.001)
        process.kill()
        process.communicate(timeout=60)
        if process.returncode == KILLED and not output.exists():
            return journal.read_bytes().count(b"\n")
        # It was too quick.
        if output.is_dir():
            shutil.rmtree(output)
        else:
            output.unlink()
    pytest.fail(f"in {ATTEMPTS} attempts the command always ended before it could be killed")


@pytest.fixture
def noise_set(tmp_path) -> Path:
    """A data dir of noise, in a working directory of its own."""
    audio = tmp_path / "audio"
    audio.mkdir()
    rng = np.random.default_rng(0)
    text, wav = {}, {}
    for number in range(UTTERANCES):
        utt = f"spk{number % 5}-{number:03d}"
        wav[utt], text[utt] = f"audio/{utt}.wav", "one two three"
        soundfile.write(tmp_path / wav[utt], 0.1 * rng.standard_normal(int(SECONDS * 16_000)), 16_000)
    DataDir(text=text, wav=wav, utt2spk={utt: utt[:4] for utt in text}).write(tmp_path / "data")
    return tmp_path


def test_stages_2_5_and_6(noise_set, root):
    spans = [
        {"word": w, "start": n * 0.5, "end": n * 0.5 + 0.4, "case": "success"}
        for n, w in enumerate(("one", "two", "three"))
    ]
    with atomic_write(noise_set / "ali.jsonl") as handle:
        for utt in DataDir.load(noise_set / "data").ids:
            handle.write(json.dumps({"utt_id": utt, "words": spans}) + "\n")
    shutil.copy(root / "conf/augment.yaml", noise_set / "augment.yaml")
    commands = {
        "augment": ["--config", "augment.yaml"],
        "mask": ["--alignments", "ali.jsonl", "--ratio", "0.6", "--fill", "mean"],
        "features": [],
    }
    for module, options in commands.items():
        arguments = ["--data_dir", "data", "--output_dir", "made", "--nj", "2", *options]
        finish(start(root, noise_set, module, *arguments))
        whole = contents(noise_set / "made")
        shutil.rmtree(noise_set / "made")
        begin = partial(start, root, noise_set, module, *arguments)
        kill_in_the_middle(begin, noise_set / "made.partial/journal.jsonl", noise_set / "made")
        finish(start(root, noise_set, module, *arguments))
        assert contents(noise_set / "made") == whole, module
        shutil.rmtree(noise_set / "made")


def test_stage_4(spoken_set, tmp_path, root):
    data = spoken_set(ALIGNED)
    arguments = ["--data_dir", str(data), "--output", "ali.jsonl", "--nj", "2"]
    finish(start(root, tmp_path, "align", *arguments))
    files = [tmp_path / "ali.jsonl", tmp_path / "ali.report.json"]
    whole = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    begin = partial(start, root, tmp_path, "align", *arguments)
    done = kill_in_the_middle(begin, tmp_path / "ali.jsonl.partial", files[0])
    second = begin()
    _, progress = second.communicate(timeout=300)
    assert f"continuing after {done} of {ALIGNED}" in progress.decode()
    assert [file.read_bytes() for file in files] == whole
