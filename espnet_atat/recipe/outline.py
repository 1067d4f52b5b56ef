"""What stages 7 to 14 will do, said before there is data: runs are named by their data, so they have no names yet."""

from collections.abc import Iterator, Sequence

from espnet_atat.config.layout import conf_file
from espnet_atat.config.mixture import load_mixtures
from espnet_atat.config.pretrain_slu import OPTION, PretrainingSets, choose_sets, takes_sets
from espnet_atat.config.system import Phase, System
from espnet_atat.config.training import load_token_config, load_training_config
from espnet_atat.data.mixture import Part
from espnet_atat.errors import UserError


def outline(system: System, seeds: Sequence[int], folds: Sequence[int | None]) -> Iterator[str]:
    """Lines that say a system's plan from its YAML files.

    Args:
        folds: ``[None]`` without a cross validation; the sets of the first one are named.

    Raises:
        UserError: a file that the system names is missing or malformed.
    """
    first = system.of_fold(folds[0])
    yield f"  {system.name}: {system.title}"
    if system.pretrain is not None:
        tokens = load_token_config(system.recipe, system.tokens)
        named = conf_file(system.recipe, system.tokens) if isinstance(system.tokens, str) else tokens
        yield f"    stage 7: tokens by {named}"
        yield f"    stages 9 and 10: {_training(system.recipe, system.pretrain, folds[0], _selection(system))}"
    if system.finetune is not None:
        yield f"    stage 11: {_training(system.recipe, system.finetune, folds[0])}"
    if first.pipeline is not None:
        yield f"    stage 11: {first.pipeline}"
        yield f"    stage 12: words by {first.first_stage}"
    tests = ", ".join(f"{test.set} ({test.task})" for test in first.test)
    yield f"    stages 12 and 13: {tests}, by {', '.join(system.decode)}"
    times = f"    seed {', '.join(map(str, seeds))}"
    if folds[0] is not None:
        times += f"; fold {', '.join(map(str, folds))}"
    if len(folds) > 1:
        times += f" (the sets above are of fold {folds[0]})"
    yield times


def _selection(system: System) -> PretrainingSets | None:
    if not takes_sets(system):
        return None
    try:
        return choose_sets(system)
    except UserError as error:
        return PretrainingSets((), str(error))


def _training(recipe: str, phase: Phase, fold: int | None, selection: PretrainingSets | None = None) -> str:
    load_training_config(recipe, phase)
    options = f" with {dict(phase.options)}" if phase.options else ""
    if phase.grow_bpe is not None:
        options += f", BPE grown by {phase.grow_bpe.size}"
    mixtures = load_mixtures(recipe, phase, fold, selection)
    parts = ", ".join(map(_part, mixtures.train))
    if selection is not None:
        parts += f", slu and nlu of {OPTION} ({selection.why})"
    return f"{conf_file(recipe, phase.config)}{options} on {parts} (mixture {mixtures.name})"


def _part(part: Part) -> str:
    return f"{part.task} {part.set}"
