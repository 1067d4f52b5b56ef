"""The shared decoder as a scorer of the search, one token a step, with keys and values kept.

ESPnet's own step (``TransformerDecoder.batch_score``) gives the same scores, which a test checks. It keeps layer
*outputs* and projects all of them to keys and values again at every step, the encoder's states too, once for each
hypothesis. Here the encoder's states are projected once for each utterance, and a token once.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_atat.decode.espnet_search import BatchScorerInterface
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.decoder import SharedDecoder

attend = torch.nn.functional.scaled_dot_product_attention


class KeyValueCache:
    """Keys and values of all hypotheses: for each label and layer (2, N, heads, L, D / heads)."""

    def __init__(self, layers: list[Tensor]):
        self.layers = layers

    def select(self, hypotheses: Tensor | Sequence[int]) -> "KeyValueCache":
        """The cache of chosen hypotheses, in that order."""
        if not self.layers:
            return self
        ids = torch.as_tensor(hypotheses, device=self.layers[0].device)
        return KeyValueCache([layer.index_select(1, ids) for layer in self.layers])


#: One hypothesis of a cache that is still whole; what the search holds of an utterance alone.
Row = tuple[KeyValueCache, int]


class DecoderScorer(BatchScorerInterface):
    """Log probabilities of the next token; made for one batch of utterances, used by one search.

    Args:
        decoder: in eval mode.
        encoded: states of B utterances.
        task_ids: the task token to start from; or several: the decoder runs once for each, and their probabilities
            are averaged. Whatever stands first in a hypothesis is replaced by these.
        beam_size: K.
    """

    def __init__(self, decoder: SharedDecoder, encoded: Encoded, task_ids: Sequence[int], beam_size: int):
        self.decoder = decoder
        self.task_ids = tuple(task_ids)
        self.beam_size = beam_size
        self.utterances = len(encoded.states)
        self.weight = decoder.tied.weight.detach()  # (V, D): put together once, not at every step
        mask = valid_frames(encoded.lengths, encoded.states.size(1))
        self.mask = None if bool(mask.all()) else mask[:, None, None, :]  # (B, 1, 1, S)
        self.sources = [
            (_heads(layer.src_attn, "k", encoded.states), _heads(layer.src_attn, "v", encoded.states))
            for layer in decoder.decoders
        ]  # of each layer: two of (B, heads, S, D / heads)

    def batch_score(
        self,
        ys: Tensor,
        states: KeyValueCache | list[Row | None],
        xs: Tensor,
        xs_mask: Tensor | None = None,
    ) -> tuple[Tensor, KeyValueCache]:
        """Score all tokens after each hypothesis: ys (N, L) -> log probabilities (N, V), and the grown cache."""
        cached = _gather(states)
        depth = len(self.decoder.decoders)
        layers: list[Tensor] = []
        logps = []
        for number, task_id in enumerate(self.task_ids):
            own = cached.layers[number * depth : (number + 1) * depth]
            logp, grown = self._step(ys, task_id, own)
            logps.append(logp)
            layers += grown
        if len(logps) == 1:
            return logps[0], KeyValueCache(layers)
        mean = torch.stack(logps).logsumexp(0) - torch.log(torch.tensor(float(len(logps))))
        return mean, KeyValueCache(layers)

    def select_state(
        self,
        state: KeyValueCache | list[Row | None],
        i: int,
        new_id: int | None = None,
    ) -> Row | None:
        """One hypothesis, without copying anything yet."""
        return (state, i) if isinstance(state, KeyValueCache) else state[i]

    def batch_select_state(self, state: KeyValueCache, best_ids: Tensor) -> KeyValueCache:
        """The chosen hypotheses of all utterances: best_ids (B, K) holds ``hypothesis * V + token``."""
        held = state.layers[0].size(1) // len(best_ids)  # H
        offsets = torch.arange(len(best_ids), device=best_ids.device)[:, None] * held
        return state.select((best_ids // len(self.weight) + offsets).flatten())

    def _step(self, ys: Tensor, task_id: int, cached: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One decoder, one label: ys (N, L), its layers' caches -> (N, V), the caches with a token more."""
        decoder = self.decoder
        position = ys.size(1) - 1
        tokens = ys[:, -1] if position else torch.full_like(ys[:, -1], task_id)
        embedded = torch.nn.functional.embedding(tokens, self.weight)  # (N, D)
        # The positional encoding counts from its input's start: put the token at the end of zeros.
        padded = embedded.new_zeros(len(ys), position + 1, embedded.size(1))
        padded[:, position] = embedded
        x = decoder.embed[1](padded)[:, -1:]  # (N, 1, D)
        grown = []
        for number, layer in enumerate(decoder.decoders):
            x, cache = self._layer(layer, x, cached[number] if cached else None, *self.sources[number])
            grown.append(cache)
        if decoder.normalize_before:
            x = decoder.after_norm(x)
        return torch.nn.functional.linear(x[:, 0], self.weight).log_softmax(-1), grown

    def _layer(
        self, layer: Any, x: Tensor, cached: Tensor | None, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """ESPnet's ``DecoderLayer`` for one new token: x (N, 1, D)."""
        before = layer.normalize_before
        y = layer.norm1(x) if before else x
        attention = layer.self_attn
        new = torch.stack((_heads(attention, "k", y), _heads(attention, "v", y)))  # (2, N, heads, 1, D / heads)
        cache = new if cached is None else torch.cat((cached, new), dim=3)
        found = _merge(attention, attend(_heads(attention, "q", y), cache[0], cache[1]))
        x = x + (layer.concat_linear1(torch.cat((y, found), -1)) if layer.concat_after else found)
        x = x if before else layer.norm1(x)

        y = layer.norm2(x) if before else x
        attention = layer.src_attn
        # (N, heads, 1, D / heads) -> (B, heads, H, D / heads): the hypotheses of an utterance are its queries.
        query = _heads(attention, "q", y.view(self.utterances, -1, y.size(2)))
        found = _merge(attention, attend(query, keys, values, attn_mask=self.mask)).view_as(y)
        x = x + (layer.concat_linear2(torch.cat((y, found), -1)) if layer.concat_after else found)
        x = x if before else layer.norm2(x)

        y = layer.norm3(x) if before else x
        x = x + layer.feed_forward(y)
        return (x if before else layer.norm3(x)), cache


def _gather(states: KeyValueCache | list[Row | None]) -> KeyValueCache:
    if isinstance(states, KeyValueCache):
        return states
    rows = [row for row in states if row is not None]
    # All rows of a step come from the cache of the step before; at the first step there is none.
    return rows[0][0].select([i for _, i in rows]) if rows else KeyValueCache([])


def _heads(attention: Any, which: str, x: Tensor) -> Tensor:
    """Project to queries, keys or values: (N, L, D) -> (N, heads, L, D / heads)."""
    y = getattr(attention, f"linear_{which}")(x).view(len(x), -1, attention.h, attention.d_k).transpose(1, 2)
    return y if which == "v" else getattr(attention, f"{which}_norm")(y)


def _merge(attention: Any, found: Tensor) -> Tensor:
    """(N, heads, L, D / heads) -> (N, L, D)."""
    return attention.linear_out(found.transpose(1, 2).flatten(2))
