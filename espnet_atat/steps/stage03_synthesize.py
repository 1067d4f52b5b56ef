"""Stage 3: ``<set>_<engine>``, the texts and targets of a set with synthetic speech.

A set may name its engine, as ``test@flite``. A test set is left out where there are recordings of it.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA
from espnet_atat.datadir import is_test_set
from espnet_atat.graph.node import Node
from espnet_atat.speech.report import Report
from espnet_atat.speech.synthesis.say_set import SynthesisConfig, make_engine, say_set
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.sets import set_node
from espnet_atat.steps.stage02_augment import augment_nodes


def plan(request: Request) -> Iterator[Node | str]:
    """The sets that ``--synthesize_sets``, the recipe or its tables name, and augmented copies of synthetic ones."""
    said = request.options.synthesize
    entries = list(request.synthesize_sets or said.sets or request.named_by_tables("synthesize_sets"))
    if not entries:
        yield "no set is synthesised; --synthesize_sets names some"
    default = request.tts_default
    chosen = dict.fromkeys((name, own or default) for name, _, own in (entry.partition("@") for entry in entries))
    for name, engine in chosen:
        data = DATA / request.recipe / name
        request.check_prepared(name)
        if is_test_set(name) and ((data / "wav.scp").is_file() or data.with_name(f"recorded_{name}").is_dir()):
            yield f"there are recordings of {name}: it is not said by {engine}"
            continue
        options = said.options if engine == said.engine else {}  # they are that engine's
        output = data.with_name(f"{name}_{engine}")
        make = partial(_make, data, output, engine, options, request.nj)
        yield set_node(Stage.SYNTHESIZE, output, {"engine": engine, **options}, make, sets=[data])
    yield from augment_nodes(request, stage=Stage.SYNTHESIZE)


def _make(data: Path, output: Path, name: str, options: Mapping[str, Any], nj: int, work: Path) -> Report:
    rest = dict(options)
    voices, seed, audio_format = rest.pop("voices", None), rest.pop("seed", 0), rest.pop("audio_format", "flac")
    engine = make_engine(name, **rest)
    config = SynthesisConfig(tuple(voices) if voices else engine.default_voices, seed, audio_format)
    return say_set(data, work, output, engine, config, nj)
