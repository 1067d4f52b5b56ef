"""Where the decoder looked: its source attention over one utterance, for a given hypothesis.

Computed in one teacher-forced pass: the decoder reads ``<task> w1 … wn`` and gives ``w1 … wn <eos>``; the attention of
a position belongs to the token that is predicted there. The search itself keeps no attention.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from espnet_atat.decode.trained import Trained
from espnet_atat.decode.vad import Segment
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded
from espnet_atat.text.tokenizer import WORD_START
from espnet_atat.text.vocabulary import EOS


@dataclass(frozen=True)
class Attention:
    """Source attention of every layer and head."""

    tokens: tuple[str, ...]  # L predicted ones, ``<eos>`` the last
    weights: np.ndarray  # (layers, heads, L, S), float32; over the S encoder states each row sums to 1
    subsampling: float  # input frames of 10 ms that a state covers; 1 for text, whose states are word pieces
    first: int = 0  # input frames before the first state: of a recording whose beginning the model was not given

    @property
    def mean(self) -> np.ndarray:
        """Over layers and heads: (L, S)."""
        return self.weights.mean(axis=(0, 1))

    def frames(self, num_frames: int) -> np.ndarray:
        """The mean spread over the input's frames: (L, num_frames). Those that are in no state get 0."""
        states = (np.arange(num_frames - self.first) / self.subsampling).astype(int)  # of each frame
        mean = np.pad(self.mean, ((0, 0), (0, max(0, int(states[-1]) + 1 - self.mean.shape[1]))))
        return np.pad(mean[:, states] / self.subsampling, ((0, 0), (self.first, 0)))


def speech_attention(trained: Trained, segment: Segment, task: str, tokens: Sequence[str]) -> Attention:
    """Attention of a hypothesis' ``tokens`` (without task token and ``<eos>``) over audio.

    ``segment``: what the model was given of the audio, log mel features (num_frames, 80), or samples (num_samples,) or
    states for a model that hears.
    """
    speech = segment.speech
    batch = torch.from_numpy(np.require(speech, np.float32, ["C", "W"]))[None].to(trained.device)
    lengths = torch.tensor([len(speech)], device=trained.device)
    with torch.inference_mode(), trained.encoding:
        encoded = trained.model.encode_audio(batch, lengths)
        assert trained.model.audio_encoder is not None
        source, pieces = trained.model.decoder_source(encoded), trained.model.audio_pieces(encoded)[0].cpu().numpy()
        found = _attention(trained, source, task, tokens, trained.model.audio_encoder.frames_per_state)
    # A state that is the mean of several shares its weight out among them.
    weights = (found.weights / np.bincount(pieces))[..., pieces].astype(np.float32)
    return replace(found, weights=weights, first=segment.first)


def text_attention(trained: Trained, pieces: Sequence[int], task: str, tokens: Sequence[str]) -> Attention:
    """Attention over the ids of the text encoder's pieces; otherwise as :func:`speech_attention`."""
    batch = torch.tensor([list(pieces)], dtype=torch.long, device=trained.device)
    lengths = torch.tensor([len(pieces)], device=trained.device)
    with torch.inference_mode(), trained.encoding:
        return _attention(trained, trained.model.encode_text(batch, lengths), task, tokens, 1)


def _attention(trained: Trained, encoded: Encoded, task: str, tokens: Sequence[str], subsampling: float) -> Attention:
    vocabulary = trained.vocabulary
    # A word of the CTC's spelling is <unk> to the decoder.
    if unknown := [token for token in tokens if token not in vocabulary and not token.startswith(WORD_START)]:
        raise UserError(f"the token {unknown[0]!r} is not of this model's {len(vocabulary)} tokens")
    ids = [vocabulary.task_id(task), *vocabulary.ids(list(tokens))]
    inputs = torch.tensor([ids], device=trained.device)  # (1, L)
    found: list[Tensor] = []

    def keep(module: Any, arguments: tuple[Any, ...]) -> None:
        query, key = arguments[:2]  # (1, L, D), (1, S, D)
        q, k, _ = module.forward_qkv(query, key, key)  # (1, heads, L, D / heads), (1, heads, S, D / heads)
        found.append(torch.softmax(q @ k.transpose(-2, -1) / module.d_k**0.5, dim=-1)[0])

    # ESPnet keeps the weights on its module only where neither flash nor PyTorch's own attention is used. The hooks are
    # safe: whoever calls these modules' forward holds the model's lock.
    hooks = [layer.src_attn.register_forward_pre_hook(keep) for layer in trained.model.decoder.decoders]
    try:
        trained.model.decoder(encoded.states, encoded.lengths, inputs, torch.tensor([len(ids)], device=inputs.device))
    finally:
        for hook in hooks:
            hook.remove()
    weights = torch.stack(found).float().cpu().numpy()  # (layers, heads, L, S)
    return Attention((*tokens, EOS), weights, subsampling)
