"""What a figure is based on: hours of audio tested and trained on, parameters, updates, commits.

All is read from what the stages wrote: the dump's lengths, ESPnet's shape files, logs and stamps.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat.config.layout import DATA, DUMP, EXP, short
from espnet_atat.data.mixture import group_of
from espnet_atat.datadir import PREPARED, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import identity_of
from espnet_atat.graph.work import read_stamp
from espnet_atat.report.learning import collect_curves
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_SHIFT
from espnet_atat.strict_json import read_json

#: Lengths of a dumped set's utterances, and how many of each make a second.
LENGTHS = {"utt2num_frames": SAMPLE_RATE / FRAME_SHIFT, "utt2num_samples": SAMPLE_RATE}
#: Kept of a system, seed and fold: what it took, with every run that its model needed, and its learning curves.
TRAINING = "training.json"
LEARNING = "learning.json"
_PARAMETERS = re.compile(r"Total Number of model parameters: ([\d.]+) ?([KMGB]?)")
_ITERATIONS = re.compile(r"\[train\][^\[]*total_count=(\d+)")  # on a GPU its memory follows
_POWERS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}


def hours_of(sets: Iterable[str]) -> float | None:
    """Hours of audio of some dumped sets (``recipe/set``); None where one of them has no audio."""
    lengths = [_lengths(DUMP / name) for name in sets]
    seconds = _sum([None if each is None else sum(each.values()) for each in lengths])
    return None if seconds is None else seconds / 3600


def _lengths(folder: Path) -> dict[str, float] | None:
    """Utterance → seconds, of a dumped set; None where it has no audio."""
    for name, rate in LENGTHS.items():
        if (folder / name).is_file():
            return {utt: int(length) / rate for utt, length in read_two_column(folder / name).items()}
    return None


def training_amounts(runs: Sequence[Path], *, foreign: bool = False) -> dict[str, Any]:
    """What a model cost: parameters, updates of all phases, hours and utterances of different audio heard, commits.

    Args:
        runs: its training run and those before it, the last first (``graph.node.lineage``); of a pipeline, its
            tagger's run and its recogniser's.
        foreign: a pipeline's recogniser was not trained here: then only the commits are known.
    """
    stamps = {run: read_stamp(run) for run in runs}
    identities = {run: stamp["identity"] for run, stamp in stamps.items()}
    trainings = [run for run, identity in identities.items() if identity["kind"] == "training"]
    taggers = [run for run, identity in identities.items() if identity["kind"] == "tagger"]
    files = (run / "train.log" for run in trainings)
    logs = [file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "" for file in files]
    heard: dict[tuple[str, str], float] = {}
    for run, identity in identities.items():
        if identity["kind"] == "statistics":
            heard |= _heard(run / "stats/train/speech_shape", identity.get("data", {}).get("train", ()))
    # The trainer counts batches through all epochs, a resumed run's included.
    batches = [max(map(int, _ITERATIONS.findall(log)), default=0) for log in logs]
    accumulated = [identities[run]["config"].get("accum_grad") or 1 for run in trainings]
    updates = [count // number for count, number in zip(batches, accumulated, strict=True)]
    commits = {stamp["made_by"]["commit"] for stamp in stamps.values()}
    amounts = {
        "parameters": _sum([*map(_parameters, logs[:1]), *(stamps[run].get("parameters") for run in taggers[:1])]),
        "updates": sum(updates) if updates or not taggers else None,
        "hours": sum(heard.values()) / 3600,
        "utterances": len(heard),
    }
    return {**(dict.fromkeys(amounts) if foreign else amounts), "commits": sorted(commits)}


def training_files(runs: Sequence[Path], *, foreign: bool = False) -> dict[str, str | None]:
    """What is kept of a training: the texts of ``TRAINING``, and of ``LEARNING`` if anyone recorded curves."""
    content = {
        "amounts": training_amounts(runs, foreign=foreign),
        "runs": {folder.name: identity_of(folder) for folder in runs},
    }
    curves = collect_curves(runs)
    return {
        TRAINING: json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        LEARNING: json.dumps(curves, separators=(",", ":")) + "\n" if curves else None,
    }


def kept_amounts(folder: Path) -> dict[str, Any] | None:
    """``training_amounts`` of a folder of results that was taken from the kept ones; None of one made here."""
    file = folder / TRAINING
    if not file.is_file():
        return None
    try:
        return dict(read_json(file)["amounts"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: holds no amounts: remove it, and what lies beside it") from error


def _sum(numbers: Sequence[float | None]) -> float | None:
    """None where one of them is unknown, or there are none."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _parameters(log: str) -> int | None:
    found = _PARAMETERS.search(log)
    return round(float(found[1]) * _POWERS[found[2]]) if found else None


def _heard(shapes: Path, data: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """(set, utterance) → seconds, of the training examples with audio: each once, in however many tasks it is.

    ``data``: the parts of the mixture, whose dumped sets give durations. ESPnet's shape files could not: for a model
    that reads an encoder's states they do not say how long a state is.
    """
    if not shapes.is_file():
        return {}
    parts = [each["part"] for each in data]
    lengths = {part.get("name") or short(part["set"]): _lengths(DUMP / part["set"]) or {} for part in parts}
    heard = {}
    for example, shape in read_two_column(shapes).items():
        group = group_of(example)
        length, _, width = shape.partition(",")
        name, utt = group.partition("-")[2], example.removeprefix(f"{group}-")
        seconds = lengths.get(name, {}).get(utt)
        if seconds is None:
            seconds = int(length) / LENGTHS["utt2num_frames" if width else "utt2num_samples"]
        heard[name, utt] = seconds
    return heard


def stage_times(recipe: str, scores: Iterable[Path], runs: Iterable[Path]) -> dict[str, float]:
    """Stage → seconds that making the data, some runs, and their ``metrics.json`` files took, as their stamps say."""
    made = [DATA / recipe / PREPARED, *(DATA / recipe).glob("*/"), *(DUMP / recipe).glob("*/")]
    made += DUMP.glob(f"*/{recipe}/*/")  # an encoder's states, or audio
    made += [*(EXP / recipe / "alignments").glob("*.jsonl"), *runs]
    for file in scores:
        made += [file, file.parent]
    total: defaultdict[int, float] = defaultdict(float)
    for stamp in map(read_stamp, made):
        if "stage" in stamp:
            total[stamp["stage"]] += stamp["seconds"]
    return {str(stage): round(seconds, 1) for stage, seconds in sorted(total.items())}
