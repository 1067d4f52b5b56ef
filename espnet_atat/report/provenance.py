"""What readers must know of a table's data: what pretraining has seen, who speaks in the test set, and its split."""

from collections.abc import Mapping, Sequence
from typing import Any

from espnet_atat.config.mixtures import PRETRAIN_SLU, WHY
from espnet_atat.config.pretrain_slu import PRETRAIN_SLU_OPTION
from espnet_atat.datadir import SPLIT


def pretraining_of(info: Mapping[str, str]) -> dict[str, Any] | None:
    """``sets`` and ``why`` of the slu and nlu part, as ``metrics.json`` notes them; None: there was no such part."""
    return {"sets": info[PRETRAIN_SLU].split(), "why": info[WHY]} if PRETRAIN_SLU in info else None


def remarks(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for the table's header, each once."""
    lines = []
    for row in rows:
        if (found := row.get(PRETRAIN_SLU)) is not None:
            lines.append(
                f"The slu and nlu of pretraining ({PRETRAIN_SLU_OPTION}): {', '.join(found['sets'])} ({found['why']})."
            )
    for row in rows:
        if (audio := row.get("test_audio")) is None:
            continue
        line = f"Test audio, {row['set']}: {audio['label']}"
        if audio["order"]:
            line += f" (the first that exists of: {', '.join(audio['order'])})"
        if audio["engine"]:
            line += f", by {audio['engine']} ({', '.join(audio['voices'])})"
            line += ", not used in training" if audio["order"] else ""
            line += "; figures on synthetic audio are not comparable to the paper's"
        lines.append(f"{line}.")
    lines += [f"Split, {row['set']}: {row[SPLIT]}." for row in rows if row.get(SPLIT)]
    return list(dict.fromkeys(lines))
