"""Whose voices a system is tested on: refused where training heard them, and said by the table."""

import dataclasses
import json
import shutil

import pytest

from espnet_atat.config.system import load_system
from espnet_atat.config.table import Paper, Table
from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score_files
from espnet_atat.report.differences import NOT_COMPARABLE
from espnet_atat.report.provenance import remarks
from espnet_atat.report.table_content import table_content, write_content
from espnet_atat.steps.systems import plan_system
from tests.config.test_audio_choice import load
from tests.report.test_table_content import REF

__all__ = ["load"]  # a fixture


@pytest.mark.parametrize("made", ["audio", "audio_aug", "audio_aug_mlm", "audio_mlm_aug"])
def test_an_engine_that_training_heard_is_refused_and_in_what_was_made_of_its_speech_too(world, load, made):
    plan_system(load("test_flite", engines={"test_flite": "flite", "audio": "pico"}), 1).check_voices()
    load("test_flite", engines={"test_flite": "flite", "audio": "flite"})
    if made != "audio":
        shutil.copytree(world / "dump/toy/audio", world / f"dump/toy/{made}")
        (world / f"data/toy/{made}").mkdir()
        (world / f"data/toy/{made}/report.json").write_text("{}")  # as bin.augment's: of no engine
    mixture = world / "egs2/atat/toy/recipe.yaml"
    mixture.write_text(mixture.read_text().replace("toy/audio", f"toy/{made}"))
    with pytest.raises(UserError, match=f"toy/test_flite: is said by flite, and so is toy/{made}, which"):
        plan_system(load_system("toy", "listening"), 1).check_voices()


@pytest.fixture
def table(world, load):
    """Makes the table of the system, tested on the first of the sets that are prepared."""

    def table(*sets, engines=None):
        system = load(*sets, engines=engines)
        folder = world / f"exp/toy/listening/seed1/decode/{system.test[0].name}"
        folder.mkdir(parents=True)
        for name in ("ref", "hyp"):
            (folder / name).write_text("".join(f"{utt} {value}\n" for utt, value in REF.items()))
        score_files(folder / "ref", folder / "hyp", folder / "metrics.json")
        paper = Paper(citation="Nobody 1999", rows={"listening": {"em_full": 51.54}})
        made = Table(recipe="toy", name="t", title="heard", rows={"listening": None}, figures=("em_full",))
        path = world / "exp/toy/tables/t.json"
        content = table_content(dataclasses.replace(made, paper=paper), [system], (1,), None, command="./run.sh")
        write_content(content, path)
        return path

    return table


@pytest.mark.parametrize(("name", "label"), [("recorded_test", "your recordings"), ("stop", "recordings of STOP")])
def test_a_table_names_whose_recordings_it_is_of(table, name, label):
    path = table(name)
    order = "the first that exists of: your recordings, recordings of STOP, synthetic"
    header = f"Test audio, toy/{name}: {label} ({order}"
    for suffix in (".md", ".json"):
        text = path.with_suffix(suffix).read_text()
        assert header in text
        assert "51.54" in text
        assert NOT_COMPARABLE not in text


def test_figures_on_synthetic_audio_are_never_beside_the_papers(table):
    path = table("test_flite", engines={"test_flite": "flite"})
    header = "by flite (slt, rms), not used in training; figures on synthetic audio are not comparable to the paper's."
    for suffix in (".md", ".tex", ".json"):
        text = path.with_suffix(suffix).read_text()
        assert header in text.replace("\\_", "_")
        assert "51.54" not in text
    (row,) = json.loads(path.read_text())["rows"]
    assert row["paper"] == NOT_COMPARABLE
    assert remarks([row, row]) == json.loads(path.read_text())["remarks"]
