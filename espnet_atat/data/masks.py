"""On-the-fly masking: the words of *mlm* examples get fresh masks in every epoch, in place of a masked copy of the set.

A mixture then names the set itself, ``{task: mlm, set: mini/sentences_train}``, and a training configuration says where
its word times are::

    mask_conf:
      alignments: {sentences_train: exp/mini/alignments/sentences_train.jsonl}
      ratio: 0.15
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from espnet_atat.data.mixture import group_of, task_of
from espnet_atat.errors import UserError, naming
from espnet_atat.schema import read
from espnet_atat.speech.alignment.record import read_alignments
from espnet_atat.speech.masking import LOG_MELS, Frames, MaskConfig, OnTheFlyMasker

OPTION = "mask_conf"


@dataclass(frozen=True, kw_only=True)
class MaskOptions(MaskConfig):
    """How to mask, and where each set's word times are: ``alignments``, set → file of ``bin.align``."""

    alignments: Mapping[str, str]


@dataclass(frozen=True)
class ExampleMasker:
    """Masks the examples ``mlm-<set>-<utterance>`` of some sets.

    Attributes:
        maskers: by the set's name, as the ids contain it.
    """

    maskers: Mapping[str, OnTheFlyMasker]

    @classmethod
    def from_config(cls, config: Mapping[str, Any], frames: Frames = LOG_MELS) -> Self:
        """Read the alignments that a configuration (the fields of ``MaskOptions``) names; ``frames``: of features."""
        options = read(MaskOptions, config, OPTION)
        files = options.alignments.items()
        try:
            with naming(OPTION):
                return cls({name: OnTheFlyMasker(read_alignments(file), options, frames) for name, file in files})
        except OSError as error:
            raise UserError(f"{OPTION}: {error.filename}: {error.strerror}; stage 4 makes it") from error

    def __call__(self, example: str, speech: np.ndarray, epoch: int | None) -> np.ndarray:
        """Mask an example, given by its id, if it is to be masked.

        Args:
            speech: features (T, 80), an encoder's states (T, H), or samples (num_samples,) at 16 kHz.
            epoch: None: the mask that ``bin.mask`` draws with the same seed.
        """
        masker, utt = self._find(example)
        return speech if masker is None else masker(utt, speech, epoch)

    def check(self, examples: Iterable[str]) -> str:
        """Look every example up before training starts; a line for the log says how many will be masked."""
        masked = without = other = 0
        for example in examples:
            masker, utt = self._find(example)
            if masker is None:
                other += task_of(group_of(example)) == "mlm"
                continue
            if utt not in masker.alignments:
                raise UserError(f"{OPTION}: {example} has no alignment: align its set again (stage 4)")
            masked += 1
            without += not any(word.found for word in masker.alignments[utt])
        if other and not masked:  # none at all is right: fine-tuning on text takes over the options of pretraining
            raise UserError(f"{OPTION}: the mixture's mlm examples do not come from {', '.join(self.maskers)}")
        return f"{masked} mlm examples get fresh masks every epoch; {without} of them have no aligned word and none"

    def _find(self, example: str) -> tuple[OnTheFlyMasker | None, str]:
        """The masker of an example, None where it is not masked; and its utterance."""
        group = group_of(example)
        masker = self.maskers.get(group.partition("-")[2]) if task_of(group) == "mlm" else None
        return masker, example.removeprefix(f"{group}-")
