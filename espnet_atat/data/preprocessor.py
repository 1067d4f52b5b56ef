"""One example's raw streams to numbers: target tokens, CTC symbols, text pieces, augmented features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from espnet2.train.preprocessor import AbsPreprocessor
from transformers import AutoTokenizer

from espnet_atat.data.augment import FeatureAugmentation
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import strip_tags
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer

#: BERT's positions.
MAX_TEXT_PIECES = 512


def load_text_tokenizer(path: str | Path) -> Any:
    """The text encoder's own tokenizer, from a directory or hub name.

    ``AutoTokenizer`` and not a class by name: given a bare vocabulary file, ``BertTokenizerFast`` of transformers 5
    maps every word to ``[UNK]`` without a word.

    Raises:
        UserError: nothing can be loaded from there.
    """
    folder = Path(path)
    if not folder.is_dir() and (folder.is_absolute() or len(folder.parts) > 2):
        # No hub name looks like this; asking the hub for it would take a minute where there is none.
        raise UserError(f"text tokenizer {str(path)!r}: no such folder; stage 7 of the recipe makes it")
    try:
        return AutoTokenizer.from_pretrained(str(path))
    except (OSError, ValueError) as error:
        raise UserError(f"text tokenizer {str(path)!r}: no tokenizer there ({str(error).splitlines()[0]})") from error


class MixturePreprocessor(AbsPreprocessor):
    """Tokenises what is there: ``text`` in every example, ``text_in`` or ``speech`` in its kind.

    Args:
        train: augment.
        tokenizer: of the targets.
        ctc_tokenizer: None: no CTC; a :class:`CharTokenizer`: characters of the words; a :class:`TargetTokenizer`:
            the target's tokens without the task token.
        text_tokenizer: of the text encoder; None in a model of audio alone.
        augmentation: of (T, F) features in training.
        max_text_pieces: longer text inputs are cut there.
        transcripts: give audio examples their words as the text encoder reads them too.
    """

    def __init__(
        self,
        train: bool,
        tokenizer: TargetTokenizer,
        ctc_tokenizer: CharTokenizer | TargetTokenizer | None = None,
        text_tokenizer: Any = None,
        augmentation: FeatureAugmentation | None = None,
        max_text_pieces: int = MAX_TEXT_PIECES,
        transcripts: bool = False,
    ):
        super().__init__(train)
        self.tokenizer = tokenizer
        self.ctc_tokenizer = ctc_tokenizer
        self.text_tokenizer = text_tokenizer
        self.augmentation = augmentation
        self.max_text_pieces = max_text_pieces
        self.transcripts = transcripts

    def __call__(self, uid: str, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Numbers of one example.

        Raises:
            UserError: names the utterance; an unknown tag, or a text input without a text tokenizer.
        """
        numbers: dict[str, np.ndarray] = {}
        if "text" in data:
            target = str(data["text"])
            try:
                numbers["text"] = np.array(self.tokenizer.encode(target))
            except UserError as error:
                raise UserError(f"utterance {uid}: {error}") from error
            if "speech" in data and self.ctc_tokenizer is not None:
                words = target.partition(" ")[2]  # the task token says nothing about the sound
                numbers["ctc_text"] = np.array(self.ctc_tokenizer.encode(words))
            if "speech" in data and self.transcripts:
                numbers["transcript"] = self._pieces(" ".join(strip_tags(target.partition(" ")[2])))
        if "speech" in data:
            speech = np.asarray(data["speech"])
            if self.train and self.augmentation is not None and speech.ndim == 2:
                # From numpy's global state, which ESPnet seeds with seed + epoch: a resumed run draws the same.
                speech = self.augmentation(speech, np.random.default_rng(np.random.randint(2**31)))  # noqa: NPY002
            numbers["speech"] = speech
        if "text_in" in data:
            if self.text_tokenizer is None:
                raise UserError(f"utterance {uid} is text, but the model has no text encoder (--text_encoder none)")
            numbers["text_in"] = self._pieces(str(data["text_in"]))
        return numbers

    def _pieces(self, words: str) -> np.ndarray:
        """What the text encoder reads: (S,) ids."""
        return np.array(self.text_tokenizer(words, truncation=True, max_length=self.max_text_pieces)["input_ids"])
