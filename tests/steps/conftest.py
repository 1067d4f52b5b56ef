"""The tiny recipe as the working directory, and one that everything was made in."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.shell import make_clone
from tests.steps.world import FILES, make_world, run, write_recipe


@pytest.fixture
def clone(root, tmp_path, monkeypatch) -> Path:
    """The folder above the working directory, which is a copy of the recipes; their scripts find this Python."""
    monkeypatch.chdir(make_clone(root, tmp_path / "clone"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A repository's root that holds the recipe ``toy``, prepared up to stage 6."""
    make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    # Fine-tuning grows the BPE model.
    zeroshot = FILES["rows/zeroshot"].replace("mixture: new_words}", "mixture: new_words, grow_bpe: true}")
    write_recipe(root, "toy", {"rows/zeroshot": zeroshot})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run("--keep_results", "--stop_stage", "15")
    return root


@pytest.fixture
def finished(_made, tmp_path, monkeypatch):
    """A copy of a world in which stages 7 to 15 were run, with ``--keep_results``, as the working directory."""
    shutil.copytree(_made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
