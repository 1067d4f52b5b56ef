"""From examples to one batch in two modalities."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_atat.data.parts import cut_by_length
from espnet_atat.speech.fbank import FRAME_SHIFT

#: What fills a shorter row up. -1 is no token: the model masks it out.
PADDING = {"speech": 0.0, "text_in": -1, "text": -1, "ctc_text": -1, "transcript": -1, "transcript_words": -1}

Example = tuple[str, dict[str, np.ndarray]]


class MixedCollate:
    """Groups examples by modality, audio first, and pads each stream by itself.

    Returns ids and tensors: ``speech`` (Ba, T, F) or (Ba, samples), ``text_in`` (Bt, S), ``text`` (Ba + Bt, L), and
    ``ctc_text`` (Ba, symbols), ``transcript`` and ``transcript_words`` (Ba, S) where the preprocessor gives them; with
    ``<name>_lengths`` each. A stream that no example of the batch has is left out.

    Args:
        max_parts: above 1, rows of a modality are sorted by falling length, and ``speech_parts`` and ``text_in_parts``
            say how many rows the encoder is to take together (``parts.py``).
        part_costs: frames of ``speech`` and pieces of ``text_in`` that a further part must save; none where absent.
    """

    def __init__(self, max_parts: int = 1, part_costs: Mapping[str, int] | None = None):
        self.max_parts = max_parts
        self.part_costs = dict(part_costs or {})

    def __call__(self, examples: Sequence[Example]) -> tuple[list[str], dict[str, Tensor | list[int]]]:
        ordered = sorted(examples, key=self._place)  # stable
        batch: dict[str, Tensor | list[int]] = {}
        for name, padding in PADDING.items():
            rows = [data[name] for _, data in ordered if name in data]
            if rows:
                batch[name] = pad_sequence(list(map(torch.from_numpy, rows)), batch_first=True, padding_value=padding)
                batch[f"{name}_lengths"] = torch.tensor([len(row) for row in rows], dtype=torch.long)
                if self.max_parts > 1 and name in ("speech", "text_in"):
                    samples = FRAME_SHIFT if rows[0].ndim == 1 and name == "speech" else 1  # in a unit of the cost
                    cost = self.part_costs.get(name, 0) * samples
                    batch[f"{name}_parts"] = cut_by_length([len(row) for row in rows], self.max_parts, cost)
        return [utt_id for utt_id, _ in ordered], batch

    def _place(self, example: Example) -> tuple[bool, int]:
        source = example[1].get("speech", example[1].get("text_in"))
        return "speech" not in example[1], -len(source) if source is not None and self.max_parts > 1 else 0
