"""The audio encoder's CTC in the search: prefix scores over tokens, or rescoring over characters."""

from collections.abc import Sequence

import torch
from torch import Tensor

from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.ctc import CTCHead
from espnet_atat.model.espnet import CTCPrefixScorer

#: Log likelihood, in nats, below which an utterance's CTC says no more than "not this". ESPnet's -1e10 for a hypothesis
#: with more symbols than frames would swallow every other score of a float32.
FLOOR = -1000.0


class TokenCTCScorer(CTCPrefixScorer):
    """ESPnet's CTC prefix score for a head with sub-frames.

    The head's symbols are the decoder's tokens, so 0 is its blank; ``<eos>`` is scored as "the utterance ends here".
    Scores are log probabilities, at most 0.
    """

    def __init__(self, head: CTCHead, eos_id: int):
        super().__init__(head, eos_id)
        self.subframes = head.subframes

    def batch_init_state(self, x: Tensor, xs_lengths: Tensor | None = None) -> None:
        """Prepare for states x (B, S, D) of these lengths (B,)."""
        super().batch_init_state(x, None if xs_lengths is None else xs_lengths * self.subframes)

    def batch_score_partial(self, y: Tensor, ids: Tensor, state: object, x: Tensor) -> tuple[Tensor, object]:
        scores, state = super().batch_score_partial(y, ids, state, x)
        return scores.clamp(min=FLOOR, max=0.0), state


def ctc_log_likelihoods(
    head: CTCHead, encoded: Encoded, utterances: Sequence[int], symbols: Sequence[Sequence[int]]
) -> Tensor:
    """Log likelihood in nats of symbol sequences, (len(symbols),); at least :data:`FLOOR`.

    Args:
        encoded: states of B utterances.
        utterances: for each sequence, the utterance it is a hypothesis of.
        symbols: the sequences; one may be empty (nothing was said).
    """
    device = encoded.states.device
    ids = torch.tensor(utterances, dtype=torch.long, device=device)
    lengths = torch.tensor([len(sequence) for sequence in symbols], dtype=torch.long)
    flat = torch.tensor([symbol for sequence in symbols for symbol in sequence], dtype=torch.long, device=device)
    frames = head.log_softmax(encoded.states).float().index_select(0, ids).transpose(0, 1)  # (S', sequences, C)
    # Not the head's own loss: that turns an impossible sequence's infinite loss into 0, the best there is.
    loss = torch.nn.functional.ctc_loss(
        frames, flat, encoded.lengths[ids] * head.subframes, lengths.to(device), reduction="none", zero_infinity=False
    )
    return (-loss).clamp(min=FLOOR)
