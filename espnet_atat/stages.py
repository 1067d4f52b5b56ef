"""The list of stages, which ``--help`` and ``steps.driver`` use.

A new stage is a module below ``steps`` and an entry here. This module imports nothing of the package: there is
help before there is an environment.
"""

from enum import IntEnum
from typing import Self

#: The plan of stages that are planned together, for each system, seed and fold.
SYSTEMS = "systems"
#: Options that all of these read, and those of the ones that train.
OF_SYSTEMS = ("seeds", "fold", "jobs", "decode_dev", "use_results")
OF_TRAINING = ("command", "ngpu", "num_nodes", "cpu_processes")
OF_ALIGNER = ("aligner", "gentle_url", "gentle_timeout", "gentle_retries")
OF_FEATURES = ("nj", "ngpu", "feats_type", "encoder", "num_ceps", "deltas", "compress", "allow_bad_test")


class Stage(IntEnum):
    """The stages of a recipe; the place in the list is the number.

    Attributes:
        plan: ``module:function`` below ``steps``, which takes the request and gives nodes, and lines to print; or
            ``SYSTEMS``.
        options: of the driver, by their names in ``bin.run``: a call without any stage that reads them is refused.
            Those that choose rows, ``--force`` and ``--dry_run`` apply to all stages and are not listed.
    """

    title: str
    plan: str
    options: tuple[str, ...]

    CORPUS = "data preparation", "stage01_corpus:plan", ("nj", "allow_bad_test")
    AUGMENT = "augmentation", "stage02_augment:plan", ("nj", "augment_sets", *OF_ALIGNER)
    SYNTHESIZE = (
        "synthetic speech", "stage03_synthesize:plan",
        ("nj", "augment_sets", "synthesize_sets", "tts_engine", *OF_ALIGNER),
    )  # fmt: skip
    ALIGN = "forced alignment", "stage04_align:plan", ("nj", *OF_ALIGNER)
    MASK = "masking", "stage05_mask:plan", ("nj",)
    FEATURES = "features", "stage06_features:plan", OF_FEATURES
    TOKENS = "BPE and token list", SYSTEMS, OF_SYSTEMS
    LANGUAGE_MODEL = "language model", SYSTEMS, (*OF_SYSTEMS, "command", "ngpu", "num_nodes")
    STATISTICS = "statistics", SYSTEMS, (*OF_SYSTEMS, "nj")
    PRETRAIN = "pretraining", SYSTEMS, (*OF_SYSTEMS, *OF_TRAINING)
    FINETUNE = "fine-tuning", SYSTEMS, (*OF_SYSTEMS, *OF_TRAINING, "nj")
    DECODE = "decoding", SYSTEMS, (*OF_SYSTEMS, "nj", "ngpu")
    SCORE = "scoring", SYSTEMS, (*OF_SYSTEMS, "keep_results")
    TABLE = "tables and plots", "stage14_table:plan", ("seeds", "fold", "decode_dev", "use_results", "keep_results")
    PACK = "packing", "stage15_pack:plan", ("seeds", "fold", "decode_dev", "use_results")
    UPLOAD = "upload", "stage15_pack:upload", ("seeds", "fold", "hf_repo", "upload_dir", "private")

    def __new__(cls, title: str, plan: str, options: tuple[str, ...]) -> Self:
        stage = int.__new__(cls, len(cls.__members__) + 1)
        stage._value_ = int(stage)
        stage.title, stage.plan, stage.options = title, plan, options
        return stage


STAGES = tuple(Stage)
LAST_STAGE = STAGES[-1]
#: What ``run.sh`` does in a process each: the workers of the data stages share the cores, training takes them all.
STAGE_PARTS = {"data": (Stage.CORPUS, Stage.FEATURES), "systems": (Stage.TOKENS, LAST_STAGE)}


def options_between(first: int, last: int) -> list[str]:
    """The options that the stages from ``first`` to ``last`` read."""
    return list(dict.fromkeys(option for stage in STAGES[first - 1 : last] for option in stage.options))


def readers(option: str, first: int = 1, last: int = LAST_STAGE) -> list[Stage]:
    """The stages, of those from ``first`` to ``last``, that read an option."""
    return [stage for stage in STAGES if option in stage.options and first <= stage <= last]


def columns() -> list[str]:
    """The stages as lines of a help text, four in a line, numbered downwards."""
    height = -(-LAST_STAGE // 4)
    rows = [STAGES[start::height] for start in range(height)]
    return ["".join(f"{stage:>4} {stage.title:<19}" for stage in row).rstrip() for row in rows]
