"""The list of stages, from which come ``--help``, the README's table and what ``steps.driver`` goes through.

A new stage is a module below ``steps`` and an entry here. This module imports nothing of the package: there is
help before there is an environment.
"""

from dataclasses import dataclass

#: The plan of stages that are planned together, for each system, seed and fold.
SYSTEMS = "systems"


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    Attributes:
        plan: ``module:function`` below ``steps``, which takes the request and gives nodes, and lines to print; or
            ``SYSTEMS``.
    """

    number: int
    title: str
    plan: str = SYSTEMS


STAGES = (
    Stage(1, "data preparation", "stage01_corpus:plan"),
    Stage(2, "augmentation", "stage02_augment:plan"),
    Stage(3, "synthetic speech", "stage03_synthesize:plan"),
    Stage(4, "forced alignment", "stage04_align:plan"),
    Stage(5, "masking", "stage05_mask:plan"),
    Stage(6, "features", "stage06_features:plan"),
    Stage(7, "BPE and token list"),
    Stage(8, "language model"),
    Stage(9, "statistics"),
    Stage(10, "pretraining"),
    Stage(11, "fine-tuning"),
    Stage(12, "decoding"),
    Stage(13, "scoring"),
    Stage(14, "tables and plots", "stage14_table:plan"),
    Stage(15, "packing", "stage15_pack:plan"),
    Stage(16, "upload", "stage15_pack:upload"),
)
LAST = len(STAGES)


def columns(width: int = 4) -> list[str]:
    """The stages as lines of a help text, numbered downwards."""
    height = -(-LAST // width)
    rows = [STAGES[start::height] for start in range(height)]
    return ["".join(f"{stage.number:>4} {stage.title:<19}" for stage in row).rstrip() for row in rows]


def markdown() -> str:
    """The stages as the README's table, in two columns."""
    half = -(-LAST // 2)
    rows = [
        f"| {left.number} | {left.title} | {right.number} | {right.title} |"
        for left, right in zip(STAGES, STAGES[half:], strict=False)
    ]
    return "\n".join(["| stage | what | stage | what |", "| --- | --- | --- | --- |", *rows])
