"""From an example's raw streams to numbers: target tokens, CTC symbols, text pieces, augmented features."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from espnet2.train.preprocessor import AbsPreprocessor
from torch.utils.data import get_worker_info

from espnet_atat.data.feature_augmentation import FeatureAugmentation
from espnet_atat.data.masks import ExampleMasker
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.augmentation.chain import Chain
from espnet_atat.text.pieces import FASTEST_PACE, MAX_PIECES, read_pieces, words_of_pieces
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer

#: Texts whose numbers are kept for the next epoch; more are tokenised again.
REMEMBERED = 100_000


class MixturePreprocessor(AbsPreprocessor):
    """Tokenises an example's streams: ``text`` in every example, ``text_in`` or ``speech`` in its kind.

    Args:
        train: augment.
        tokenizer: of the targets.
        ctc_tokenizer: None: no CTC; a :class:`CharTokenizer`: characters of the words; a :class:`TargetTokenizer`:
            the target's tokens without the task token.
        text_tokenizer: of the text encoder; None in a model of audio only.
        augmentation: of (T, F) features in training.
        waveform_augmentation: of (num_samples,) audio in training.
        masker: masks words of *mlm* examples, before any augmentation.
        max_text_pieces: longer text inputs are cut there.
        transcripts: give audio examples their words as the text encoder reads them too.
        transcript_words: give them the word of each of these pieces too.
        text_pace: length of a character in audio states, for a text encoder that reads at the pace of speech: see
            :func:`~espnet_atat.text.pieces.read_pieces`. 0: each piece comes once.
        text_mask_rate: share of the pieces of text examples that training hides behind the tokenizer's mask, as *mlm*
            hides words of audio; the target stays whole.

    Raises:
        UserError: a rate outside [0, 1), or one above 0 and a tokenizer without a mask; a pace below 0.
    """

    def __init__(
        self,
        train: bool,
        tokenizer: TargetTokenizer,
        ctc_tokenizer: CharTokenizer | TargetTokenizer | None = None,
        text_tokenizer: Any = None,
        augmentation: FeatureAugmentation | None = None,
        max_text_pieces: int = MAX_PIECES,
        transcripts: bool = False,
        transcript_words: bool = False,
        text_pace: float = 0.0,
        waveform_augmentation: Chain | None = None,
        masker: ExampleMasker | None = None,
        text_mask_rate: float = 0.0,
    ):
        super().__init__(train)
        self.tokenizer = tokenizer
        self.ctc_tokenizer = ctc_tokenizer
        self.text_tokenizer = text_tokenizer
        self.augmentation = augmentation
        self.max_text_pieces = max_text_pieces
        self.transcripts = transcripts
        self.transcript_words = transcript_words
        self.text_pace = text_pace
        self.waveform_augmentation = waveform_augmentation
        self.masker = masker
        if not 0 <= text_pace <= FASTEST_PACE:
            raise UserError(f"--text_pace is a number of states from 0 to {FASTEST_PACE}, found {text_pace}")
        if not 0 <= text_mask_rate < 1:
            raise UserError(f"--text_mask_rate is a share from 0 to below 1, found {text_mask_rate}")
        if text_mask_rate and getattr(text_tokenizer, "mask_token_id", None) is None:
            raise UserError("--text_mask_rate: the text tokenizer has no mask token")
        self.text_mask_rate = text_mask_rate
        self.epoch: int | None = None  # None in validation: one mask for good
        self._remembered: dict[tuple[str, str], np.ndarray] = {}

    def __call__(self, uid: str, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Numbers of one example.

        Raises:
            UserError: names the utterance; an unknown tag, or a text input without a text tokenizer.
        """
        numbers: dict[str, np.ndarray] = {}
        if "text" in data:
            target = str(data["text"])
            with naming(f"utterance {uid}"):
                numbers["text"] = self._once("text", target, self.tokenizer.encode)
            if "speech" in data and self.ctc_tokenizer is not None:
                words = target.partition(" ")[2]  # the task token says nothing about the sound
                numbers["ctc_text"] = self._once("ctc_text", words, self.ctc_tokenizer.encode)
            if "speech" in data and self.transcripts:
                words = " ".join(strip_tags(target.partition(" ")[2]))
                numbers["transcript"] = self._once("transcript", words, self._pieces)
                if self.transcript_words:
                    numbers["transcript_words"] = self._once("transcript_words", words, self._words)
        if "speech" in data:
            numbers["speech"] = self._speech(uid, np.asarray(data["speech"]))
        if "text_in" in data:
            if self.text_tokenizer is None:
                raise UserError(f"utterance {uid} is text, but the model has no text encoder (--text_encoder none)")
            numbers["text_in"] = self._masked(self._once("text_in", str(data["text_in"]), self._pieces))
        return numbers

    def _once(self, stream: str, text: str, tokenise: Callable[[str], Sequence[int]]) -> np.ndarray:
        """What ``tokenise`` makes of a text, (n,) ids, from memory where it was made before."""
        ids = self._remembered.get((stream, text))
        if ids is None:
            ids = np.array(tokenise(text), dtype=np.int64)
            if len(self._remembered) < REMEMBERED and get_worker_info() is None:  # a worker lives for one epoch
                self._remembered[stream, text] = ids
        return ids

    def _speech(self, uid: str, speech: np.ndarray) -> np.ndarray:
        """Mask, then augment: features (T, F) or audio (num_samples,)."""
        if self.masker is not None:
            speech = self.masker(uid, speech, self.epoch)
        if not self.train:
            return speech
        # Drawn from numpy's global state, which ESPnet seeds with seed + epoch: a resumed run draws the same.
        if speech.ndim == 2 and self.augmentation is not None:
            speech = self.augmentation(speech, np.random.default_rng(np.random.randint(2**31)))  # noqa: NPY002
        elif speech.ndim == 1 and self.waveform_augmentation is not None:
            rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002
            speech = self.waveform_augmentation(speech.astype(np.float32, copy=False), SAMPLE_RATE, rng)
        elif self.waveform_augmentation is not None:
            raise UserError(f"utterance {uid}: waveform_augment_conf changes audio, found features: --feats_type raw")
        elif self.augmentation is not None:
            logging.warning("augment_conf changes features, and the data hold audio: waveform_augment_conf changes it")
            self.augmentation = None  # said once
        return speech

    def _masked(self, pieces: np.ndarray) -> np.ndarray:
        """Hide some pieces in training, never the first and last ([CLS] and [SEP])."""
        if not self.train or not self.text_mask_rate:
            return pieces
        hidden = np.random.random(len(pieces)) < self.text_mask_rate  # noqa: NPY002 (seeded by ESPnet, see above)
        if self.text_pace:  # a piece is hidden with all its repetitions
            hidden = hidden[np.cumsum(np.diff(pieces, prepend=pieces[:1]) != 0)]
        hidden[[0, -1]] = False
        return np.where(hidden, self.text_tokenizer.mask_token_id, pieces)

    def _pieces(self, words: str) -> list[int]:
        """What the text encoder reads."""
        return read_pieces(self.text_tokenizer, words, self.max_text_pieces, self.text_pace)

    def _words(self, words: str) -> list[int]:
        """The word of each of these pieces."""
        return words_of_pieces(self.text_tokenizer, words, self.max_text_pieces, self.text_pace)
