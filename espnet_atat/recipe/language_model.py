"""Stage 8: a language model over the decoder's tokens, where a system decodes with ``lm_weight`` above 0.

It learns the targets of the system's last phase of training: trees for the tasks ``slu`` and ``nlu``, words for ``asr``
and ``mlm``. It has the decoder's tags and pieces, and ESPnet's ``<sos/eos>`` in place of the task tokens and ``<eos>``:
what a target looks like does not depend on the label that asks for it.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import conf_file, load_yaml, short
from espnet_atat.config.system import TestSet
from espnet_atat.config.training import best_model, load_lm_config
from espnet_atat.data.mixture import TREE_TASKS, Part
from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError
from espnet_atat.recipe.logs import log_to
from espnet_atat.recipe.mixtures import identity_of, targets_of
from espnet_atat.recipe.plan import SystemRun, Training
from espnet_atat.recipe.runs import Run
from espnet_atat.recipe.training import LM_TRAINER, Machines, run_trainer, write_config
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import BLANK, CONTROL_TOKENS, UNKNOWN, Vocabulary

#: ESPnet's name for the last token of a language model, its start and its end of a sentence.
SOS_EOS = "<sos/eos>"
#: In the run's folder: perplexity of each validation set.
METRICS = "perplexity.json"


@dataclass(frozen=True, kw_only=True)
class LMTraining:
    """A language model's training run.

    Attributes:
        training: the phase whose targets it learns, and whose tokens these are made of.
        trees: whether the targets are trees, else words.
        train, valid: parts of the phase's mixture with such targets.
        config: options of ESPnet's LM task.
        model: file in the run's folder that decoding takes.
    """

    training: Training
    trees: bool
    train: tuple[Part, ...]
    valid: tuple[Part, ...]
    config: Mapping[str, Any]
    seed: int
    run: Run
    model: str

    @property
    def train_config(self) -> Path:
        return self.run.folder / "config.yaml"

    @property
    def model_file(self) -> Path:
        return self.run.folder / self.model


def weight_of(recipe: str, config_name: str) -> float:
    """The language model's weight in an inference configuration."""
    return float(load_yaml(conf_file(recipe, config_name)).get("lm_weight") or 0.0)


def plan_language_models(run: SystemRun, tests: Iterable[TestSet]) -> list[LMTraining]:
    """What a system needs to decode some sets: one for trees, one for words, or none."""
    if not any(weight_of(run.system.recipe, name) for name in run.system.decode):
        return []
    wanted = dict.fromkeys(_wants_trees(test) for test in tests)
    return [_plan(run, trees) for trees in wanted]


def plan_language_model(run: SystemRun, test: TestSet) -> LMTraining:
    """The one that a set is decoded with.

    Raises:
        UserError: the system's last mixture has no targets of this kind.
    """
    return _plan(run, _wants_trees(test))


def _wants_trees(test: TestSet) -> bool:
    return test.task.partition("+")[0] in TREE_TASKS


def _plan(run: SystemRun, trees: bool) -> LMTraining:
    training, recipe = run.final, run.system.recipe
    kind = "trees" if trees else "words"
    parts = {
        split: tuple(part for part in of_split if (part.task in TREE_TASKS) == trees)
        for split, of_split in (("train", training.mixtures.train), ("valid", training.mixtures.valid))
    }
    for split, found in parts.items():
        if not found:
            raise UserError(
                f"system {run.system.name}: a language model of {kind} is wanted (lm_weight), but {split} of the "
                f"mixture {training.mixtures.name} has none: add a part of such a task, or decode without lm_weight"
            )
    name = short(run.system.lm) if isinstance(run.system.lm, str) else "lm"
    config = load_lm_config(recipe, run.system.lm)
    identity = {
        "kind": "language model",
        "targets": kind,
        "config": config,
        "seed": run.seed,
        "tokens": training.tokens.key,
        "data": {split: _targets_identity(found) for split, found in parts.items()},
    }
    return LMTraining(
        training=training,
        trees=trees,
        config=config,
        seed=run.seed,
        run=Run(f"{name}-{training.mixtures.name}-{kind}-seed{run.seed}", identity),
        model=best_model({"best_model_criterion": config.get("best_model_criterion") or [["valid", "loss", "min"]]}),
        **parts,
    )


