"""The states of a frozen speech encoder as features: about 50 per second, computed once for each set.

Each utterance is encoded by itself, so that its states do not depend on others.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from espnet_atat.speech.features import FeatureConfig


@dataclass(frozen=True)
class StatesConfig(FeatureConfig):
    """How states are made; ``compress``: one byte per value, else two.

    Attributes:
        model: folder or hub name of the encoder.
        identity: hash of its files (``model.hub.model_identity``).
        layers: the last, or one by its number.
        silence: seconds behind each utterance, of Whisper.
    """

    feats_type: str = "encoder"
    model: str = ""
    identity: str = ""
    layers: str | int = "last"
    silence: float = 0.5

    def compute(self, samples: np.ndarray, ngpu: int = 0, /) -> np.ndarray:
        """States (S, H), float32, of samples (num_samples,) at 16 kHz."""
        states: np.ndarray = _encoder(self.model, self.layers, self.silence, ngpu).states_of(samples)
        return states

    @property
    def compression(self) -> int:
        """Kaldi's method: one byte per value with percentiles of each dimension, or two of one range."""
        return 2 if self.compress else 3


@cache
def _encoder(model: str, layers: str | int, silence: float, ngpu: int) -> Any:
    """Of this process."""
    from espnet_atat.model.precision import device_here
    from espnet_atat.model.pretrained_speech import load_pretrained_speech

    return load_pretrained_speech(model, layers=layers, silence=silence).eval().to(device_here(ngpu))
