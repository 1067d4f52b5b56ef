"""The audio that a system is tested on if its row lists several sets: the first that has audio.

::

    test:
    - task: nlu
      set:
        your recordings: top/recorded_test
        recordings of STOP: top/test
        synthetic speech: top/test_flite      # of an engine that no training heard

The last set may be one that stage 3 makes, so before there is any data the last one is taken.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from espnet_atat.config.layout import DATA, DERIVED, has_audio
from espnet_atat.errors import UserError
from espnet_atat.strict_json import read_json


@dataclass(frozen=True)
class AudioChoice:
    """A set (``recipe/name``) that was chosen, what the row calls it, and all by label, the preferred one first."""

    set: str
    label: str
    sets: Mapping[str, str]


def choose_audio(sets: Mapping[object, object], where: str) -> AudioChoice:
    """The first set that has audio; the last one where none has."""
    if not sets:
        raise UserError(f"{where}: set names no set")
    for label, name in sets.items():
        if not isinstance(label, str) or not isinstance(name, str) or "/" not in name or "{" in name:
            raise UserError(f"{where}: set maps labels to recipe/name (of no fold), found {label!r}: {name!r}")
    found = {str(label): str(name) for label, name in sets.items()}
    label = next((label for label, name in found.items() if has_audio(name)), list(found)[-1])
    return AudioChoice(found[label], label, found)


def synthesis_of(name: str) -> dict[str, Any]:
    """``engine`` and ``voices`` of a set's audio, or of what it was augmented or masked from; empty where stage 3 made
    neither."""
    while name.endswith(DERIVED):
        name = name.rpartition("_")[0]
    path = DATA / name / "report.json"  # of stage 3
    report = read_json(path) if path.is_file() else {}
    return {"engine": report["engine"], "voices": list(report["by_voice"])} if "engine" in report else {}


def check_unheard(choices: Iterable[AudioChoice], heard: Iterable[str]) -> None:
    """Refuse test audio of an engine that training heard: that says one of the sets ``heard`` (``recipe/name``)."""
    engines = {made["engine"]: name for name in heard if (made := synthesis_of(name))}
    for choice in choices:
        if (engine := synthesis_of(choice.set).get("engine")) in engines:
            raise UserError(
                f"{choice.set}: is said by {engine}, and so is {engines[engine]}, which the system learns "
                "from: test on another engine's speech (--tts_engine of stage 3)"
            )


def described(name: str, choices: Iterable[AudioChoice]) -> dict[str, Any] | None:
    """``label``, ``order`` (of labels), ``engine`` and ``voices`` for a table; None of a corpus's own set."""
    choice = next((each for each in choices if each.set == name), None)
    made = synthesis_of(name)
    if choice is None and not made:
        return None
    label, order = (choice.label, list(choice.sets)) if choice else ("synthetic speech", [])
    return {"label": label, "order": order, "engine": None, "voices": [], **made}