def _targets_identity(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Fingerprints of the targets alone: neither the audio nor the shares matter here."""
    found = []
    for part in parts:
        identity = identity_of(part)
        chosen = {key: identity["part"][key] for key in ("set", "limit", "complement") if key in identity["part"]}
        found.append({"part": chosen, "target": identity["target"]})
    return [entry for position, entry in enumerate(found) if entry not in found[:position]]


def lm_tokens(vocabulary: Vocabulary) -> list[str]:
    """The language model's token list: blank first, for padding; its start and end last, as ESPnet has it."""
    return [BLANK, UNKNOWN, *(token for token in vocabulary.tokens if token not in CONTROL_TOKENS), SOS_EOS]


def train_language_model(planned: LMTraining, machines: Machines) -> None:
    """Train, and measure the perplexity of every validation set; an interrupted run goes on from its last epoch."""
    from espnet_atat.tasks.language_model import measure_perplexity

    start = time.monotonic()
    tokenizer = TargetTokenizer.load(planned.training.tokens.folder)
    with planned.run.open() as folder:
        tokens = lm_tokens(tokenizer.vocabulary)
        (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        train = _write_text(folder / "train", targets_of(planned.train), tokenizer)
        valid = _write_text(folder / "valid", targets_of(planned.valid), tokenizer)
        print(f"  train: {train['sentences']} targets, {train['tokens']} tokens; valid: {valid['sentences']} targets")
        write_config(folder / "train.yaml", planned.config)
        print(f"  log: {folder}/train.log")
        run_trainer(_options(planned, folder), folder / "train.log", machines, trainer=LM_TRAINER)
        figures: dict[str, dict[str, float]] = {}
        with log_to(folder / "perplexity.log"):
            for name, parts in _by_set(planned.valid).items():
                place = folder / "perplexity" / name.replace("/", ".")
                facts = _write_text(place, targets_of(parts), tokenizer)
                figure, counted = measure_perplexity(planned.train_config, planned.model_file, place / "text", place)
                figures[name] = {"perplexity": round(figure, 4)} | facts | {"tokens": counted}
        with atomic_write(folder / METRICS) as handle:
            json.dump({"model": str(planned.model_file), "sets": figures}, handle, indent=1)
            handle.write("\n")
        for name, measured in figures.items():
            print(f"  perplexity of {name}: {measured['perplexity']:.2f} a token ({measured['tokens']} tokens)")
        planned.run.finish(time.monotonic() - start, model=planned.model)
    print(f"  wrote {planned.model_file} and {folder / METRICS}")


def _options(planned: LMTraining, folder: Path) -> list[str]:
    data = [
        option
        for split in ("train", "valid")
        for option in (
            *(f"--{split}_data_path_and_name_and_type", f"{folder / split / 'text'},text,text"),
            *(f"--{split}_shape_file", str(folder / split / "text_shape")),
        )
    ]
    return [
        *("--config", str(folder / "train.yaml"), "--output_dir", str(folder), "--seed", str(planned.seed)),
        *("--resume", "true", "--token_type", "word", "--token_list", str(folder / "tokens.txt"), *data),
    ]


def _write_text(folder: Path, targets: Sequence[str], tokenizer: TargetTokenizer) -> dict[str, int]:
    """Write ``text`` (sentence id, tokens) and ``text_shape`` (sentence id, number of tokens).

    Returns:
        How many sentences, tokens, and tokens that the list does not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sentences = {f"{number:08d}": tokenizer.tokens(target) for number, target in enumerate(targets)}
    write_two_column(folder / "text", {key: " ".join(tokens) for key, tokens in sentences.items()})
    write_two_column(folder / "text_shape", {key: str(len(tokens)) for key, tokens in sentences.items()})
    everything = [token for tokens in sentences.values() for token in tokens]
    unknown = sum(token not in tokenizer.vocabulary for token in everything)
    return {"sentences": len(sentences), "tokens": len(everything), "unknown": unknown}


def _by_set(parts: Iterable[Part]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.set, []).append(part)
    return found
