"""A tiny recipe of flat trees without any model: what pipelines can be tested on in a second."""

from collections.abc import Mapping
from pathlib import Path

from tests.baselines.corpus import TARGETS
from tests.steps import world
from tests.steps.world import write_recipe

TESTS = {
    "t0": "[IN:LIGHTS_ON turn on the [SL:ROOM cellar ] lights ]",
    "t1": "[IN:PLAY play [SL:SONG blue ] in the [SL:ROOM hall ] ]",
    "t2": "[IN:LIGHTS_OFF turn off the lights in the [SL:ROOM attic ] ]",
}
ORACLE = """
title: the words as said, then a CRF
pipeline: {tagger: crf, data: [lamps/train]}
first_stage: {oracle: true}
test: [{set: lamps/test, task: nlu}]
"""
FILES = {
    "rows/oracle": ORACLE,
    "rows/heard": ORACLE.replace("oracle: true", 'transcripts: "heard/seed{seed}/{set}"'),
    "rows/whisper": ORACLE.replace("oracle: true", "whisper: tiny.en"),
    "rows/bilstm": ORACLE.replace("crf, ", "bilstm_crf, "),
    "tables/default.yaml": "title: lamps\nrows: {oracle, heard}\nbaseline: {heard: oracle}\n",
}


def write_lamps(root: Path) -> None:
    """Write ``data/lamps``, ``dump/lamps`` and ``egs2/atat/lamps`` below ``root``."""
    write_set(root, "train", {f"u{number:02}": tree for number, tree in enumerate(TARGETS)})
    write_set(root, "test", TESTS)
    write_recipe(root, "lamps", FILES)


def write_set(root: Path, name: str, targets: Mapping[str, str]) -> None:
    """A set of text and trees as stages 1 and 6 lay it down."""
    for place in ("data", "dump"):
        world.write_set(root / place / "lamps" / name, targets)
