"""Stage 8: a language model over the decoder's tokens, where a system decodes with ``lm_weight`` above 0.

It learns the targets of the system's last phase of training: trees for the tasks ``slu`` and ``nlu``, words for ``asr``
and ``mlm``. It has the decoder's tags and pieces, and ESPnet's ``<sos/eos>`` in place of the task tokens and ``<eos>``:
what a target looks like does not depend on the label that asks for it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from espnet_atat.atomic import write_json
from espnet_atat.config.layout import DUMP, short
from espnet_atat.config.system import System
from espnet_atat.config.training import best_model, load_lm_config
from espnet_atat.data.mixture import TREE_TASKS, Part
from espnet_atat.data.targets import targets_identity, targets_of
from espnet_atat.errors import UserError
from espnet_atat.graph.logs import log_to
from espnet_atat.graph.node import Identity, Node
from espnet_atat.stages import Stage
from espnet_atat.steps.plan import Training
from espnet_atat.steps.stage09_training import LM_TRAINER, run_trainer
from espnet_atat.text.sentences import lm_tokens, write_sentences
from espnet_atat.text.tokenizer import TargetTokenizer

#: In the run's folder: perplexity of each validation set.
PERPLEXITY = "perplexity.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class LMTraining:
    """A language model's training.

    Attributes:
        system: whose hypotheses it scores.
        training: the phase whose targets it learns, and whose tokens these are made of.
        trees: whether the targets are trees, else words.
    """

    system: System
    training: Training
    trees: bool

    @property
    def kind(self) -> str:
        return "trees" if self.trees else "words"

    @cached_property
    def config(self) -> dict[str, Any]:
        return load_lm_config(self.system.recipe, self.system.lm)

    @property
    def model(self) -> str:
        """The file in the run's folder that decoding takes."""
        criterion = self.config.get("best_model_criterion") or [["valid", "loss", "min"]]
        return best_model({"best_model_criterion": criterion})

    @property
    def train_config(self) -> Path:
        return self.run.place / "config.yaml"

    @property
    def model_file(self) -> Path:
        return self.run.place / self.model

    def parts(self, split: str) -> tuple[Part, ...]:
        """Parts of the phase's mixture with such targets."""
        mixtures = self.training.mixtures
        found = tuple(part for part in getattr(mixtures, split) if (part.task in TREE_TASKS) == self.trees)
        if not found:
            raise UserError(
                f"system {self.system.name}: a language model of {self.kind} is needed (lm_weight), but {split} of the "
                f"mixture {mixtures.name} has none: add a part of such a task, or decode without lm_weight"
            )
        return found

    @cached_property
    def tokens(self) -> Node:
        """The phase's token list, in this stage already: stage 11 would grow it too late."""
        tokens = self.training.tokens
        return dataclasses.replace(tokens, stage=Stage.LANGUAGE_MODEL) if self.training.parent else tokens

    @cached_property
    def run(self) -> Node:
        lm = short(self.system.lm) if isinstance(self.system.lm, str) else "lm"
        return Node(
            stage=Stage.LANGUAGE_MODEL,
            name=f"{lm}-{self.training.mixtures.name}-{self.kind}-seed{self.training.seed}",
            identify=self._identity,
            make=partial(train_language_model, self),
            needs=(self.tokens,),
            about=f"of {self.kind}",
            in_place=True,
        )

    def _identity(self) -> Identity:
        return {
            "kind": "language model",
            "targets": self.kind,
            "config": self.config,
            "seed": self.training.seed,
            "tokens": self.training.tokens.key,
            "data": {split: targets_identity(self.parts(split), DUMP) for split in ("train", "valid")},
        }


def train_language_model(planned: LMTraining, folder: Path) -> Mapping[str, str]:
    """Train, and measure the perplexity of every validation set; an interrupted run continues from its last epoch."""
    from espnet_atat.model.precision import device_here
    from espnet_atat.tasks.language_model import measure_perplexity

    tokenizer = TargetTokenizer.load(planned.training.tokens.place)
    tokens = lm_tokens(tokenizer.vocabulary)
    (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    train = write_sentences(folder / "train", targets_of(planned.parts("train"), DUMP), tokenizer)
    valid = write_sentences(folder / "valid", targets_of(planned.parts("valid"), DUMP), tokenizer)
    print(f"  train: {train['sentences']} targets, {train['tokens']} tokens; valid: {valid['sentences']} targets")
    options = ["--token_type", "word", "--token_list", str(folder / "tokens.txt")]
    for split in ("train", "valid"):
        options += [f"--{split}_data_path_and_name_and_type", f"{folder / split / 'text'},text,text"]
        options += [f"--{split}_shape_file", str(folder / split / "text_shape")]
    training = planned.training
    run_trainer(folder, planned.config, training.seed, options, training.machines, trainer=LM_TRAINER)
    figures: dict[str, dict[str, float]] = {}
    device = device_here(planned.training.machines.ngpu)
    with log_to(folder / "perplexity.log"):
        valid_parts = planned.parts("valid")
        for name in dict.fromkeys(part.set for part in valid_parts):
            parts = [part for part in valid_parts if part.set == name]
            place = folder / "perplexity" / name.replace("/", ".")
            facts = write_sentences(place, targets_of(parts, DUMP), tokenizer)
            figure, counted = measure_perplexity(
                planned.train_config, planned.model_file, place / "text", place, device
            )
            figures[name] = {"perplexity": round(figure, 4)} | facts | {"tokens": counted}
    write_json(folder / PERPLEXITY, {"model": str(planned.model_file), "sets": figures}, indent=1)
    for name, measured in figures.items():
        print(f"  perplexity of {name}: {measured['perplexity']:.2f} a token ({measured['tokens']} tokens)")
    print(f"  wrote {planned.model_file} and {folder / PERPLEXITY}")
    return {"model": planned.model}
