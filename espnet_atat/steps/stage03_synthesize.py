"""Stage 3: ``<set>_<engine>``, the texts and targets of a set with synthetic speech.

A set may name its engine, as ``test@flite``, and how many of its sentences are said, as ``train@kokoro:400``: those are
chosen to hold all words, slot values and phrasings. A test set is left out where there are recordings of it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA
from espnet_atat.datadir import is_test_set
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.schema import check_known
from espnet_atat.speech.report import Report
from espnet_atat.speech.synthesis import say_set as room
from espnet_atat.speech.synthesis.engines import ENGINES, Engine
from espnet_atat.speech.synthesis.subset import choose_sentences
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.sets import set_node
from espnet_atat.steps.stage02_augment import augment_nodes

ENTRY = re.compile(r"([^@:]+)(?:@([^@:]+))?(?::([1-9][0-9]*))?")  # set@engine:sentences


def plan(request: Request) -> Iterator[Node | str]:
    """The sets that ``--synthesize_sets``, the recipe or its tables name, and augmented copies of synthetic ones."""
    said = request.options.synthesize
    entries = list(request.synthesize_sets or said.sets or request.named_by_tables("synthesize_sets"))
    if not entries:
        yield "no set is synthesised; --synthesize_sets names some"
    found: list[Node | str] = []
    to_say: list[tuple[Path, str, dict[str, Any], int | None]] = []
    for (name, engine), sentences in read_entries(entries, request.tts_default).items():
        data = DATA / request.recipe / name
        request.check_prepared(name)
        if is_test_set(name) and ((data / "wav.scp").is_file() or data.with_name(f"recorded_{name}").is_dir()):
            found.append(f"there are recordings of {name}: it is not said by {engine}")
            continue
        options = dict(said.options) if engine == said.engine else {}  # they are that engine's
        output = data.with_name(f"{name}_{engine}")
        make = partial(_make, data, output, engine, options, sentences, request.nj)
        chosen = {} if sentences is None else {"sentences": sentences}
        node = set_node(Stage.SYNTHESIZE, output, {"engine": engine, **options, **chosen}, make, sets=[data])
        found.append(node)
        if (data / "text").is_file() and (request.force or not node.is_done):
            to_say.append((data, engine, options, sentences))
    if to_say:
        yield _expected(to_say, request.nj)
    yield from found
    yield from augment_nodes(request, stage=Stage.SYNTHESIZE)


def read_entries(entries: list[str], default: str) -> dict[tuple[str, str], int | None]:
    """(Set, engine) → how many of its sentences are said; None: all."""
    found: dict[tuple[str, str], int | None] = {}
    for entry in entries:
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise UserError(f"synthesize_sets: {entry!r} is not a set, set@engine, or set@engine:sentences, from 1 on")
        name, engine, number = match[1], match[2] or default, int(match[3]) if match[3] else None
        check_known([engine], ENGINES, f"synthesize_sets: {entry}", "engine")
        if (other := found.setdefault((name, engine), number)) != number:
            raise UserError(
                f"synthesize_sets: {entry}: {name} is said by {engine} with {other or 'all'} of its sentences too: "
                "it is one set, say one number"
            )
    return found


def _expected(to_say: list[tuple[Path, str, dict[str, Any], int | None]], nj: int) -> str:
    """How long the engines will take."""
    seconds: dict[str, float] = {}
    sentences: dict[str, int] = {}
    for folder, name, options, number in to_say:
        engine, config = _engine(name, options)
        data = room.load_texts(folder)
        data = data if number is None else choose_sentences(data, number)[0]
        said, _ = room.plan_utterances(data, config)
        sentences[name] = sentences.get(name, 0) + len(said)
        if (expected := room.expected_seconds(said, engine, nj)) is not None:
            seconds[name] = seconds.get(name, 0.0) + expected
    parts = [
        f"{name} {room.in_words(seconds[name]) if name in seconds else 'a service'} ({number} sentences)"
        for name, number in sentences.items()
    ]
    processes = f"{nj} processes" if nj > 1 else "a process"
    return f"about {room.in_words(sum(seconds.values()))} with {processes} on idle cores: {', '.join(parts)}"


def _engine(name: str, options: Mapping[str, Any]) -> tuple[Engine, room.SynthesisConfig]:
    """An engine and how it speaks, by the options of ``bin.synthesize``."""
    rest = dict(options)
    voices, seed, audio_format = rest.pop("voices", None), rest.pop("seed", 0), rest.pop("audio_format", "flac")
    engine = room.make_engine(name, **rest)
    return engine, room.SynthesisConfig(tuple(voices) if voices else engine.default_voices, seed, audio_format)


def _make(
    data: Path, output: Path, name: str, options: Mapping[str, Any], sentences: int | None, nj: int, work: Path
) -> Report:
    engine, config = _engine(name, options)
    return room.say_set(data, work, output, engine, config, nj, sentences)
