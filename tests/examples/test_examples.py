"""The examples run as they stand."""

import runpy
import shutil
import sys
import textwrap

import pytest

from tests.shell import make_clone, run
from tests.toy_commands import TREES, WORDS

#: A model of a few thousand parameters, pretrained and fine-tuned for two short epochs each.
SYSTEM = """
title: a toy
tokens: toy_tokens
pretrain: {config: toy, mixture: slu}
finetune: {config: toy_tune, mixture: tune}
test: [{set: custom/test, task: slu}]
"""


def test_the_plain_example(root, toy_package, tmp_path, monkeypatch, capsys):
    from tests.toy_package import write_command

    recording = str(write_command(tmp_path / "play.wav"))
    monkeypatch.setattr("sys.argv", ["understand.py", str(toy_package), recording, WORDS[1]])
    runpy.run_path(str(root / "examples/understand.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == recording
    assert lines[1].startswith(f"  {TREES[0]}  confidence 0.")
    assert lines[2:4] == ["  intent PLAY", "    SONG: moon"]
    assert lines[4].endswith(" s  play")
    assert lines[-3].startswith("  or, ")
    assert lines[-2:] == [WORDS[1], f"  {TREES[1]}"]


@pytest.fixture
def clone(root, tmp_path):
    """The scripts and recipes in a folder of their own, the package linked in, and a system that trains at once."""
    from tests.steps.world import FINETUNE, PRETRAIN

    clone = make_clone(root, tmp_path / "clone")
    shutil.copytree(root / "examples", clone / "examples")
    shutil.copy(root / "LICENSE", clone)
    files = {
        "tables/toy.yaml": f"title: a toy\nrows:\n  toy:\n{textwrap.indent(SYSTEM, '    ')}",
        "conf/toy_tokens.yaml": "bpe_size: 20\nwordpiece_size: 60\n",
        "conf/toy.yaml": PRETRAIN.replace("cpu_processes: 2", "cpu_processes: 1"),
        "conf/toy_tune.yaml": FINETUNE,
        "conf/decode.yaml": "beam_size: 2\nmaxlen: 12\n",
    }
    for name, content in files.items():
        path = clone / "egs2/atat/custom" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return clone


@pytest.fixture
def table(tmp_path):
    """A user's table of recordings."""
    from tests.toy_package import write_command

    folder = tmp_path / "mine"
    folder.mkdir()
    lines = ["audio,transcript,intent,slots,split,speaker"]
    for number in range(10):
        write_command(folder / f"{number}.wav", number % 2)
        meaning = ("play moon,play,song=moon", "stop it,stop,")[number % 2]
        split = "test" if number >= 8 else "dev" if number >= 6 else "train"
        lines.append(f"{number}.wav,{meaning},{split},{split}")
    (folder / "commands.csv").write_text("\n".join(lines) + "\n")
    return folder / "commands.csv"


@pytest.mark.slow
def test_from_a_packed_model_to_one_for_your_own_commands(clone, table, toy_package):
    environment = {"ATAT_MODEL": str(toy_package), "CUSTOM": str(table), "ATAT_SYSTEM": "toy", "PYTHONPATH": str(clone)}
    done = run(clone, sys.executable, "examples/your_data.py", **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Before, the toy has the commands by heart; two epochs teach the new model next to nothing.
    assert done.stdout.count(f"play moon\n  {TREES[0]}") == 1
    assert "the new model: exp/custom/packages/custom_toy_seed1.zip" in done.stdout
    assert (clone / "exp/custom/packages/custom_toy_seed1.zip").stat().st_size < 2_000_000
    for stage in (1, 6, 7, 9, 10, 11, 12, 13, 15):
        assert f"stage {stage}" in done.stdout
