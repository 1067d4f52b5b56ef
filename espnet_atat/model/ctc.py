"""An auxiliary CTC, so that the encoder learns to recognise speech before the decoder becomes a language model."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchaudio.functional import forced_align, merge_tokens

from espnet_atat.model.audio_encoder import valid_frames


class CTCHead(nn.Module):
    """A linear layer that emits ``subframes`` CTC frames for each encoder state.

    After heavy subsampling an utterance may have fewer states than characters; sub-frames give CTC enough frames.
    Blank is symbol 0.

    Args:
        symbols: C, blank included.
        input_size: D.
        separator: the symbol between words of a CTC over characters; None: symbols are tokens.
    """

    def __init__(
        self,
        symbols: int,
        input_size: int,
        subframes: int = 1,
        dropout_rate: float = 0.0,
        separator: int | None = None,
    ):
        super().__init__()
        self.symbols = symbols
        self.separator = separator
        self.subframes = subframes
        self.dropout = nn.Dropout(dropout_rate)
        self.project = nn.Linear(input_size, symbols * subframes)

    def log_softmax(self, states: Tensor) -> Tensor:
        """Log posteriors: (B, S, D) -> (B, S * subframes, C)."""
        logits = self.project(states)  # (B, S, C * subframes)
        return logits.reshape(states.size(0), -1, self.symbols).log_softmax(-1)

    def forward(self, states: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """Negative log likelihood of each utterance in nats: (B,).

        An utterance with more symbols than frames gives 0 and no gradient (``zero_infinity``).

        Args:
            states: (B, S, D).
            targets: (B, longest) symbols, padded with any valid index.
        """
        frames = self.log_softmax(self.dropout(states)).transpose(0, 1).float()  # (B, S', C) -> (S', B, C)
        return nn.functional.ctc_loss(
            frames, targets.clamp(min=0), lengths * self.subframes, target_lengths, reduction="none", zero_infinity=True
        )

    @torch.no_grad()
    def align(self, states: Tensor, symbols: Sequence[int]) -> list[tuple[int, int]] | None:
        """First frame and frame after the last of each symbol, by an utterance's states (S, D).

        None where there are too few frames, or no symbols.
        """
        frames = self.log_softmax(states[None]).float()  # (1, S', C)
        repeats = sum(a == b for a, b in pairwise(symbols))
        if not symbols or 0 in symbols or len(symbols) + repeats > frames.size(1):
            return None
        paths, scores = forced_align(frames, torch.tensor([symbols], dtype=torch.int32, device=frames.device))
        return [(span.start, span.end) for span in merge_tokens(paths[0], scores[0])]

    @torch.no_grad()
    def pieces(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The piece that each state belongs to, by the best path: (B, S), numbered from 0; -1 in the padding.

        With a CTC over characters a piece is a word, and begins at a separator. With one over tokens it begins at a
        token; states before the first token are a piece of their own.
        """
        best = self.log_softmax(states).argmax(-1)  # (B, S')
        begins = best == self.separator if self.separator is not None else best != 0
        begins &= best != nn.functional.pad(best[:, :-1], (1, 0), value=0)  # a symbol may last several frames
        pieces = begins.unflatten(1, (-1, self.subframes)).any(-1).cumsum(1)
        return (pieces - pieces[:, :1]).masked_fill(~valid_frames(lengths, states.size(1)), -1)
