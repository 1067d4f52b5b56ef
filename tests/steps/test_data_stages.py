"""Stages 1 to 6 of the recipes of real speech: prepared, augmented, aligned, masked, features computed; and killed."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.graph.work import STAMP
from tests.corpora.conftest import write_an4, write_librispeech
from tests.shell import environment_of, make_clone, run
from tests.speech.making import contents
from tests.spoken import spoken
from tests.steps.corpora import stages

pytestmark = pytest.mark.slow

#: Utterances of each set: of the corpus written from mini's recordings, and of the real ones below ATAT_CORPORA.
SETS = {
    ("librispeech", "written"): {"test_clean": 20},
    ("librispeech", "real"): {"test_clean": 47},
    ("an4", "written"): {"train": 35, "dev": 5, "test": 10},
    ("an4", "real"): {"train": 849, "dev": 99, "test": 130},
}
#: What is masked: of an4 as its recipe has it; of LibriSpeech there is a test set alone here.
MASKED = {"librispeech": ["test_clean"], "an4": ["train"]}
#: What has copies, and of how many utterances for each of its own.
AUGMENTED = {"librispeech": ("test_clean", 3), "an4": ("train", 2)}
CALL = ["./run.sh", "--stage", "1", "--stop_stage", "6", "--nj", "2", "--recipe"]


@pytest.fixture
def tree(root, tmp_path) -> Path:
    """A working tree of its own without data; its recipe of LibriSpeech masks the test set."""
    tree = make_clone(root, tmp_path / "tree")
    recipe = tree / "egs2/atat/librispeech/recipe.yaml"
    assert "mask: {sets: [" in recipe.read_text()
    recipe.write_text(recipe.read_text().replace("mask: {sets: [", "mask: {sets: [test_clean, "))
    return tree


@pytest.fixture
def source(recipe, speech, tmp_path, request) -> dict[str, str]:
    """The variable that names the corpus's folder, and the folder."""
    variable, name = ("LIBRISPEECH", "LibriSpeech") if recipe == "librispeech" else ("AN4", "an4")
    if speech == "real":
        return {variable: str(request.getfixturevalue("real_corpus")(name))}
    folder, test = tmp_path / "written" / name, spoken("sentences_dev", 20, shortest=6)
    if recipe == "librispeech":
        write_librispeech(folder, "test-clean", test)
    else:
        write_an4(folder, {"train": spoken("sentences_train", 40, shortest=6), "test": test[:10]})
    return {variable: str(folder)}


@pytest.mark.parametrize(("recipe", "speech"), list(SETS), ids=[f"{speech} {recipe}" for recipe, speech in SETS])
def test_every_set_is_prepared_and_has_features_and_what_a_mixture_reads_is_masked(recipe, speech, tree, source):
    command = [*CALL, recipe, *(["--augment_sets", "test_clean"] if recipe == "librispeech" else [])]
    done = run(tree, *command, **source)
    assert done.returncode == 0, done.stderr
    words = aligned = 0
    for name in MASKED[recipe]:
        count = SETS[recipe, speech][name]
        report = json.loads((tree / f"exp/{recipe}/alignments/{name}.report.json").read_text())
        words, aligned = words + report["words"], aligned + report["words_aligned"]
        assert report["utterances"] == count
        assert not report["failed"]
        masked = json.loads((tree / f"data/{recipe}/{name}_mlm/report.json").read_text())
        assert masked["kept"] == count
    assert aligned >= 0.97 * words
    sets = SETS[recipe, speech] | {f"{name}_mlm": SETS[recipe, speech][name] for name in MASKED[recipe]}
    copied, copies = AUGMENTED[recipe]
    sets |= {f"{copied}_aug": copies * sets[copied]}
    assert {path.name for path in (tree / f"dump/{recipe}").iterdir()} == sets.keys()
    for name, count in sets.items():
        assert len(DataDir.load(tree / f"dump/{recipe}/{name}")) == count
        assert len(read_two_column(tree / f"dump/{recipe}/{name}/feats.scp")) == count
    again = run(tree, *command, **source)
    assert stages(again.stdout) == []
    assert stages(again.stdout, skipped=True) == stages(done.stdout)


def made(tree: Path) -> dict[str, bytes]:
    """Every file of the data stages but the stamps, which hold times."""
    files = {place: contents(tree / place) for place in ("data", "dump", "exp")}
    return {f"{p}/{name}": each for p, of in files.items() for name, each in of.items() if not name.endswith(STAMP)}


@pytest.mark.parametrize(("recipe", "speech"), [("librispeech", "written")])
@pytest.mark.usefixtures("speech")
def test_a_call_that_is_killed_in_every_stage_leaves_what_an_unbroken_call_leaves(recipe, tree, source):
    command = [*CALL, recipe, "--augment_sets", "test_clean"]
    done = run(tree, *command, **source)
    assert done.returncode == 0, done.stderr
    whole = made(tree)
    for place in ("data", "dump", "exp"):
        shutil.rmtree(tree / place)
    killed = []
    for stage in (1, 2, 4, 5, 6, 6):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        process = subprocess.Popen(command, cwd=tree, env=environment_of(**source), **pipes)
        for line in process.stdout:
            if line.startswith(f"stage {stage}: ") and "skipped" not in line:
                process.kill()  # as soon as it has begun
                break
        process.communicate(timeout=300)
        killed.append(process.returncode)
    assert killed == [-signal.SIGKILL] * 6
    done = run(tree, *command, **source)
    assert done.returncode == 0, done.stderr
    assert made(tree) == whole
