"""Agreement of both encoders: what the decoder reads of a word shall be the same whether it was heard or read.

The paper leaves it to shared labels that the two kinds of states meet. With little data they do not: a decoder that has
learnt a new domain from text goes on speaking of the old one where it hears audio. So each audio example's transcript
goes through the text encoder too, and every word piece has to find itself among all pieces of the batch (InfoNCE, van
den Oord et al., 2018; between speech and text tokens for instance Ye et al., "Cross-modal Contrastive Learning for
Speech Translation", NAACL 2022). No alignment is needed: a piece gathers its sound by attention over the utterance.
"""

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import valid_frames

#: Stands for minus infinity, and has a gradient.
NEVER = -1e4


class ModalityContrast(nn.Module):
    """Contrastive loss between a transcript's text states and the same utterance's audio states. Has no parameters.

    Args:
        temperature: of the attention over the utterance and of the choice among the batch's pieces; on cosines.
        distance_weight: of the mean squared distance between a piece and its sound, which also makes their norms equal.

    Raises:
        UserError: a temperature that is not above 0.
    """

    def __init__(self, temperature: float = 0.1, distance_weight: float = 1.0):
        super().__init__()
        if temperature <= 0:
            raise UserError(f"contrast_conf: temperature is above 0, found {temperature}")
        self.temperature = temperature
        self.distance_weight = distance_weight

    def forward(
        self, audio: Tensor, audio_lengths: Tensor, text: Tensor, text_lengths: Tensor, pieces: Tensor
    ) -> Tensor:
        """Loss of each utterance, summed over its pieces, in nats: (B,).

        Other than every other loss here it depends on the batch: its other pieces are what a piece is told from.

        Args:
            audio: (B, S, D) states.
            audio_lengths: (B,).
            text: (B, L, D) states of the transcripts, first and last piece ([CLS] and [SEP]) included.
            text_lengths: (B,).
            pieces: (B, L) ids; occurrences of one id are not told from each other.
        """
        sounds = self._gather(audio, audio_lengths, text)  # (B, L, D)
        inner = valid_frames(text_lengths - 1, text.size(1))
        inner[:, 0] = False  # [CLS] and [SEP] have no sound
        read, heard, ids = text[inner], sounds[inner], pieces[inner]  # (N, D), (N, D), (N,)
        logits = _unit(read) @ _unit(heard).T / self.temperature  # (N, N)
        same = (ids[:, None] == ids[None]).fill_diagonal_(False)
        logits = logits.masked_fill(same, NEVER)
        itself = torch.arange(len(ids), device=ids.device)
        loss = 0.5 * (
            nn.functional.cross_entropy(logits, itself, reduction="none")
            + nn.functional.cross_entropy(logits.T, itself, reduction="none")
        )
        loss = loss + self.distance_weight * (read - heard).square().mean(-1)
        utterance = inner.nonzero()[:, 0]
        return loss.new_zeros(len(audio)).index_add(0, utterance, loss)

    def _gather(self, audio: Tensor, audio_lengths: Tensor, text: Tensor) -> Tensor:
        """What each piece attends to in its utterance: (B, L, D)."""
        likeness = _unit(text) @ _unit(audio).transpose(1, 2) / self.temperature  # (B, L, S)
        heard = valid_frames(audio_lengths, audio.size(1))[:, None]
        return likeness.masked_fill(~heard, NEVER).softmax(-1) @ audio


def _unit(states: Tensor) -> Tensor:
    return nn.functional.normalize(states, dim=-1)
