"""Which audio a system is tested on, where its row names several sets in an order: the first that has audio.

::

    test:
    - task: nlu
      set:
        your recordings: top/recorded_test
        recordings of STOP: top/test
        synthetic speech: top/test_flite      # of an engine that no training heard

The last set may be one that stage 3 makes, so before there is any data the last one is taken.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from espnet_atat.config.layout import DATA, has_audio
from espnet_atat.errors import UserError

#: Written by stage 3 into a set that it made.
REPORT = "report.json"
#: Ends of the names of sets that stages 2 and 5 make of others.
DERIVED = ("_aug", "_mlm")


@dataclass(frozen=True)
class AudioChoice:
    """A set that was chosen.

    Attributes:
        set: ``recipe/name``.
        label: what it is, in the words of the row.
        order: all labels, the preferred one first.
    """

    set: str
    label: str
    order: tuple[str, ...]


@dataclass(frozen=True)
class Synthesis:
    """How a set's audio was made by stage 3."""

    engine: str
    voices: tuple[str, ...]


def choose_audio(sets: Mapping[object, object], where: str) -> AudioChoice:
    """The first set that has audio; the last one where none has."""
    if not sets:
        raise UserError(f"{where}: set names no set")
    for label, name in sets.items():
        if not isinstance(label, str) or not isinstance(name, str) or "/" not in name or "{" in name:
            raise UserError(f"{where}: set maps labels to recipe/name (of no fold), found {label!r}: {name!r}")
    found = [(str(label), str(name)) for label, name in sets.items()]
    label, name = next(((label, name) for label, name in found if has_audio(name)), found[-1])
    return AudioChoice(name, label, tuple(label for label, _ in found))


def synthesis_of(name: str) -> Synthesis | None:
    """How the set ``recipe/name``, or what its audio was augmented or masked from, was synthesised; None where stage 3
    made neither."""
    while name.endswith(DERIVED):
        name = name[:-4]
    path = DATA / name / REPORT
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Synthesis(report["engine"], tuple(report["by_voice"])) if "engine" in report else None


def check_unheard(choices: Iterable[AudioChoice], heard: Iterable[str]) -> None:
    """Refuse test audio of an engine that training heard.

    Args:
        heard: sets (``recipe/name``) of all audio that the system learns from.
    """
    engines = {made.engine: name for name in heard if (made := synthesis_of(name)) is not None}
    for choice in choices:
        made = synthesis_of(choice.set)
        if made is not None and made.engine in engines:
            raise UserError(
                f"{choice.set}: is said by {made.engine}, and so is {engines[made.engine]}, which the system learns "
                "from: a test of speech that was never heard wants another engine (--tts_engine of stage 3)"
            )


def described(name: str, choices: Iterable[AudioChoice]) -> dict[str, Any] | None:
    """What a table says of a test set's audio; None where there is nothing to say: a corpus's own set, by itself.

    Returns:
        ``label``, ``order`` (of labels), ``engine`` (None: not synthetic) and ``voices``.
    """
    choice = next((each for each in choices if each.set == name), None)
    made = synthesis_of(name)
    if choice is None and made is None:
        return None
    return {
        "label": choice.label if choice else "synthetic speech",
        "order": list(choice.order) if choice else [],
        "engine": made.engine if made else None,
        "voices": list(made.voices) if made else [],
    }
