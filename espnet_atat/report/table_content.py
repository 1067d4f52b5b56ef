"""Stage 14: what a table prints, read from ``metrics.json`` files, as one JSON file.

title, note, recipe, part (test or dev), figures (what to print; empty: the usual)
command    that makes the table; commit: of the code that wrote it
curve      x and lines: title → system → amount, of rows to draw over an amount; or null
remarks    lines for the header: what pretraining took for slu and nlu, and whose voices the tests are, and
           how the corpus was split
paper      citation, relative (whether its figures are points of difference to relative_to), same_test (whether they
           were measured on the same test set), or null
relative_to   that row's system, or null
cited      rows of others: title, citation, figures in per cent
rows       one a system and test set:
    system, title, set, text_form, split, task, utterances, hypothesis, seeds
    folds     number of folds that are pooled; null without
    columns   inference configuration → figures: key → title, mean, sd (over seeds, null for one), interval (95 %,
              bootstrap over utterances, each utterance's counts averaged over seeds), higher_is_better, and for
              pooled folds fold_mean and fold_sd (of the folds' values, each averaged over seeds)
    subsets   heard, unheard … → utterances, and the same figures, of the first inference configuration
    files     the metrics.json files
    runs      folders of the training runs behind them, and of what those were made from
    learning  files of the learning curves of kept results, whose runs are elsewhere
    hours     of audio in the test set; null of text
    test_audio    null, or of audio chosen of several or synthetic: label, order, engine, voices
    pretrain_slu  sets and why: the slu and nlu of other corpora in pretraining; null: no such
    training  of the first seed: parameters, updates, hours and utterances of audio, commits; null where unknown
    paper     the paper's figures of the row in per cent, a remark, or null
    baseline  null, or system and columns: inference configuration → figures: key → difference (row − baseline, of the
              same utterances, averaged over seeds), interval (95 %), p_value (paired bootstrap), better (row, baseline)
    relative  the same to the system of relative_to
stage_times   stage → seconds
"""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.atomic import atomic_write, write_json
from espnet_atat.config.audio_choice import described
from espnet_atat.config.layout import FOLD
from espnet_atat.config.system import System, TestSet, results_folder
from espnet_atat.config.table import Table
from espnet_atat.config.two_stage import FOREIGN
from espnet_atat.datadir import SPLIT, TEXT_FORM
from espnet_atat.errors import UserError
from espnet_atat.graph.node import commit, lineage
from espnet_atat.graph.work import stamp_file
from espnet_atat.metrics.figures import FIGURES, mean_of_seeds
from espnet_atat.metrics.metrics_file import METRICS_FILE, MODEL_KEYS, fold_name, read_metrics
from espnet_atat.metrics.significance import interval
from espnet_atat.report.amounts import LEARNING, hours_of, kept_amounts, stage_times, training_amounts
from espnet_atat.report.differences import compare_rows
from espnet_atat.report.provenance import pretraining_of, remarks
from espnet_atat.report.tables import latex, markdown


def table_content(
    table: Table,
    systems: Sequence[System],
    seeds: Sequence[int] | None,
    fold: int | None,
    *,
    command: str,
    dev: bool = False,
) -> dict[str, Any]:
    """Collect a table's figures: of one fold, else of all pooled; of some seeds, else of each system's own."""
    rows = [
        table_row(system, test, seeds or system.seeds, fold)
        for system in systems
        for test in (system.dev if dev else system.test)
    ]
    compare_rows(rows, table, dev=dev)
    of_paper = ("citation", "relative", "same_test")
    return {
        "title": table.title,
        "note": table.note,
        "recipe": table.recipe,
        "part": "dev" if dev else "test",
        "command": command,
        "commit": commit(),
        "figures": list(table.figures),
        "relative_to": table.relative_to,
        "remarks": remarks(rows),
        "paper": {key: getattr(table.paper, key) for key in of_paper} if table.paper and not dev else None,
        "cited": [] if dev else [dataclasses.asdict(cited) for cited in table.cited],
        "curve": dataclasses.asdict(table.curve) if table.curve else None,
        "rows": rows,
        "stage_times": stage_times(table.recipe, *_places(rows)),
    }


def write_content(content: Mapping[str, Any], path: Path) -> None:
    """Write a table as ``<name>.md``, ``<name>.tex`` and, last, ``<name>.json``."""
    for suffix, render in ((".md", markdown), (".tex", latex)):
        with atomic_write(path.with_suffix(suffix)) as handle:
            handle.write(render(content))
    write_json(path, content, indent=1, ensure_ascii=False)


def _places(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Path], list[Path]]:
    """Files of scores, of each fold too where folds are pooled, and folders of runs."""
    scores = [Path(file) for row in rows for file in row["files"]]
    for row in rows:
        for file in map(Path, row["files"] if row["folds"] else ()):
            label = file.parents[2]
            scores += sorted(label.parent.glob(f"{label.name}_fold*/{file.parents[1].name}/*/{file.name}"))
    runs = [Path(folder) for row in rows for folder in row["runs"]]
    return list(dict.fromkeys(scores)), list(dict.fromkeys(runs))


