"""Any BERT-like encoder of Hugging Face and a projection to the model dimension (paper: BERT-base, 768 -> 256)."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError, first_line
from espnet_atat.hub import load_hub_config
from espnet_atat.installed import installed_model
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.exact_weights import no_larger_than, take_weights
from espnet_atat.text.pieces import max_pieces


class TextEncoder(nn.Module):
    """BERT, then a linear projection.

    Args:
        output_size: model dimension D.
        model: directory or hub name of a pretrained encoder, or ``minilm`` as installed here; None builds one from
            ``config`` with fresh weights.
        config: the encoder's configuration as a dictionary, as saved with a trained model; with it nothing is ever
            fetched unless ``model`` is given too.
    """

    def __init__(self, output_size: int, model: str | None = None, config: Mapping[str, Any] | None = None):
        super().__init__()
        from transformers import AutoModel

        self.config = load_hub_config("text_encoder_conf", model, config, default="bert")
        if model is None:
            try:
                bert = _without_pooler(AutoModel.from_config, self.config)
            except UserError:
                raise
            except Exception as error:  # the classes of transformers have no common error
                raise UserError(f"text_encoder_conf: config: makes no encoder ({first_line(error)})") from error
        else:
            bert = _without_pooler(AutoModel.from_pretrained, installed_model(model), config=self.config)
        self.bert = bert.float()  # its configuration may name half precision, as its weights were saved
        self.project = nn.Linear(self.config.hidden_size, output_size)

    @property
    def vocabulary_size(self) -> int:
        """Number of pieces its embedding has rows for."""
        return int(self.config.vocab_size)

    @property
    def max_pieces(self) -> int:
        """Pieces that a text may have."""
        return max_pieces(getattr(self.config, "max_position_embeddings", None))

    def forward(self, pieces: Tensor, lengths: Tensor, below: int = 0) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Pieces (B, S), ``[CLS]`` and ``[SEP]`` included, and their number (B,) -> states (B, S, D) and theirs.

        The third value: the states of ``below`` layers under the last, topmost first, projected and layer-normalised.
        """
        mask = valid_frames(lengths, pieces.size(1))
        found = self.bert(input_ids=pieces, attention_mask=mask.to(torch.long), output_hidden_states=below > 0)
        lower = [self.project(found.hidden_states[-2 - depth]) for depth in range(below)]
        lower = [nn.functional.layer_norm(states, states.shape[-1:]) for states in lower]
        return self.project(found.last_hidden_state), lengths, lower


class DeferredTextEncoder(TextEncoder):
    """A text encoder that is built when it is first used, and is a plain :class:`TextEncoder` from then on.

    Understanding speech needs none, and importing transformers' BERT takes longer than importing PyTorch.
    """

    #: Marks modules whose parameters have no names yet.
    deferred = True
    #: One thread at a time builds. An attribute of the class, so that models can be copied and pickled.
    _building = threading.Lock()

    def __init__(self, output_size: int, **conf: Any):
        nn.Module.__init__(self)
        self.arguments = (output_size, conf)
        self.weights: dict[str, Tensor] = {}  # of a checkpoint

    def __getattr__(self, name: str) -> Any:
        if name in ("config", "bert", "project"):
            self._build()
            return getattr(self, name)
        return super().__getattr__(name)

    def _build(self) -> None:
        with self._building:
            if type(self) is TextEncoder:  # another thread was first
                return
            with torch.inference_mode(False):
                output_size, conf = self.arguments
                with no_larger_than(self.weights, "text encoder") if self.weights else nullcontext():
                    encoder = TextEncoder(output_size, **conf)
                if self.weights:
                    encoder.to(next(iter(self.weights.values())).device)
                    take_weights(encoder, self.weights, "text encoder")
            self.__dict__.update(encoder.train(self.training).__dict__)
            self.__class__ = TextEncoder  # type: ignore[assignment]

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:  # noqa: ARG002
        self.weights = {
            name.removeprefix(prefix): tensor for name, tensor in state_dict.items() if name.startswith(prefix)
        }

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:  # noqa: ARG002
        destination.update({f"{prefix}{name}": tensor for name, tensor in self.weights.items()})

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "DeferredTextEncoder":  # noqa: ARG002
        self.weights = {name: fn(tensor) for name, tensor in self.weights.items()}
        return self


def load_text_tokenizer(path: str | Path) -> Any:
    """The text encoder's own tokenizer, from a directory or hub name or of an installed model (``minilm``).

    ``AutoTokenizer`` and not a class by name: given a bare vocabulary file, ``BertTokenizerFast`` of transformers 5
    maps every word to ``[UNK]`` silently.
    """
    folder = Path(installed_model(str(path)))
    if not folder.is_dir() and (folder.is_absolute() or len(folder.parts) > 2):
        # No hub name looks like this; asking the hub for it would take a minute where there is none.
        raise UserError(f"text tokenizer {str(path)!r}: no such folder; stage 7 of the recipe makes it")
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder))
    except Exception as error:  # transformers and tokenizers have no common error
        raise UserError(f"text tokenizer {str(path)!r}: no tokenizer there ({first_line(error)})") from error


def _without_pooler(build: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Build an encoder without the layer over [CLS], which would never get a gradient here."""
    try:
        return build(*args, add_pooling_layer=False, **options)
    except TypeError:  # ELECTRA, DistilBERT and others have none, and do not know the option
        return build(*args, **options)
