"""An auxiliary CTC, so that the encoder learns to recognise speech before the decoder becomes a language model."""

from torch import Tensor, nn


class CTCHead(nn.Module):
    """A linear layer that emits ``subframes`` CTC frames for each encoder state.

    After heavy subsampling an utterance may have fewer states than characters; sub-frames give CTC enough frames.
    Blank is symbol 0.

    Args:
        symbols: C, blank included.
        input_size: D.
    """

    def __init__(self, symbols: int, input_size: int, subframes: int = 1, dropout_rate: float = 0.0):
        super().__init__()
        self.symbols = symbols
        self.subframes = subframes
        self.dropout = nn.Dropout(dropout_rate)
        self.project = nn.Linear(input_size, symbols * subframes)

    def log_softmax(self, states: Tensor) -> Tensor:
        """Log posteriors: (B, S, D) -> (B, S * subframes, C)."""
        logits = self.project(self.dropout(states))  # (B, S, C * subframes)
        return logits.reshape(states.size(0), -1, self.symbols).log_softmax(-1)

    def forward(self, states: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """Negative log likelihood of each utterance in nats: (B,).

        An utterance with more symbols than frames gives 0 and no gradient (``zero_infinity``).

        Args:
            states: (B, S, D).
            targets: (B, longest) symbols, padded with any valid index.
        """
        frames = self.log_softmax(states).transpose(0, 1).float()  # (B, S', C) -> (S', B, C)
        return nn.functional.ctc_loss(
            frames, targets.clamp(min=0), lengths * self.subframes, target_lengths, reduction="none", zero_infinity=True
        )
