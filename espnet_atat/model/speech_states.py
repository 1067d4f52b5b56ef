"""What pretrained speech encoders share: from samples to states, partly frozen."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.precision import full_precision

#: Whose states: the last layer's, or a learnt sum of all.
LAST_LAYER, WEIGHTED_SUM = "last", "weighted"
#: What trains, unless it is a number of layers at the top.
TRAIN_NONE, TRAIN_ALL = "none", "all"


def check_choices(layers: str | int, trained: str | int) -> None:
    """Refuse other choices than ``layers`` (last, weighted, a number) and ``trained`` (none, all, a number) have."""
    for name, value, words in (
        ("layers", layers, (LAST_LAYER, WEIGHTED_SUM)),
        ("trained", trained, (TRAIN_NONE, TRAIN_ALL)),
    ):
        if value not in words and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise UserError(f"audio_encoder_conf: {name} is {words[0]}, {words[1]} or a number from 1, found {value!r}")


class SpeechStates(nn.Module, ABC):
    """Samples to states, of utterances without padding.

    Attributes:
        samples_per_state: hop.
    """

    samples_per_state: int

    def __init__(self) -> None:
        super().__init__()
        self._frozen: list[nn.Module] = []
        self._trained: list[nn.Module] = []  # parts of what is frozen

    def freeze(
        self, body: nn.Module, trained: str | int, layers: Iterable[nn.Module], closing_norm: nn.Module | None
    ) -> None:
        """Train ``none`` or ``all`` of a part, or so many of its layers at the top, with the norm behind them."""
        if trained == TRAIN_ALL:
            return
        if isinstance(trained, int):
            layers = list(layers)
            if trained > len(layers):
                raise UserError(f"audio_encoder_conf: trained: {trained}, but the encoder has {len(layers)} layers")
            self._trained = [*layers[-trained:], *([] if closing_norm is None else [closing_norm])]
        self._frozen = [body.requires_grad_(False)]
        for module in self._trained:
            module.requires_grad_(True)

    def train(self, mode: bool = True) -> Self:
        """What is frozen stays as in inference, without dropout.

        Adapters train too: loralib merges them into weights in eval mode, and they would get no gradient.
        """
        super().train(mode)
        for body in self._frozen:
            nn.Module.train(body, False)
            for module in (*self._trained, *(each for each in body.modules() if hasattr(each, "lora_A"))):
                module.train(mode)
        return self

    def forward(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (B, N) at 16 kHz and their numbers (B,) -> states (B, S, H), zero behind each end, and theirs.

        Raises:
            UserError: an utterance is too short for one state, or too long for the encoder's positions.
        """
        states: list[Tensor] = [speech] * len(lengths)
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            for row, found in zip(rows.tolist(), self.unpadded(speech[rows, :length]), strict=True):
                states[row] = found
        counts = torch.tensor([len(each) for each in states], device=lengths.device)
        return nn.utils.rnn.pad_sequence(states, batch_first=True), counts

    @abstractmethod
    def unpadded(self, speech: Tensor) -> Tensor:
        """(B, N) rows of one length -> (B, S, H)."""

    @torch.inference_mode()
    def states_of(self, samples: np.ndarray) -> np.ndarray:
        """One utterance, (num_samples,) at 16 kHz -> (S, H), float32; a GPU's are the CPU's up to rounding."""
        speech = torch.from_numpy(samples)[None].to(next(self.parameters()).device)
        with full_precision():
            states, _ = self(speech, torch.tensor([len(samples)], device=speech.device))
        return np.asarray(states[0].float().cpu().numpy())
