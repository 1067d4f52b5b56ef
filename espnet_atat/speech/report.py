"""Reports of the steps that make data: a few lines for the user, and ``report.json``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from espnet_atat.atomic import write_json

REPORT = "report.json"
SHOWN = 10  # utterances named on the terminal; the report file names all


@dataclass(frozen=True)
class Report:
    counts: Mapping[str, Any]  # as report.json has them; "seconds" are those of speech
    lines: list[str]  # what the user reads

    def write(self, path: Path, config: Any = None) -> Self:
        """Write the counts as JSON, with the configuration, a dataclass, that the set was made with."""
        content = {**self.counts, **({} if config is None else {"config": asdict(config)})}
        write_json(path, content, indent=1, ensure_ascii=False)
        return self


def reasons(verb: str, of: Mapping[str, str]) -> list[str]:
    """A line for each of the first utterances that were ``dropped`` or ``failed``, and one for the rest."""
    lines = [f"  {verb} {utt}: {why}" for utt, why in list(of.items())[:SHOWN]]
    if len(of) > SHOWN:
        most = Counter(why.partition(":")[0] for why in of.values()).most_common(1)[0][0]
        lines.append(f"  and {len(of) - SHOWN} more, see the report; most often: {most}")
    return lines
