"""Which audio a system is tested on, where its row names an order."""

import json

import pytest

from espnet_atat.config.system import load_system
from espnet_atat.errors import UserError
from tests.steps.world import FILES, prepare, write_recipe

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
def test_the_first_set_with_audio_is_heard(world, load, prepared, chosen, label):
    if "stop" not in prepared:
        prepare(world, "toy/stop", audio=False)  # text alone is not heard
    system = load(*prepared)
    assert [(test.set, test.task, test.source) for test in system.test] == [(chosen, "nlu", "speech")]
    assert [(choice.set, choice.label) for choice in system.audio_choices] == [(chosen, label)]
    write_recipe(world, "toy", {"rows/odd": SYSTEM.replace("toy/stop", "stop")})
    with pytest.raises(UserError, match=r"odd: test, entry 1: set maps labels to recipe/name"):
        load_system("toy", "odd")
