"""Stage 13: ``metrics.json`` beside each ``ref`` and ``hyp``, and of the pooled folds of a cross validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.config.layout import DATA
from espnet_atat.config.mixtures import PRETRAIN_SLU, WHY
from espnet_atat.config.system import System, TestSet, results_folder
from espnet_atat.datadir import SPLIT, TEXT_FORM
from espnet_atat.graph.digest import file_digest
from espnet_atat.graph.node import Identity, Make, Node
from espnet_atat.metrics.metrics_file import METRICS_FILE, METRICS_FORM, MODEL_KEYS, fold_name, read_metrics
from espnet_atat.metrics.scoring import score_files
from espnet_atat.stages import Stage
from espnet_atat.steps.stage12_decode import CUT, Hypotheses


def score_node(planned: Hypotheses) -> Node:
    """A set's scores; utterances whose words were all heard in training are also scored apart."""
    trial, folder = planned.owner, planned.folder

    def score(work: Path) -> Mapping[str, Any]:
        info = {
            "recipe": trial.system.recipe,
            "system": trial.system.name,
            "seed": str(trial.seed),
            **({"fold": str(trial.fold)} if trial.fold is not None else {}),
            "task": planned.test.task,
            "inference_config": folder.parent.name,
            **planned.origin,
        }
        if CUT in planned.node.facts:  # kept results do not say
            info[CUT] = str(planned.node.facts[CUT])
        for about in (DATA / planned.test.set / name for name in (TEXT_FORM, SPLIT)):
            if about.is_file():
                info[about.name] = about.read_text(encoding="utf-8").strip()
        return _write(work, [folder], trial.system, info, heard_words=planned.heard)

    return _node(folder, [folder], score, (planned.node,))


def pooled_node(system: System, seed: int, config_name: str, test: TestSet, of_folds: Sequence[Hypotheses]) -> Node:
    """The test utterances of all folds together: ``seed<N>/<inference config>/<set without its fold>``.

    The folds are subsets of the result (``fold1`` …), as are the utterances with and without unheard words.
    """
    folders = [each.folder for each in of_folds]

    def pool(work: Path) -> Mapping[str, Any]:
        scores = [read_metrics(folder / METRICS_FILE) for folder in folders]
        first = scores[0]["info"]
        info = {
            "recipe": system.recipe,
            "system": system.name,
            "seed": str(seed),
            "folds": str(len(of_folds)),
            "task": test.task,
            "inference_config": config_name,
            **{key: first[key] for key in ("first_stage", PRETRAIN_SLU, WHY, TEXT_FORM, SPLIT) if key in first},
            **{key: " ".join(metrics["info"][key] for metrics in scores) for key in MODEL_KEYS if key in first},
        }
        if all(CUT in metrics["info"] for metrics in scores):
            info[CUT] = str(sum(int(metrics["info"][CUT]) for metrics in scores))
        return _write(work, folders, system, info, subsets=_subsets_of_folds([metrics["counts"] for metrics in scores]))

    place = results_folder(system.recipe, system.name, seed, None) / config_name / test.name_of_fold(None)
    return _node(place, folders, pool, tuple(map(score_node, of_folds)), f"{len(of_folds)} folds pooled")


def _node(folder: Path, scored: Sequence[Path], make: Make, needs: tuple[Node, ...], about: str = "") -> Node:
    def identify() -> Identity:
        contents = [file_digest(each / name) for each in scored for name in ("ref", "hyp")]
        return {"kind": "scores", "espnet_atat": __version__, "form": METRICS_FORM, "contents": contents}

    return Node(
        stage=Stage.SCORE,
        at=folder / METRICS_FILE,
        identify=identify,
        make=make,
        needs=needs,
        about=about,
        is_file=True,
    )


def _subsets_of_folds(counts: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Ids of each fold's utterances, and of those that the folds' own subsets hold together."""
    subsets = {fold_name(number): list(count["utt_ids"]) for number, count in enumerate(counts, 1)}
    for name in counts[0]["subsets"]:
        subsets[name] = [count["utt_ids"][place] for count in counts for place in count["subsets"].get(name, ())]
    return subsets


def _write(work: Path, folders: Sequence[Path], system: System, info: dict[str, str], **options: Any) -> dict[str, Any]:
    result = score_files(
        [folder / "ref" for folder in folders],
        [folder / "hyp" for folder in folders],
        work / METRICS_FILE,
        hypothesis=system.hypothesis,
        info=info,
        **options,
    )
    print(f"  {result['utterances']} utterances")
    return {"utterances": result["utterances"]}
