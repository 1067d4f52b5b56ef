"""Stage 13: ``metrics.json`` beside each ``ref`` and ``hyp``."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.config.layout import DATA
from espnet_atat.config.pretrain_slu import KEY, WHY
from espnet_atat.config.system import System, TestSet
from espnet_atat.datadir import TEXT_FORM
from espnet_atat.errors import UserError
from espnet_atat.metrics.metrics_file import FORM, read_metrics
from espnet_atat.metrics.scoring import score_files
from espnet_atat.recipe.decoding import MODEL_KEYS, Hypotheses, system_folder
from espnet_atat.recipe.fingerprint import digest


def is_scored(planned: Hypotheses) -> bool:
    """Whether the set's ``metrics.json`` is of its hypotheses as they are now."""
    return planned.is_done and _is_made_from(planned.folder / "metrics.json", _made_from([planned.folder]))


def score_decoding(planned: Hypotheses) -> None:
    """Score one set; utterances whose words were all heard in training are also scored apart.

    Raises:
        UserError: it has no hypotheses yet, or those of another model.
    """
    if not planned.is_done:
        raise UserError(f"{planned.folder}: not decoded with the model as it is now: run stage 12")
    run = planned.run
    info = {
        "recipe": run.system.recipe,
        "system": run.system.name,
        "seed": str(run.seed),
        **({"fold": str(run.fold)} if run.fold is not None else {}),
        "task": planned.test.task,
        "inference_config": planned.config_name,
        **planned.origin,
        "made_from": _made_from([planned.folder]),
    }
    form = DATA / planned.test.set / TEXT_FORM
    if form.is_file():
        info[TEXT_FORM] = form.read_text(encoding="utf-8").strip()
    _score([planned.folder], planned.folder, run.system, info, heard_words=planned.heard)


def score_folds(system: System, seed: int, config_name: str, test: TestSet) -> Path:
    """Pool the test utterances of all folds: ``seed<N>/<inference config>/<set without its fold>``.

    The folds are subsets of the result (``fold1`` …), as are the utterances with and without unheard words.

    Raises:
        UserError: a fold is not scored.
    """
    assert system.folds is not None
    folds = [
        system_folder(system.recipe, system.name, f"seed{seed}_fold{fold}") / config_name / test.name_of_fold(fold)
        for fold in range(1, system.folds + 1)
    ]
    for folder in folds:
        if not (folder / "metrics.json").is_file():
            raise UserError(f"{folder}: not scored; pooling the {system.folds} folds needs it: run stages 7 to 13")
    output = pooled_folder(system, seed, config_name, test)
    made_from = _made_from(folds)
    if not _is_made_from(output / "metrics.json", made_from):
        output.mkdir(parents=True, exist_ok=True)
        scored = [read_metrics(folder / "metrics.json") for folder in folds]
        info = {
            "recipe": system.recipe, "system": system.name, "seed": str(seed), "folds": str(system.folds),
            "task": test.task, "inference_config": config_name, "made_from": made_from,
            **{key: scored[0]["info"][key] for key in ("first_stage", KEY, WHY) if key in scored[0]["info"]},
            **{
                key: " ".join(metrics["info"][key] for metrics in scored)
                for key in MODEL_KEYS
                if key in scored[0]["info"]
            },
        }  # fmt: skip
        _score(folds, output, system, info, subsets=_subsets_of_folds(scored))
    return output


def _subsets_of_folds(scored: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Ids of each fold's utterances, and of those that the folds' own subsets hold together."""
    counts = [metrics["counts"] for metrics in scored]
    subsets = {fold_name(number): list(count["utt_ids"]) for number, count in enumerate(counts, 1)}
    for name in counts[0]["subsets"]:
        subsets[name] = [count["utt_ids"][place] for count in counts for place in count["subsets"].get(name, ())]
    return subsets


def fold_name(number: int) -> str:
    """The subset of the pooled folds that is one of them."""
    return f"fold{number}"


def pooled_folder(system: System, seed: int, config_name: str, test: TestSet) -> Path:
    """Where the folds' pooled figures of a test set lie."""
    return system_folder(system.recipe, system.name, f"seed{seed}") / config_name / test.name_of_fold(None)


def _score(folders: Sequence[Path], output: Path, system: System, info: dict[str, str], **options: Any) -> None:
    start = time.monotonic()
    result = score_files(
        [folder / "ref" for folder in folders],
        [folder / "hyp" for folder in folders],
        output / "metrics.json",
        hypothesis=system.hypothesis,
        info=info,
        **options,
    )
    print(f"  {output}/metrics.json: {result['utterances']} utterances, {time.monotonic() - start:.1f} s")


def _made_from(folders: Sequence[Path]) -> str:
    """Fingerprint of what is scored and of what scores."""
    contents = [(folder / name).read_text(encoding="utf-8") for folder in folders for name in ("ref", "hyp")]
    return digest([__version__, FORM, contents])


def _is_made_from(metrics: Path, made_from: str) -> bool:
    if not metrics.is_file():
        return False
    try:
        return json.loads(metrics.read_text(encoding="utf-8"))["info"].get("made_from") == made_from
    except (ValueError, KeyError):
        return False
