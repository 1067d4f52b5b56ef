"""The folder that holds a model's tokens: ``tokens.txt``, ``bpe.model``, ``characters.txt`` and ``text_tokenizer/``."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.growth import BPEGrowth, grow
from espnet_atat.text.tokenizer import CHARACTERS_FILE, TargetTokenizer, target_words
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece


def train_folder(targets: Sequence[str], bpe_size: int, wordpiece_size: int | None, folder: Path) -> dict[str, int]:
    """Make tokens for targets (trees or words), and with ``wordpiece_size`` the text encoder's; returns numbers."""
    facts = make_target_model(targets, bpe_size, folder)
    if wordpiece_size is not None:
        pieces = train_wordpiece((" ".join(target_words(target)) for target in targets), wordpiece_size)
        save_wordpiece(pieces, folder / "text_tokenizer")
        facts["text pieces"] = len(pieces)
    return facts


def grow_folder(old: Path, targets: Sequence[str], bpe: BPEGrowth | None, folder: Path) -> dict[str, int]:
    """Make the tokens of the folder ``old`` with new ones at the end; the CTC's characters stay. Returns numbers."""
    before = TargetTokenizer.load(old)
    after = grow(before, targets, bpe)
    after.save(folder)
    shutil.copyfile(old / CHARACTERS_FILE, folder / CHARACTERS_FILE)
    facts = {"tokens": len(after.vocabulary), "new tokens": len(after.vocabulary) - len(before.vocabulary)}
    if bpe is not None:
        facts["words split differently"] = len(after.grown_words) - len(before.grown_words)
    return facts
