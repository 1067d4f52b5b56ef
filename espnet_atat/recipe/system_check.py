"""What the parts of a system's file have to agree on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from espnet_atat.data.mixture import TREE_TASKS
from espnet_atat.errors import UserError
from espnet_atat.recipe.pipeline_file import ASR, ORACLE

if TYPE_CHECKING:
    from espnet_atat.recipe.system import Phase, System

HYPOTHESES = ("frame", "tags")
#: An option of a pretraining: an ESPnet ASR checkpoint; a fine-tuning has its encoder from the pretraining.
AUDIO_ENCODER_INIT = "audio_encoder_init"


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


def check_finetune(phase: "Phase", config: Mapping[str, Any]) -> None:
    """Refuse a fine-tuning whose options contradict what it keeps.

    Args:
        config: its training options, as resolved.

    Raises:
        UserError: names the option and the parameters.
    """
    where = f"finetune {phase.config}"
    if AUDIO_ENCODER_INIT in config:
        raise UserError(f"{where}: {AUDIO_ENCODER_INIT} is of a pretraining; this audio encoder comes from there")
    for option in ("pretrained_parameters", "freeze_param"):
        for name in config.get(option) or ():
            if name != "all" and not phase.keeps(name):
                raise UserError(
                    f"{where}: {option} names {name}, which starts fresh (keep: {', '.join(phase.keep or ())}): "
                    "keep it, or leave it out there"
                )
    if not phase.keeps_embedding and any(name.split(".")[0] == "ctc" for name in phase.keep or ()):
        raise UserError(
            f"{where}: keep: ctc goes with decoder.embed alone: its symbols are those of the old token list, and "
            "without the embedding the list is a new one"
        )


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
