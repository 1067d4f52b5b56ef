"""Stage 15: a system's model with its scores as one file, ``exp/<recipe>/packages/<recipe>_<system>_seed<N>.zip``."""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from espnet_atat import __version__
from espnet_atat.config.layout import EXP
from espnet_atat.config.recipe import License, load_recipe
from espnet_atat.config.selection import Selection
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import file_digest
from espnet_atat.graph.node import Node, commit
from espnet_atat.metrics.metrics_file import METRICS_FILE, read_metrics
from espnet_atat.package.manifest import MANIFEST_FORM, TASK_DEFAULTS, Manifest, result_of, search_options
from espnet_atat.package.publish import contents_of, to_folder, to_hub
from espnet_atat.package.writer import Sources, write_package
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.stage12_decode import Decoding, source_of
from espnet_atat.steps.stage13_score import score_node
from espnet_atat.steps.systems import Trial, model_of


def plan(request: Request) -> Iterator[Node | str]:
    """A package for each system, seed and fold that has a model of its own."""
    for trial in request.trials:
        if trial.tagger is not None:
            yield f"{trial.name}: a pipeline of two models, which no package holds, skipped"
        elif request.use_results and not model_of(trial).run.is_done:
            yield f"{package_file(trial)}: only the results of its model are here, skipped"
        else:
            yield package_node(trial, request.selection)


def package_file(trial: Trial) -> Path:
    return EXP / trial.system.recipe / "packages" / f"{trial.system.recipe}_{trial.system.name}_{trial.label}.zip"


def package_node(trial: Trial, selection: Selection) -> Node:
    model = model_of(trial)
    scores = [score_node(each) for each in trial.hypotheses]
    terms = load_recipe(trial.system.recipe).license
    return Node(
        stage=Stage.PACK,
        at=package_file(trial),
        identify=lambda: {
            "kind": "package",
            "form": MANIFEST_FORM,
            "espnet_atat": __version__,
            "run": model.run.key,
            "model": model.model,
            "search": search_options(trial.system.packed_search),
            "scores": [file_digest(score.place) for score in scores],
            **({"license": [terms.name, file_digest(Path(terms.file))]} if terms else {}),
        },
        make=partial(_pack, trial, selection, terms),
        needs=(model.run, *scores),
        is_file=True,
    )


def _pack(trial: Trial, selection: Selection, terms: License | None, work: Path) -> Mapping[str, Any]:
    from espnet_atat.decode.pretrained import load_pretrained

    training = model_of(trial)
    language_model = next((each.language_model for each in trial.decodings if each.language_model), None)
    sources = Sources(
        train_config=training.run.place / "config.yaml",
        model_file=training.model_file,
        text_tokenizer=training.text_tokenizer,
        license_file=Path(terms.file) if terms else None,
        lm_train_config=language_model.train_config if language_model else None,
        lm_file=language_model.model_file if language_model else None,
    )
    path = work / package_file(trial).name
    manifest = write_package(sources, _manifest(trial, selection, terms), path)
    load_pretrained(path)  # as its users will
    print(f"  {path.stat().st_size / 1e6:.1f} MB, {manifest.parameters} parameters, {len(trial.hypotheses)} scores")
    return {"parameters": manifest.parameters}


def _manifest(trial: Trial, selection: Selection, terms: License | None) -> Manifest:
    system, one = trial.system, dataclasses.replace(selection, seeds=(trial.seed,), fold=trial.fold)
    # The label of each kind of input is that of the first test set of that kind, else the usual one: a model that was
    # fine-tuned on text only understands speech under the text's label.
    tasks = {source_of(test): test.task for test in reversed(trial.tests)}
    return Manifest(
        name=package_file(trial).stem,
        title=system.title,
        license=terms.name if terms else Manifest.license,
        tasks={**TASK_DEFAULTS, **tasks},
        decode=search_options(system.packed_search),
        trained_on=tuple(
            {"phase": "pretrain" if step.parent is None else "finetune", "task": part.task, "set": part.set}
            for step in model_of(trial).chain
            for part in step.mixtures.train
        ),
        results=tuple(_result(each) for each in trial.decodings),
        command=" ".join(["./run.sh", *one.arguments(system)]),
        versions={"commit": commit()},
    )


def _result(decoding: Decoding) -> Mapping[str, Any]:
    metrics, test = read_metrics(decoding.folder / METRICS_FILE), decoding.test
    return result_of(metrics, test_set=test.set, task=test.task, config=decoding.config_name)


def upload(request: Request) -> Iterator[Node | str]:
    """Stage 16: a system's package into a folder (``--upload_dir``) or to a repository of the hub (``--hf_repo``)."""
    if request.hf_repo is None and request.upload_dir is None:
        yield "neither --hf_repo nor --upload_dir is given: nothing is uploaded"
        return
    (trial,) = request.trials  # bin.run refuses more
    package, folder = package_file(trial), request.upload_dir
    if not package.is_file():
        if not request.dry_run:
            raise UserError(f"{package} is not there, and stage {Stage.UPLOAD} uploads it: run stage {Stage.PACK}")
        yield f"{package}: to be uploaded, after stage {Stage.PACK}"
        return
    if request.dry_run:
        files = contents_of(package)
        yield from (f"{size:>12,}  {name}" for name, size in files.items())
        size, target = sum(files.values()), folder or request.hf_repo
        yield f"{size:>12,}  bytes in {len(files)} files for {target}; nothing is sent"
    to = {} if request.hf_repo is None else {"repository": request.hf_repo, "private": request.private}
    yield Node(
        stage=Stage.UPLOAD,
        at=folder or upload_file(package),
        identify=lambda: {"kind": "published", "package": file_digest(package), **to},
        make=partial(to_folder, package) if folder else partial(_to_hub, package, request),
        about=f"of {package}",
        is_file=folder is None,
    )


def upload_file(package: Path) -> Path:
    """Says to which address of the hub a package was uploaded last."""
    return package.with_suffix(".uploaded")


def _to_hub(package: Path, request: Request, work: Path) -> Mapping[str, Any]:
    url = to_hub(package, str(request.hf_repo), private=request.private)
    (work / upload_file(package).name).write_text(f"{url}\n", encoding="utf-8")
    return {"summary": [f"uploaded to {url}"]}
