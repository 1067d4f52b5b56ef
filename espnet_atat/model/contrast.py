"""A contrastive loss that makes the two encoders agree: a word should give the same states as audio and as text.

The paper relies on shared labels to bring the two kinds of states together. With little data they stay apart: a decoder
that has learnt a new domain from text still produces the old domain when its input is audio. So the transcript of each
audio example goes through the text encoder too, and every word piece is classified among all pieces of the batch
(InfoNCE, van den Oord et al., 2018; between speech and text tokens for instance Ye et al., "Cross-modal Contrastive
Learning for Speech Translation", NAACL 2022). No alignment is needed: a piece attends over the audio states.
"""

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import valid_frames

#: Minus infinity for a softmax, but finite, so that its gradient is too.
NEVER = -1e4


class ModalityContrast(nn.Module):
    """Contrastive loss between a transcript's text states and the same utterance's audio states. Has no parameters.

    Args:
        temperature: of the attention over the utterance and of the softmax over the batch's pieces; on cosines.
        distance_weight: of the mean squared distance between a piece's text state and what it attends to in the audio,
            which also makes their norms equal.
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

        Unlike the other losses it depends on the rest of the batch, whose pieces are the negatives.

        Args:
            audio: (B, S, D) states.
            text: (B, L, D) states of the transcripts, first and last piece ([CLS] and [SEP]) included.
            pieces: (B, L) ids; other occurrences of the same id are not negatives.
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
