"""The shared decoder as a scorer of the search, one token per step, with cached keys and values.

ESPnet's own step (``TransformerDecoder.batch_score``) gives the same scores, which a test checks. It keeps layer
*outputs* and projects all of them to keys and values again at every step, the encoder's states too, once for each
hypothesis. Here the encoder's states are projected once for each utterance, and a token once. A step of a small model
is so short that calling modules would take half of it: their weights are collected once.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear
from torch.nn.functional import scaled_dot_product_attention as attend

from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.decoder import SharedDecoder
from espnet_atat.model.espnet import BatchScorerInterface

POSITIONS = 64  # whose encodings are computed ahead
Map = tuple[Tensor, Tensor | None]  # weight and bias
Function = Callable[[Tensor], Tensor]
#: Keys and values of all tokens so far: (labels * layers, 2, N, heads, L, D / heads).
Cache = Tensor


class DecoderWeights:
    """The weights of a decoder in eval mode, laid out for one step; they must not change afterwards."""

    def __init__(self, decoder: SharedDecoder):
        self.decoder = decoder
        self.tied = decoder.tied.weight.detach()  # (V, D)
        self.layers = [_Layer(layer) for layer in decoder.decoders]
        self.after_norm = _norm(decoder.after_norm) if decoder.normalize_before else None
        self.scale = decoder.embed[1].xscale
        self.encodings = self.tied.new_empty(0)

    def embed(self, tokens: Tensor, position: int) -> Tensor:
        """Tokens (N,) at a position -> (N, D)."""
        encodings = self.encodings  # (L, D)
        if position >= len(encodings):
            zeros = self.tied.new_zeros(1, position + POSITIONS, self.tied.size(1))
            self.encodings = encodings = self.decoder.embed[1](zeros)[0]
        return embedding(tokens, self.tied) * self.scale + encodings[position]


class DecoderScorer(BatchScorerInterface):
    """Log probabilities of the next token; made for one batch of utterances, used by one search.

    ``task_ids`` replace what is first in a hypothesis. Of several, the decoder runs once for each, and their
    probabilities are averaged.
    """

    def __init__(self, weights: DecoderWeights, encoded: Encoded, task_ids: Sequence[int]):
        self.weights = weights
        self.task_ids = tuple(task_ids)
        self.valid: Tensor | None = None
        if int(encoded.lengths.min()) < (longest := encoded.states.size(1)):
            self.valid = valid_frames(encoded.lengths, longest)[:, None, None, :]  # (B, 1, 1, S)
        self.sources = [layer.project(encoded.states) for layer in weights.layers]

    def batch_score(
        self, ys: Tensor, states: Cache | list[None], xs: Tensor, xs_mask: Tensor | None = None
    ) -> tuple[Tensor, Cache]:
        """Score all tokens after each hypothesis: ys (N, L) -> log probabilities (N, V), and the grown cache."""
        number, position = ys.size(0), ys.size(1) - 1
        heads, size = self.weights.layers[0].shape
        depth = len(self.weights.layers)
        grown = self.weights.tied.new_empty(depth * len(self.task_ids), 2, number, heads, position + 1, size)
        if isinstance(states, Tensor):  # not at the first step
            grown[..., :position, :] = states
        logps = []
        for label, task_id in enumerate(self.task_ids):
            tokens = ys[:, -1] if position else torch.full_like(ys[:, -1], task_id)
            logps.append(self._step(tokens, grown[label * depth : (label + 1) * depth], position))
        if len(logps) == 1:
            return logps[0], grown
        return torch.stack(logps).logsumexp(0) - math.log(len(logps)), grown

    def batch_select_state(self, state: Cache, best_ids: Tensor) -> Cache:
        """The chosen hypotheses of all utterances: best_ids (B, K) holds ``hypothesis * V + token``."""
        held = state.size(2) // len(best_ids)  # H
        hypotheses = best_ids // len(self.weights.tied)
        if len(best_ids) > 1:
            hypotheses = hypotheses + torch.arange(len(best_ids), device=best_ids.device)[:, None] * held
        return state.index_select(2, hypotheses.flatten())

    def _step(self, tokens: Tensor, cache: Tensor, position: int) -> Tensor:
        """One decoder, one label: tokens (N,) at a position -> (N, V); writes their keys and values to the cache."""
        weights = self.weights
        x = weights.embed(tokens, position)
        for layer, own, source in zip(weights.layers, cache, self.sources, strict=True):
            x = layer(x, own, source, self.valid)
        if weights.after_norm is not None:
            x = weights.after_norm(x)
        return torch.log_softmax(linear(x, weights.tied), -1)


class _Layer:
    """ESPnet's ``DecoderLayer`` for one new token of each hypothesis."""

    def __init__(self, layer: Any):
        self.before = layer.normalize_before
        self.norms = [_norm(norm) for norm in (layer.norm1, layer.norm2, layer.norm3)]
        own, self.source = layer.self_attn, layer.src_attn
        self.shape = own.h, own.d_k
        inputs = own.linear_q, own.linear_k, own.linear_v
        self.own_in = torch.cat([each.weight for each in inputs]), torch.cat([each.bias for each in inputs])
        self.own_out = _map(own.linear_out)
        self.source_in, self.source_out = _map(self.source.linear_q), _map(self.source.linear_out)
        self.own_norms = _head_norm(own.q_norm), _head_norm(own.k_norm)
        self.source_norm = _head_norm(self.source.q_norm)
        self.concats = (layer.concat_linear1, layer.concat_linear2) if layer.concat_after else None
        self.first, self.second = _map(layer.feed_forward.w_1), _map(layer.feed_forward.w_2)
        activation = layer.feed_forward.activation
        self.activation = torch.relu if type(activation) is torch.nn.ReLU else activation

    def project(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoder's states (B, S, D), each (B, heads, S, D / heads)."""
        parts = (*states.shape[:2], *self.shape)
        keys = self.source.k_norm(self.source.linear_k(states).view(parts).transpose(1, 2))
        return keys.contiguous(), self.source.linear_v(states).view(parts).transpose(1, 2).contiguous()

    def __call__(self, x: Tensor, cache: Tensor, source: tuple[Tensor, Tensor], valid: Tensor | None) -> Tensor:
        """x (N, D), of the new token -> (N, D); ``cache`` (2, N, heads, L, D / heads) gets its keys and values.

        ``source`` is what :meth:`project` gave; ``valid`` (B, 1, 1, S) is true where a state is no padding.
        """
        number, width = x.shape
        norm1, norm2, norm3 = self.norms
        y = norm1(x) if self.before else x
        projected = linear(y, *self.own_in).view(number, 3, *self.shape).transpose(0, 1)  # (3, N, heads, D / heads)
        query_norm, key_norm = self.own_norms
        query = projected[0]
        cache[:, :, :, -1] = projected[1:]
        if query_norm is not None and key_norm is not None:
            query = query_norm(query)
            cache[0, :, :, -1] = key_norm(projected[1])
        found = attend(query.unsqueeze(2), cache[0], cache[1])  # (N, heads, 1, D / heads)
        x = self._add(0, x, y, linear(found.view(number, width), *self.own_out))
        x = x if self.before else norm1(x)

        y = norm2(x) if self.before else x
        # (N, D) -> (B, heads, H, D / heads): the hypotheses of an utterance are its queries.
        query = linear(y, *self.source_in).view(source[0].size(0), -1, *self.shape).transpose(1, 2)
        if self.source_norm is not None:
            query = self.source_norm(query)
        found = attend(query, *source, attn_mask=valid).transpose(1, 2).reshape(number, width)
        x = self._add(1, x, y, linear(found, *self.source_out))
        x = x if self.before else norm2(x)

        y = norm3(x) if self.before else x
        x = x + linear(self.activation(linear(y, *self.first)), *self.second)
        return x if self.before else norm3(x)

    def _add(self, number: int, x: Tensor, y: Tensor, found: Tensor) -> Any:
        if self.concats is None:
            return x + found
        return x + self.concats[number](torch.cat((y, found), -1))


def _map(layer: Any) -> Map:
    """Of a linear layer; an adapter's part is in its weight in eval mode."""
    return layer.weight, layer.bias


def _norm(layer: Any) -> Function:
    """A layer normalisation without its module."""
    shape, weight, bias, eps = layer.normalized_shape, layer.weight, layer.bias, layer.eps
    return lambda x: torch.layer_norm(x, shape, weight, bias, eps)


def _head_norm(layer: Any) -> Function | None:
    """The normalisation of queries or keys; None where a model has none."""
    return None if isinstance(layer, torch.nn.Identity) else _norm(layer)
