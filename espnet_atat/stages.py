"""The list of stages, from which come ``--help``, the README's table and what ``steps.driver`` goes through.

A new stage is a module below ``steps`` and an entry here. This module imports nothing of the package: there is
help before there is an environment.
"""

from dataclasses import dataclass

#: The plan of stages that are planned together, for each system, seed and fold.
SYSTEMS = "systems"
#: Options that all of these read, and those of the ones that train.
OF_SYSTEMS = ("jobs", "command", "decode_dev", "use_results")
OF_TRAINING = ("ngpu", "num_nodes", "cpu_processes")
OF_ALIGNER = ("aligner", "gentle_url", "gentle_timeout", "gentle_retries")
OF_FEATURES = ("nj", "feats_type", "encoder", "num_ceps", "deltas", "compress", "allow_bad_test")


@dataclass(frozen=True)
class Stage:
    """One stage of the recipe.

    Attributes:
        plan: ``module:function`` below ``steps``, which takes the request and gives nodes, and lines to print; or
            ``SYSTEMS``.
        options: of the driver, by their names in ``bin.run``: a call without any stage that reads them is refused.
            Those that choose systems, ``--force`` and ``--dry_run`` are of all stages.
    """

    number: int
    title: str
    plan: str = SYSTEMS
    options: tuple[str, ...] = ()


STAGES = (
    Stage(1, "data preparation", "stage01_corpus:plan", ("nj", "allow_bad_test")),
    Stage(2, "augmentation", "stage02_augment:plan", ("nj", "augment_sets", *OF_ALIGNER)),
    Stage(3, "synthetic speech", "stage03_synthesize:plan", ("nj", "augment_sets", "synthesize_sets", "tts_engine")),
    Stage(4, "forced alignment", "stage04_align:plan", ("nj", *OF_ALIGNER)),
    Stage(5, "masking", "stage05_mask:plan", ("nj",)),
    Stage(6, "features", "stage06_features:plan", OF_FEATURES),
    Stage(7, "BPE and token list", options=OF_SYSTEMS),
    Stage(8, "language model", options=(*OF_SYSTEMS, "ngpu", "num_nodes")),
    Stage(9, "statistics", options=(*OF_SYSTEMS, "nj")),
    Stage(10, "pretraining", options=(*OF_SYSTEMS, *OF_TRAINING)),
    Stage(11, "fine-tuning", options=(*OF_SYSTEMS, *OF_TRAINING, "nj")),
    Stage(12, "decoding", options=(*OF_SYSTEMS, "nj", "ngpu")),
    Stage(13, "scoring", options=(*OF_SYSTEMS, "keep_results")),
    Stage(14, "tables and plots", "stage14_table:plan", ("decode_dev", "use_results", "keep_results")),
    Stage(15, "packing", "stage15_pack:plan", ("decode_dev", "use_results")),
    Stage(16, "upload", "stage15_pack:upload", ("hf_repo", "upload_dir", "private")),
)
LAST = len(STAGES)


def readers(option: str, first: int = 1, last: int = LAST) -> list[int]:
    """The stages, of those from ``first`` to ``last``, that read an option."""
    return [stage.number for stage in STAGES if option in stage.options and first <= stage.number <= last]


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
