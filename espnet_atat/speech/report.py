"""What the steps that make data tell of themselves: a few lines for the user, and ``report.json``."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from espnet_atat.atomic import atomic_write

REPORT = "report.json"
SHOWN = 10  # utterances named on the terminal; the report file names all


class Report:
    """Counts of what was made. Each kind is a dataclass."""

    seconds: float  # of speech

    def lines(self, name: str) -> list[str]:
        """What the user reads; ``name`` is the set's."""
        raise NotImplementedError

    def write(self, path: Path, config: object = None) -> None:
        """Write the fields as JSON, with those of the configuration that the set was made with."""
        content = asdict(self)  # type: ignore[call-overload]
        if config is not None:
            content["config"] = asdict(config)  # type: ignore[call-overload]
        with atomic_write(path) as handle:
            json.dump(content, handle, indent=1, ensure_ascii=False)
            handle.write("\n")


def reasons(verb: str, of: Mapping[str, str]) -> list[str]:
    """A line for each of the first utterances that were ``dropped`` or ``failed``, and one for the rest."""
    lines = [f"  {verb} {utt}: {why}" for utt, why in list(of.items())[:SHOWN]]
    if len(of) > SHOWN:
        most = Counter(why.partition(":")[0] for why in of.values()).most_common(1)[0][0]
        lines.append(f"  and {len(of) - SHOWN} more, see the report; most often: {most}")
    return lines