def table_row(system: System, test: TestSet, seeds: Sequence[int], fold: int | None) -> dict[str, Any]:
    folders = [results_folder(system.recipe, system.name, seed, fold) for seed in seeds]
    below = f"{test.name_of_fold(fold)}/{METRICS_FILE}"
    files = {name: [folder / name / below for folder in folders] for name in system.decode}
    for path in (path for paths in files.values() for path in paths):
        if not path.is_file():
            raise UserError(f"{path}: does not exist yet: stages 12 and 13 make it (./run.sh --system {system.name})")
    columns = {name: [read_metrics(path) for path in paths] for name, paths in files.items()}
    first = columns[system.decode[0]]
    folds = system.folds if fold is None else None
    of_folds = [fold_name(number) for number in range(1, (folds or 0) + 1)]
    subsets = {
        name: {
            "utterances": subset["utterances"],
            "figures": summarise(first, first[0]["counts"]["subsets"][name]),
        }
        for name, subset in first[0]["subsets"].items()
        if name not in of_folds
    }
    figures = {name: summarise(metrics) for name, metrics in columns.items()}
    for name, metrics in columns.items():
        _add_fold_spread(figures[name], metrics, of_folds)
    return {
        "system": system.name,
        "title": system.title,
        "set": f"{test.set.rpartition('/')[0]}/{test.name_of_fold(fold)}",
        "text_form": first[0]["info"].get(TEXT_FORM),
        "split": first[0]["info"].get(SPLIT),
        "task": test.task,
        "utterances": first[0]["utterances"],
        "hypothesis": first[0]["hypothesis"],
        "seeds": list(seeds),
        "folds": folds,
        "columns": figures,
        "subsets": subsets,
        "files": [str(path) for paths in files.values() for path in paths],
        "hours": _hours(test, fold, system.folds),
        "test_audio": described(test.set, system.audio_choices),
        "pretrain_slu": pretraining_of(first[0]["info"]),
        **_behind([metrics["info"] for column in columns.values() for metrics in column]),
    }


def summarise(seeds: Sequence[Mapping[str, Any]], positions: Sequence[int] | None = None) -> dict[str, dict[str, Any]]:
    """Every figure of some seeds' metrics, of all utterances or of those at some positions."""
    ids = seeds[0]["counts"]["utt_ids"]
    for metrics in seeds[1:]:
        if metrics["counts"]["utt_ids"] != ids:
            raise UserError(f"{metrics['predicted']} and {seeds[0]['predicted']} do not cover the same utterances")
    columns, figures = [metrics["counts"]["columns"] for metrics in seeds], {}
    for key, figure in FIGURES.items():
        if not all(map(figure.measurable, columns)):
            continue
        rows = [figure.rows(each, positions) for each in columns]
        summary = mean_of_seeds(rows)
        if summary["mean"] is not None:  # there is something to divide by, as there is not in an empty subset
            figures[key] = {
                "title": figure.title,
                **summary,
                "interval": interval(np.mean(rows, axis=0)),
                "higher_is_better": figure.higher_is_better,
            }
    return figures


def _add_fold_spread(
    figures: Mapping[str, dict[str, Any]], seeds: Sequence[Mapping[str, Any]], of_folds: Sequence[str]
) -> None:
    """Add ``fold_mean`` and ``fold_sd`` to the figures of pooled folds, which are subsets of their metrics."""
    places = [seeds[0]["counts"]["subsets"][name] for name in of_folds]
    for key, entry in figures.items():
        of_seeds = [[FIGURES[key].rows(metrics["counts"]["columns"], place) for metrics in seeds] for place in places]
        means = [mean for rows in of_seeds if (mean := mean_of_seeds(rows)["mean"]) is not None]
        if means and len(means) == len(places):
            entry |= {"fold_mean": statistics.fmean(means), "fold_sd": statistics.stdev(means)}


def _behind(infos: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """``runs``, ``learning`` and ``training`` of a row, from what its scores note of the decoded models."""
    amounts = [_kept(info) for info in infos]
    trained = [info for info, kept in zip(infos, amounts, strict=True) if kept is None]
    models = [Path(model) for key in MODEL_KEYS for info in trained for model in info.get(key, "").split()]
    files = [
        folder / LEARNING
        for info, kept in zip(infos, amounts, strict=True)
        if kept is not None
        for folder in _folders(info)
    ]
    return {
        "runs": list(dict.fromkeys(str(folder) for model in models for folder in lineage(model.parent))),
        "learning": list(dict.fromkeys(str(file) for file in files if file.is_file())),
        "training": _training(infos[0]) if amounts[0] is None else amounts[0],
    }


def _hours(test: TestSet, fold: int | None, folds: int | None) -> float | None:
    """Hours of the test set's audio; of all folds together where they are pooled."""
    if test.source == "text_in":
        return None
    numbers = range(1, folds + 1) if folds is not None and fold is None else [fold]
    return hours_of(test.set.replace(FOLD, str(number)) for number in numbers)


def _training(info: Mapping[str, str]) -> dict[str, Any] | None:
    """The cost of the decoded model, or of a pipeline's own models; of the first fold where folds are pooled."""
    models = [Path(info[key].split()[0]) for key in ("asr_model", "model") if info.get(key)]
    runs = [run for model in models for run in lineage(model.parent)]
    return training_amounts(runs, foreign=info.get("first_stage") in FOREIGN) if models else None


def _kept(info: Mapping[str, str]) -> dict[str, Any] | None:
    """The cost of a training that ran elsewhere, from its kept results; of the first fold where folds are pooled."""
    models = [model for key in MODEL_KEYS for model in info.get(key, "").split()]
    if all(stamp_file(Path(model).parent).is_file() for model in models):  # a run begun here is not that model
        return None
    return kept_amounts(_folders(info)[0])


def _folders(info: Mapping[str, str]) -> list[Path]:
    """What is kept of the model that was scored; of the model of each fold where they are pooled."""
    folds = range(1, int(info["folds"]) + 1) if "folds" in info else [info.get("fold")]
    return [results_folder(info["recipe"], info["system"], int(info["seed"]), fold) for fold in folds]
