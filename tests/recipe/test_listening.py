"""Whose voices a system is tested on, where its file names an order."""

import dataclasses
import json
import shutil

import pytest
from espnet_atat.recipe.plan import plan_system
from espnet_atat.recipe.provenance import NOT_COMPARABLE, remarks
from espnet_atat.recipe.table import write_table

from espnet_atat.config.system import load_system
from espnet_atat.config.table import Paper, Table
from espnet_atat.errors import UserError
from tests.recipe.test_pretrain_slu import prepare
from tests.recipe.test_table import REF
from tests.recipe.world import FILES, write_recipe

ORDER = """
  set:
    your recordings: toy/recorded_test
    recordings of STOP: toy/stop
    synthetic speech: toy/test_flite
"""
SYSTEM = (
    FILES["rows/zeroshot"]
    .replace("decode: [decode, decode_tree]\n", "")
    .replace("test: [{set: toy/test, task: nlu}]", f"test:\n- task: nlu{ORDER}")
)


@pytest.fixture
def load(world):
    """Reads the system when some of its test sets are prepared; those of an engine are synthetic."""

    def load(*sets, engines=None):
        write_recipe(world, "toy", {"rows/listening": SYSTEM})
        for name in sets:
            prepare(world, f"toy/{name}")
        for name, engine in (engines or {}).items():
            (world / "data/toy" / name).mkdir(parents=True, exist_ok=True)
            report = {"engine": engine, "by_voice": {"slt": 3, "rms": 3}}
            (world / "data/toy" / name / "report.json").write_text(json.dumps(report))
        return load_system("toy", "listening")

    return load


@pytest.mark.parametrize(
    ("prepared", "chosen", "label"),
    [
        (("recorded_test", "stop", "test_flite"), "toy/recorded_test", "your recordings"),
        (("stop", "test_flite"), "toy/stop", "recordings of STOP"),
        (("test_flite",), "toy/test_flite", "synthetic speech"),
        ((), "toy/test_flite", "synthetic speech"),  # to be made
    ],
)
def test_the_first_set_with_audio_is_heard(load, prepared, chosen, label):
    system = load(*prepared)
    assert [(test.set, test.task, test.source) for test in system.test] == [(chosen, "nlu", "speech")]
    assert [(choice.set, choice.label) for choice in system.listening] == [(chosen, label)]


def test_text_alone_is_not_heard(world, load):
    prepare(world, "toy/stop", audio=False)
    assert load("test_flite").test[0].set == "toy/test_flite"


def test_an_engine_that_training_heard_is_refused(load):
    plan_system(load("test_flite", engines={"test_flite": "flite", "audio": "pico"}), 1)
    with pytest.raises(UserError, match="toy/test_flite: is said by flite, and so is toy/audio, which"):
        plan_system(load(engines={"audio": "flite"}), 1)


@pytest.mark.parametrize("made", ["audio_aug", "audio_aug_mlm", "audio_mlm_aug"])
def test_an_engine_is_heard_in_what_was_made_of_its_speech_too(world, load, made):
    load("test_flite", engines={"test_flite": "flite", "audio": "flite"})
    shutil.copytree(world / "dump/toy/audio", world / f"dump/toy/{made}")
    (world / f"data/toy/{made}").mkdir()
    (world / f"data/toy/{made}/report.json").write_text("{}")  # as bin.augment's: of no engine
    mixture = world / "egs2/atat/toy/recipe.yaml"
    mixture.write_text(mixture.read_text().replace("toy/audio", f"toy/{made}"))
    with pytest.raises(UserError, match=f"toy/test_flite: is said by flite, and so is toy/{made}, which"):
        plan_system(load_system("toy", "listening"), 1)


def test_an_order_names_labels_and_sets(world):
    write_recipe(world, "toy", {"rows/odd": SYSTEM.replace("toy/stop", "stop")})
    with pytest.raises(UserError, match=r"odd\.yaml: test, entry 1: set maps labels to recipe/name"):
        load_system("toy", "odd")


@pytest.fixture
def table(world, load):
    """Makes the table of the system, tested on the first of the sets that are prepared."""

    def table(*sets, engines=None):
        system = load(*sets, engines=engines)
        from espnet_atat.metrics.scoring import score_files

        folder = world / f"exp/toy/listening/seed1/decode/{system.test[0].name}"
        folder.mkdir(parents=True)
        for name in ("ref", "hyp"):
            (folder / name).write_text("".join(f"{utt} {value}\n" for utt, value in REF.items()))
        score_files(folder / "ref", folder / "hyp", folder / "metrics.json")
        paper = Paper(citation="Nobody 1999", rows={"listening": {"em_full": 51.54}})
        made = Table(recipe="toy", name="t", title="heard", rows={"listening": None}, figures=("em_full",))
        return write_table(dataclasses.replace(made, paper=paper), [system], (1,), None)

    return table


@pytest.mark.parametrize(("name", "label"), [("recorded_test", "your recordings"), ("stop", "recordings of STOP")])
def test_a_table_names_whose_recordings_it_is_of(table, name, label):
    path = table(name)
    header = f"Test audio, toy/{name}: {label} (the first there is of: your recordings, recordings of STOP, synthetic"
    for suffix in (".md", ".json"):
        text = path.with_suffix(suffix).read_text()
        assert header in text
        assert "51.54" in text
        assert NOT_COMPARABLE not in text


def test_figures_on_synthetic_audio_are_never_beside_the_papers(table):
    path = table("test_flite", engines={"test_flite": "flite"})
    header = (
        "by flite (slt, rms), which no training heard; figures on synthetic audio are not comparable to the paper's."
    )
    for suffix in (".md", ".tex", ".json"):
        text = path.with_suffix(suffix).read_text()
        assert header in text.replace("\\_", "_")
        assert "51.54" not in text
    (row,) = json.loads(path.read_text())["rows"]
    assert row["paper"] == NOT_COMPARABLE
    assert remarks([row, row]) == json.loads(path.read_text())["remarks"]
