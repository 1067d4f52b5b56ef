"""Two processes on the CPU train as one does with the same batches."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.toy_training import Prepared, parameters, reports

#: The paper's transformer at small size without dropout; plain gradient descent, for Adam makes a step of any noise.
CONFIG: dict[str, Any] = {
    "optim": "sgd",
    "optim_conf": {"lr": 0.5},
    "scheduler_conf": {"warmup_steps": 1, "decay": "constant"},
    "grad_clip": 1.0,
    "batch_bins": 2000,  # all examples of an epoch, so that one process and two have the same batches
    "text_batch_bins": 200,
    "max_epoch": 4,
    "ctc_unit": "token",
    "ctc_conf": {"subframes": 2},
    "model_conf": {"ctc_weight": 0.3, "lsm_weight": 0.1},
}


def train_in_two_processes(prepared: Prepared, output: Path, root: Path) -> None:
    options = prepared.options(output, **CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])  # a free one
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    logs, processes = [output / f"rank{rank}.log" for rank in range(2)], []
    for rank, log in enumerate(logs):
        ranks = f"--dist_backend gloo --dist_world_size 2 --dist_rank {rank} --local_rank {rank}"
        command = [sys.executable, "-m", "espnet_atat.bin.atat_train", *options, *ranks.split()]
        pipes = {"stdout": log.open("w"), "stderr": subprocess.STDOUT}
        processes.append(subprocess.Popen(command, env=environment, cwd=root, **pipes))
    try:
        codes = [process.wait(timeout=600) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], "\n".join(log.read_text()[-2000:] for log in logs)


@pytest.mark.slow
def test_two_processes_equal_one(prepared, root, tmp_path):
    one = prepared.train(tmp_path / "one", **CONFIG)
    train_in_two_processes(prepared, tmp_path / "two", root)
    first, second = (parameters(folder / "checkpoint.pth") for folder in (one, tmp_path / "two"))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=1e-5, msg=name)
    ours, theirs = reports(one), reports(tmp_path / "two")
    for epoch in range(1, 5):
        for phase, key in (("train", "loss"), ("train", "grad_norm"), ("valid", "loss"), ("valid", "loss_slu")):
            assert theirs[epoch][phase][key] == pytest.approx(ours[epoch][phase][key], rel=1e-4), (epoch, phase, key)
    assert ours[4]["train"]["loss"] < 0.9 * ours[1]["train"]["loss"], "too little was learnt to tell a difference"
