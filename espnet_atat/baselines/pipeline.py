"""Train a tagger on transcripts and trees; predict trees from the words of a first stage.

A model's folder holds ``model.json``: the tagger's name, its options, the data dirs and the number of utterances it was
trained on, and the name and sha256 of each file beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from espnet_atat.atomic import atomic_dir
from espnet_atat.baselines.bio import Tagging, read_examples, read_sentences, tree_of_tags
from espnet_atat.baselines.config import CONFIGS, BilstmConfig, Config, CrfConfig, check_tagger
from espnet_atat.bounded import file_hash
from espnet_atat.errors import UserError, naming
from espnet_atat.graph.work import check_own, check_replaceable, making
from espnet_atat.strict_json import read_json

MODEL_FILE = "model.json"
DAMAGED = (ValueError, RuntimeError, KeyError, TypeError)  # what readers of files raise that do not belong together


class Model(Protocol):
    @property
    def parameters(self) -> int:
        """Number of weights that training fitted."""

    def understand(self, sentences: Sequence[Sequence[str]]) -> list[Tagging]:
        """Tags and class of each sentence, given as words."""


def train_pipeline(
    data_dirs: Sequence[str | Path], output_dir: Path, config: Config, pretrain_dirs: Sequence[str | Path] = ()
) -> int:
    """Train a tagger by hand, whole or not at all, in place of an older one: see :func:`train_tagger`."""
    with making(output_dir):
        check_replaceable(output_dir, lambda folder: (folder / MODEL_FILE).is_file())
        if (output_dir / MODEL_FILE).is_file():
            check_own(output_dir, {".": [MODEL_FILE, *_read_about(output_dir)["files"]]})
        with atomic_dir(output_dir) as folder:
            return train_tagger(data_dirs, folder, config, pretrain_dirs)


def train_tagger(
    data_dirs: Sequence[str | Path], folder: Path, config: Config, pretrain_dirs: Sequence[str | Path] = ()
) -> int:
    """Train the tagger of ``config``'s class on the targets of data dirs, into a folder of its own.

    Returns:
        Number of targets.
    """
    if bool(pretrain_dirs) != (isinstance(config, BilstmConfig) and config.pretrain_epochs > 0):
        raise UserError("--pretrain_dirs and --pretrain_epochs (of bilstm_crf) go together")
    tagger = next(name for name, kind in CONFIGS.items() if isinstance(config, kind))
    check_tagger(tagger)
    examples = read_examples(data_dirs, config.nested)
    if not any(example.words for example in examples):
        raise UserError("no training utterance has words")
    text = read_sentences(pretrain_dirs)
    folder.mkdir(exist_ok=True)
    if isinstance(config, CrfConfig):
        from espnet_atat.baselines.crf import train_crf

        train_crf(examples, folder, config)
    else:
        from espnet_atat.baselines.bilstm_crf import train_bilstm_crf

        train_bilstm_crf(examples, folder, config, text)
    about = {
        "tagger": tagger,
        "options": asdict(config),
        "data_dirs": [str(data_dir) for data_dir in data_dirs],
        "pretrain_dirs": [str(data_dir) for data_dir in pretrain_dirs],
        "utterances": len(examples),
        "files": {file.name: file_hash(file) for file in sorted(folder.iterdir())},
    }
    (folder / MODEL_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return len(examples)


def load_pipeline(folder: str | Path) -> Model:
    """Open a trained tagger whose files are those that training wrote."""
    folder = Path(folder)
    about = _read_about(folder)
    for name, wanted in about["files"].items():
        if not (folder / name).is_file() or file_hash(folder / name) != wanted:
            raise UserError(f"{folder / name} is not the file that training wrote; train again")
    check_tagger(about["tagger"])
    try:
        if about["tagger"] == "crf":
            from espnet_atat.baselines.crf import CrfModel

            return CrfModel(folder)
        from espnet_atat.baselines.bilstm_crf import BilstmCrfModel

        return BilstmCrfModel(folder)
    except DAMAGED as error:
        raise UserError(f"{folder}: its files do not belong together ({error}); train again") from error


def _read_about(folder: Path) -> dict[str, Any]:
    if not (folder / MODEL_FILE).is_file():
        raise UserError(f"{folder} is not a trained tagger: it has no {MODEL_FILE}")
    about = read_json(folder / MODEL_FILE)
    files = about.get("files") if isinstance(about, dict) else None
    if not isinstance(files, dict) or not files or str(about.get("tagger")) not in CONFIGS:
        raise UserError(f"{folder / MODEL_FILE}: names no known tagger and files; train again")
    if outside := [name for name in files if Path(name).name != name]:
        raise UserError(f"{folder / MODEL_FILE}: {outside[0]!r} is not a file of this folder")
    return about


def understand(model: Model, transcripts: Mapping[str, str]) -> dict[str, str]:
    """Utterance id → words, to utterance id → tree; one with no words gets a tree of a class only."""
    sentences = [transcript.split() for transcript in transcripts.values()]
    trees = {}
    for utt_id, words, tagging in zip(transcripts, sentences, model.understand(sentences), strict=True):
        with naming(f"utterance {utt_id!r}"):
            trees[utt_id] = tree_of_tags(words, tagging).serialise()
    return trees
