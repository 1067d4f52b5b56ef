"""The list of stages: what ``--help``, the README and the tables' times call them. It imports nothing else of the package.

A new stage is an entry here and a module below ``steps`` that ``steps.driver`` calls.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe."""

    number: int
    title: str


STAGES = tuple(
    Stage(number, title)
    for number, title in enumerate(
        (
            "data preparation",
            "augmentation",
            "synthetic speech",
            "forced alignment",
            "masking",
            "features",
            "BPE and token list",
            "language model",
            "statistics",
            "pretraining",
            "fine-tuning",
            "decoding",
            "scoring",
            "tables and plots",
            "packing",
            "upload",
        ),
        1,
    )
)


def columns(width: int = 4) -> list[str]:
    """The stages as lines of a help text, numbered downwards."""
    height = -(-len(STAGES) // width)
    rows = [[stage for stage in STAGES[start::height]] for start in range(height)]
    return ["".join(f"{stage.number:>4} {stage.title:<19}" for stage in row).rstrip() for row in rows]
