"""What a reader of a table must know of its data: what pretraining met, who speaks in the test set, and its split."""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet_atat.config.mixtures import KEY, WHY
from espnet_atat.config.pretrain_slu import OPTION
from espnet_atat.datadir import SPLIT


def pretraining_of(info: Mapping[str, str]) -> dict[str, Any] | None:
    """``sets`` and ``why`` of the slu and nlu part, as ``metrics.json`` notes them; None: there was no such part."""
    return {"sets": info[KEY].split(), "why": info[WHY]} if KEY in info else None


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
    lines += [f"Split, {row['set']}: {row[SPLIT]}." for row in rows if row.get(SPLIT)]
    return list(dict.fromkeys(lines))
