"""Stage 3: ``<set>_<engine>``, the texts and targets of a set with synthetic speech.

A set may name its engine, as ``test@flite``, and how many of its sentences are said, as ``train@kokoro:400``: those are
chosen to hold all words, slot values and phrasings. A test set is left out where there are recordings of it.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA
from espnet_atat.datadir import is_test_set
from espnet_atat.graph.node import Node
from espnet_atat.speech.report import Report
from espnet_atat.speech.sets import set_node
from espnet_atat.speech.synthesis import say_set as room
from espnet_atat.speech.synthesis.engines import Engine, read_entries
from espnet_atat.speech.synthesis.subset import choose_sentences
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage02_augment import augment_nodes

Options = Mapping[str, Any]  # of an engine


def plan(request: Request) -> Iterator[Node | str]:
    """The sets that ``--synthesize_sets``, the recipe or its tables name, and augmented copies of synthetic ones."""
    said = request.options.synthesize
    entries = list(request.synthesize_sets or said.sets or request.named_by_tables("synthesize_sets"))
    if not entries:
        yield "no set is synthesised; --synthesize_sets names some"
    found: list[Node | str] = []
    to_say: list[tuple[Path, str, Options, int | None]] = []
    for (name, engine), sentences in read_entries(entries, request.tts_default).items():
        data = DATA / request.recipe / name
        request.check_prepared(name)
        if is_test_set(name) and ((data / "wav.scp").is_file() or data.with_name(f"recorded_{name}").is_dir()):
            found.append(f"there are recordings of {name}: it is not said by {engine}")
            continue
        options = dict(said.options) if engine == said.engine else {}  # they are that engine's
        output = data.with_name(f"{name}_{engine}")
        make = partial(_make, data, output, engine, options, sentences, request.nj)
        identity = {"engine": engine, "form": room.FORM, "sentences": sentences, **options}
        found.append(node := set_node(Stage.SYNTHESIZE, output, identity, make, sets=[data]))
        if (data / "text").is_file() and (request.force or not node.is_done):
            to_say.append((data, engine, options, sentences))
    if to_say:
        yield _expected(to_say, request.nj)
    yield from found
    yield from augment_nodes(request, stage=Stage.SYNTHESIZE)


def _expected(to_say: list[tuple[Path, str, Options, int | None]], nj: int) -> str:
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
    times = {name: room.in_words(seconds[name]) if name in seconds else "a service" for name in sentences}
    parts = [f"{name} {time} ({sentences[name]} sentences)" for name, time in times.items()]
    processes = f"{nj} processes" if nj > 1 else "a process"
    return f"about {room.in_words(sum(seconds.values()))} with {processes} on idle cores: {', '.join(parts)}"


def _engine(name: str, options: Options) -> tuple[Engine, room.SynthesisConfig]:
    """An engine and how it speaks, by the options of ``bin.synthesize``."""
    rest = dict(options)
    voices, seed, audio_format = rest.pop("voices", None), rest.pop("seed", 0), rest.pop("audio_format", "flac")
    engine = room.make_engine(name, **rest)
    return engine, room.SynthesisConfig(tuple(voices) if voices else engine.default_voices, seed, audio_format)


def _make(data: Path, output: Path, name: str, options: Options, sentences: int | None, nj: int, work: Path) -> Report:
    engine, config = _engine(name, options)
    return room.say_set(data, work, output, engine, config, nj, sentences)
