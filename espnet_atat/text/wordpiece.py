"""A lower-case WordPiece tokenizer for a text encoder that is trained from scratch.

The trainer of the ``tokenizers`` library breaks ties by the order of a randomly seeded hash table, so two runs give
different vocabularies. The pieces come from sentencepiece instead (:mod:`espnet_atat.text.bpe`), which is
deterministic; words are split by the library's WordPiece, longest match first.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from espnet_atat.errors import UserError
from espnet_atat.text.bpe import pieces, train_bpe
from espnet_atat.text.pieces import MAX_PIECES
from espnet_atat.text.tokenizer import WORD_START

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
INSIDE = "##"
#: As uncased BERT does: lower case, no accents, punctuation is split off.
NORMALIZER = normalizers.BertNormalizer(lowercase=True)
PRE_TOKENIZER = pre_tokenizers.BertPreTokenizer()


def train_wordpiece(lines: Iterable[str], size: int) -> list[str]:
    """A WordPiece vocabulary in the order of its ids, of at most ``size`` tokens, special ones included.

    It contains every character of the lines, both word-initial and word-internal, so that only new ones are unknown.
    """
    lines = [" ".join(_split(line)) for line in lines]
    characters = sorted({character for line in lines for word in line.split() for character in word})
    alphabet = [*characters, *(INSIDE + character for character in characters)]
    least = len(SPECIAL_TOKENS) + len(alphabet)
    if size < least:
        raise UserError(
            f"{size} WordPiece tokens do not hold {len(SPECIAL_TOKENS)} special ones and {len(characters)} characters "
            f"in two forms: take {least} or more"
        )
    # Sentencepiece counts its <unk>, the word start mark and each character once; then come the merges.
    merged = (
        piece[len(WORD_START) :] if piece.startswith(WORD_START) else INSIDE + piece
        for piece in pieces(train_bpe(lines, size + len(characters)))
    )
    taken = {*SPECIAL_TOKENS, *alphabet, ""}
    wanted = [piece for piece in dict.fromkeys(merged) if piece not in taken]
    return [*SPECIAL_TOKENS, *alphabet, *wanted][:size]


def save_wordpiece(tokens: Iterable[str], folder: str | Path) -> None:
    """Write a folder for ``AutoTokenizer.from_pretrained``; a text becomes ``[CLS] pieces … [SEP]``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=INSIDE))
    tokenizer.normalizer = NORMALIZER
    tokenizer.pre_tokenizer = PRE_TOKENIZER
    tokenizer.decoder = decoders.WordPiece(prefix=INSIDE)
    ends = {token: vocabulary[token] for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=list(ends.items())
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_PIECES,
        "do_lower_case": True,
        **dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True)),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _split(line: str) -> list[str]:
    return [word for word, _ in PRE_TOKENIZER.pre_tokenize_str(NORMALIZER.normalize_str(line))]
