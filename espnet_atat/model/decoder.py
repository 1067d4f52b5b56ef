"""One transformer decoder for states of audio and of text, with tied embedding and generator."""

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.espnet import TransformerDecoder


class TiedEmbedding(nn.Module):
    """Embedding and generator over one matrix, stored as two parameters: rows of a pretrained model, and new rows.

    Adam is invariant to the gradient's scale, so scaling the gradients of some rows would not slow them down. Two
    parameters can have two learning rates (paper, *Finetuning Phase*), and keep their names when the vocabulary grows.

    Args:
        vocabulary_size: all rows V.
        dimension: D.
        pretrained_size: rows that come from a pretrained model; the others are new. None: all rows, none new.
    """

    def __init__(self, vocabulary_size: int, dimension: int, pretrained_size: int | None = None):
        super().__init__()
        pretrained_size = vocabulary_size if pretrained_size is None else pretrained_size
        if not 0 < pretrained_size <= vocabulary_size:
            raise UserError(f"{pretrained_size} pretrained rows do not fit a token list of {vocabulary_size}")
        self.pretrained = nn.Parameter(torch.empty(pretrained_size, dimension))
        fresh = vocabulary_size - pretrained_size
        # Without rows there is no gradient, and DDP would wait for one.
        self.new = nn.Parameter(torch.empty(fresh, dimension), requires_grad=fresh > 0)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Rows of norm about 1: the embedding is scaled by sqrt(D) later, so that logits start near N(0, 1)."""
        for rows in (self.pretrained, self.new):
            nn.init.normal_(rows, std=rows.size(1) ** -0.5)

    @property
    def weight(self) -> Tensor:
        """The whole matrix (V, D)."""
        return torch.cat((self.pretrained, self.new)) if len(self.new) else self.pretrained

    def forward(self, ids: Tensor) -> Tensor:
        """Embed: (B, L) -> (B, L, D)."""
        return nn.functional.embedding(ids, self.weight)

    def logits(self, states: Tensor) -> Tensor:
        """Generate: (…, D) -> (…, V)."""
        return nn.functional.linear(states, self.weight)


class SharedDecoder(TransformerDecoder):
    """ESPnet's transformer decoder with :class:`TiedEmbedding`; its search interface is unchanged.

    Args:
        conf: ``attention_heads``, ``linear_units``, ``num_blocks``, ``dropout_rate`` … of ESPnet's decoder.
    """

    def __init__(self, vocab_size: int, encoder_output_size: int, pretrained_size: int | None = None, **conf: object):
        super().__init__(vocab_size, encoder_output_size, use_output_layer=False, **conf)
        tied = TiedEmbedding(vocab_size, encoder_output_size, pretrained_size)
        self.embed[0] = tied
        self.output_layer = _Generator(tied)

    @property
    def tied(self) -> TiedEmbedding:
        """The matrix shared by embedding and generator."""
        return self.embed[0]


class _Generator(nn.Module):
    """Applies the tied matrix without owning it, so that a checkpoint contains it once."""

    def __init__(self, tied: TiedEmbedding):
        super().__init__()
        self._logits = tied.logits

    def forward(self, states: Tensor) -> Tensor:
        return self._logits(states)
