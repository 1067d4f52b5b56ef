"""What brings the two encoders together: a word should give the same states as audio and as text.

:class:`ModalityContrast` is a loss on the states. :func:`mean_of_pieces` and :func:`swap_words` change what the decoder
reads. The paper has none of them; it relies on shared labels to bring the two kinds of states together. With little
data they stay apart: a decoder that has learnt a new domain from text still produces the old domain when its input is
audio.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.ctc import CTCHead

#: Minus infinity for a softmax, but finite, so that its gradient is too.
NEVER = -1e4


class ModalityContrast(nn.Module):
    """Contrastive loss between a transcript's text states and the same utterance's audio states. Has no parameters.

    The transcript of each audio example goes through the text encoder too, and every word piece is classified among all
    pieces of the batch (InfoNCE, van den Oord et al., 2018; between speech and text tokens for instance Ye et al.,
    "Cross-modal Contrastive Learning for Speech Translation", NAACL 2022). No alignment is needed: a piece attends over
    the audio states.

    Args:
        temperature: of the attention over the utterance and of the softmax over the batch's pieces; on cosines.
        distance_weight: of the mean squared distance between a piece's text state and what it attends to in the audio,
            which also makes their norms equal.
        depths: layers of each encoder, from the last down, whose states are compared; the loss is their mean.
    """

    def __init__(self, temperature: float = 0.1, distance_weight: float = 1.0, depths: int = 1):
        super().__init__()
        if temperature <= 0:
            raise UserError(f"contrast_conf: temperature is above 0, found {temperature}")
        if depths < 1:
            raise UserError(f"contrast_conf: depths is a number of layers from 1, found {depths}")
        self.depths = depths
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


@contextmanager
def layer_outputs(layers: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect the layer-normalised outputs (B, S, D) of these ESPnet layers during the block, topmost first."""
    found: list[Tensor] = []

    def keep(_layer: nn.Module, _inputs: object, output: object) -> None:
        while isinstance(output, tuple):  # with a mask, and with positions
            output = output[0]
        assert isinstance(output, Tensor)
        found.insert(0, nn.functional.layer_norm(output, output.shape[-1:]))

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def mean_of_pieces(states: Tensor, pieces: Tensor) -> tuple[Tensor, Tensor]:
    """One state a piece: states (B, S, D), the piece of each (B, S) -> (B, P, D), and pieces of each utterance (B,)."""
    lengths = pieces.amax(1) + 1
    of_piece = pieces[..., None] == torch.arange(int(lengths.max()), device=pieces.device)  # (B, S, P)
    shares = of_piece / of_piece.sum(1, keepdim=True).clamp(min=1)
    return shares.to(states.dtype).transpose(1, 2) @ states, lengths


def swap_words(ctc: CTCHead, heard: Tensor, symbols: Sequence[int], read: Tensor, words: Tensor, rate: float) -> Tensor:
    """An utterance's states (S, D) as heard, a share of its words replaced by their states as read.

    Args:
        ctc: over characters; aligns the words.
        symbols: the CTC's, of the utterance's words.
        read: states of the words' pieces (L, D).
        words: the word of each piece (L,); -1: of none.
        rate: probability of a word to be replaced.
    """
    firsts = [0, *(place + 1 for place, symbol in enumerate(symbols) if symbol == ctc.separator)]
    spans = ctc.align(heard, symbols)
    if spans is None or int(words.max()) != len(firsts) - 1:  # too short for its words; a text that was cut
        return heard
    edges = [spans[first][0] // ctc.subframes for first in firsts]
    edges.append(-(-spans[-1][1] // ctc.subframes))
    replaced = (torch.rand(len(firsts)) < rate).tolist()
    for word in reversed(range(len(firsts) - 1)):
        if edges[word] == edges[word + 1]:  # within one state: both are heard, or both are read
            replaced[word] = replaced[word + 1]
    parts = [
        read[words == word] if replaced[word] else heard[start:end] for word, (start, end) in enumerate(pairwise(edges))
    ]
    return torch.cat([heard[: edges[0]], *parts, heard[edges[-1] :]])
