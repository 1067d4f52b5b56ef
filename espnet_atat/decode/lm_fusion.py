"""Shallow fusion with an ESPnet language model, whose token list and start symbol are its own."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from espnet_atat.decode.trained import Trained, check_files
from espnet_atat.errors import UserError
from espnet_atat.light_import import load_class
from espnet_atat.model.espnet import BatchScorerInterface
from espnet_atat.model.exact_weights import no_larger_than, read_weights, take_weights
from espnet_atat.plain_yaml import load_plain
from espnet_atat.text.vocabulary import CONTROL_TOKENS, EOS, Vocabulary

#: ESPnet's networks by the name that its configuration gives them.
NETWORKS = {
    "seq_rnn": "espnet2.lm.seq_rnn_lm.SequentialRNNLM",
    "transformer": "espnet2.lm.transformer_lm.TransformerLM",
}
ABSENT_SCORE = -1.0e4  # of a token that the language model does not have: the decoder's control tokens


@dataclass(frozen=True)
class LanguageModel:
    """A language model and its view of the decoder's tokens."""

    network: Any  # an ESPnet ``AbsLM``, in eval mode
    ids: Tensor  # (V,) the language model's id of each of the decoder's tokens; -1: it has none
    sos_id: int  # what it starts from, in place of the task token
    #: One thread at a time may score: ESPnet's attention keeps its weights on the module and reads them back.
    scoring: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def load(
        cls, vocabulary: Vocabulary, train_config: str | Path | None, model_file: str | Path, device: str = "cpu"
    ) -> "LanguageModel":
        """Read what ESPnet's ``lm_train`` wrote; the configuration is by default ``config.yaml`` beside the model."""
        train_config = train_config or Path(model_file).with_name("config.yaml")
        check_files("stage 8 of the recipe makes", lm_train_config=train_config, lm_file=model_file)
        config = load_plain(Path(train_config))
        try:
            tokens, kind = list(config["token_list"]), NETWORKS[config["lm"]]
            # ESPnet trains the network inside another module.
            weights = {name.removeprefix("lm."): tensor for name, tensor in read_weights(model_file).items()}
            with no_larger_than(weights, model_file):
                network = load_class(kind)(vocab_size=len(tokens), **config["lm_conf"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{train_config}: not the configuration of a language model ({error})") from error
        take_weights(network, weights, model_file, kind="a language model")
        return cls.of(vocabulary, network.to(device).eval(), tokens, device)

    @classmethod
    def of(cls, vocabulary: Vocabulary, network: Any, token_list: list[str], device: str = "cpu") -> "LanguageModel":
        """Match the tokens of a model in memory. Its last token is its start and end symbol (ESPnet's convention)."""
        known = {token: i for i, token in enumerate(token_list)}
        absent = [token for token in vocabulary.tokens if token not in known and token not in CONTROL_TOKENS]
        if absent:
            raise UserError(
                f"the language model lacks {len(absent)} of the decoder's tokens, the first is {absent[0]!r}: "
                "train it on targets with the decoder's token list"
            )
        known[EOS] = len(token_list) - 1
        ids = [known.get(token, -1) for token in vocabulary.tokens]
        return cls(network, torch.tensor(ids, device=device), known[EOS])


class LanguageModelScorer(BatchScorerInterface):
    """Log probabilities of the next token by a language model that never sees a task token."""

    def __init__(self, model: LanguageModel):
        self.model = model
        self.columns = model.ids.clamp(min=0)
        self.absent = model.ids < 0

    def batch_score(self, ys: Tensor, states: Any, xs: Tensor) -> tuple[Tensor, Any]:
        """Score all tokens after each hypothesis: ys (N, L) -> (N, V)."""
        own = self.columns[ys]
        own[:, 0] = self.model.sos_id
        with self.model.scoring:
            scores, states = self.model.network.batch_score(own, states, xs)  # (N, tokens of the language model)
        scores = scores.index_select(1, self.columns)
        return scores.masked_fill(self.absent, ABSENT_SCORE), states

    def select_state(self, state: Any, i: int, new_id: int | None = None) -> Any:
        return self.model.network.select_state(state, i, new_id)


def load_models(
    train_config: str | Path,
    model_file: str | Path,
    device: str = "cpu",
    text_tokenizer: str | Path | None = None,
    lm_train_config: str | Path | None = None,
    lm_file: str | Path | None = None,
) -> tuple[Trained, LanguageModel | None]:
    """Read a model and, if there is one, its language model."""
    trained = Trained.load(train_config, model_file, device, text_tokenizer)
    if lm_file is None:
        return trained, None
    return trained, LanguageModel.load(trained.vocabulary, lm_train_config, lm_file, device)
