"""benchmarks/search_speed.py: it trains a model, times all that it names, and compares hypotheses."""

import sys

import pytest
import torch

from benchmarks import search_speed


@pytest.mark.slow
def test_all_figures_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["search_speed.py", "--updates", "2", "--utterances", "2", "--repeats", "1"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    try:
        search_speed.main()
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    for name in ("one by one: ", "batches of 16: ", "atat understand: ", "atat demo answers HTTP: ", "atat demo has "):
        assert any(line.startswith(name) for line in lines), name
