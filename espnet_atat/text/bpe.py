"""Training of the decoder's word pieces: sentencepiece BPE on words without tags, the same in every run."""

import io
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import is_tag
from espnet_atat.text.tokenizer import BPE_FILE, CHARACTERS_FILE, TOKENS_FILE, CharTokenizer, target_words
from espnet_atat.text.vocabulary import Vocabulary

#: In bytes, so long that no line is left out (sentencepiece's default, 4192, leaves some out).
LONGEST_LINE = 1 << 20
LARGEST = 1_000_000  # pieces


def make_target_model(targets: Iterable[str], bpe_size: int, folder: Path) -> dict[str, int]:
    """Write ``tokens.txt``, ``bpe.model`` and ``characters.txt`` of some targets (trees, or plain words).

    Args:
        targets: of the pretraining mixture.
        bpe_size: number of word pieces (paper: 5000); fewer if the words do not yield as many.
        folder: exists.

    Returns:
        Numbers of ``tokens`` and ``characters``.
    """
    targets = list(targets)
    tags = {token for target in targets for token in target.split() if is_tag(token)}
    lines = [" ".join(target_words(target)) for target in targets]
    bpe = train_bpe(lines, bpe_size)
    (folder / BPE_FILE).write_bytes(bpe)
    vocabulary, characters = Vocabulary.build(tags, pieces(bpe)), CharTokenizer.build(lines).characters
    vocabulary.save(folder / TOKENS_FILE)
    (folder / CHARACTERS_FILE).write_text("".join(f"{c}\n" for c in characters), encoding="utf-8")
    return {"tokens": len(vocabulary), "characters": len(characters)}


def train_bpe(lines: Iterable[str], size: int) -> bytes:
    """Train sentencepiece's BPE, serialised: a pure function of the lines (normalised words) and their order.

    Args:
        size: number of pieces, ``<unk>`` included; a small corpus may yield fewer.
    """
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise UserError("there are no words to train a BPE model on")
    if size > LARGEST:
        raise UserError(f"{size} BPE pieces are more than any model has; take at most {LARGEST}")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",  # the text is normalised already, in one place
            max_sentence_length=LONGEST_LINE,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        needed = len({character for line in lines for character in line}) + 1
        if size <= needed:
            raise UserError(f"{size} BPE pieces cannot hold the {needed - 1} characters of the words") from error
        raise
    return model.getvalue()


def pieces(bpe: bytes) -> list[str]:
    """The pieces of a serialised model in its order, without ``<unk>``."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=bpe)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if not processor.is_unknown(i)]
