"""What the parts of a system's file have to agree on."""

from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.data.mixture import TREE_TASKS
from espnet_atat.errors import UserError
from espnet_atat.recipe.pipeline_file import ASR, ORACLE

if TYPE_CHECKING:
    from espnet_atat.recipe.system import System

HYPOTHESES = ("frame", "tags")


def check_system(system: "System", path: Path) -> None:
    """Refuse a file that contradicts itself.

    Raises:
        UserError: names the keys.
    """
    names = [test.name for test in (*system.dev, *system.test)]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(
            f"{path}: the set {twice[0]} is decoded twice: results would lie in one folder; make two systems"
        )
    _check_pipeline(system, path)
    if system.pretrain is not None:
        if system.pretrain.keep is not None:
            raise UserError(f"{path}: pretrain: keep is of finetune: a pretraining has nothing to take over")
        if system.pretrain.grow_bpe is not None:
            raise UserError(f"{path}: pretrain: grow_bpe is of finetune: a pretraining has a BPE model of its own")
    if system.finetune is not None and system.finetune.grow_bpe is not None and not system.finetune.keeps_embedding:
        raise UserError(f"{path}: finetune: grow_bpe goes with the old embedding; without it the token list is new")
    if not system.test or not system.decode:
        raise UserError(f"{path}: test and decode are not empty")
    if foreign := [name for name in system.decode if "/" in name]:
        raise UserError(f"{path}: decode: {foreign[0]!r} cannot name a folder of results: copy that configuration")
    if system.hypothesis not in HYPOTHESES:
        raise UserError(f"{path}: hypothesis is one of {', '.join(HYPOTHESES)}, found {system.hypothesis!r}")
    if (system.folds is None) == any("{fold}" in test.set for test in system.test):
        raise UserError(f"{path}: 'folds' and test sets with {{fold}} go together: one is there without the other")


def _check_pipeline(system: "System", path: Path) -> None:
    """What trains a model, what writes words and what reads them go together."""
    first_stage = system.first_stage
    if (system.pipeline is None) != (first_stage is None):
        raise UserError(f"{path}: pipeline and first_stage go together: one is there without the other")
    if first_stage is None or first_stage.kind == ASR:
        if system.pretrain is None:
            raise UserError(f"{path}: the key 'pretrain' is missing")
    elif system.pretrain is not None or system.finetune is not None:
        raise UserError(f"{path}: pretrain and finetune go with first_stage: asr; {first_stage.kind} trains no model")
    if first_stage is None or system.pipeline is None:
        return
    if system.folds is None and any("{fold}" in name for name in system.pipeline.data):
        raise UserError(f"{path}: pipeline: data has {{fold}} in it, but the system has no folds")
    for test in (*system.dev, *system.test):
        if test.task not in TREE_TASKS:
            raise UserError(f"{path}: {test.set}: a pipeline writes trees: task is slu or nlu, found {test.task}")
        if test.source == "text_in" and first_stage.kind != ORACLE:
            raise UserError(
                f"{path}: {test.set}: {first_stage.kind} hears speech; text_in goes with first_stage: oracle"
            )
