"""What a reader of a table must know of its data: what pretraining met, and who speaks in the test set."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.recipe.pretrain_slu import KEY, OPTION

#: Stands in place of the paper's figures beside synthetic test audio.
NOT_COMPARABLE = "not comparable: synthetic audio"


def pretraining_of(runs: Iterable[str]) -> dict[str, Any] | None:
    """``sets`` and ``why`` of the slu and nlu part, as one of the runs' ``run.yaml`` notes them; None: no such part."""
    for run in runs:
        path = Path(run) / "run.yaml"
        if not path.is_file():
            continue  # figures may be kept longer than what made them
        made_by = yaml.safe_load(path.read_text(encoding="utf-8")).get("made_by") or {}
        if KEY in made_by:
            return dict(made_by[KEY])
    return None


def is_synthetic(row: Mapping[str, Any]) -> bool:
    """Whether a table's row was tested on synthetic speech that stage 3 made."""
    return bool(row.get("test_audio") and row["test_audio"]["engine"])


def remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for the table's header, each once."""
    lines = []
    for row in rows:
        if (found := row.get(KEY)) is not None:
            lines.append(f"The slu and nlu of pretraining ({OPTION}): {', '.join(found['sets'])} ({found['why']}).")
    for row in rows:
        if (audio := row.get("test_audio")) is None:
            continue
        line = f"Test audio, {row['set']}: {audio['label']}"
        if audio["order"]:
            line += f" (the first there is of: {', '.join(audio['order'])})"
        if audio["engine"]:
            line += f", by {audio['engine']} ({', '.join(audio['voices'])})"
            line += ", which no training heard" if audio["order"] else ""
            line += "; figures on synthetic audio are not comparable to the paper's"
        lines.append(f"{line}.")
    return list(dict.fromkeys(lines))
