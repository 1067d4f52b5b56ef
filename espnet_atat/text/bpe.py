"""Training of the decoder's word pieces: sentencepiece BPE on words without tags, the same in every run."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import is_tag
from espnet_atat.text.tokenizer import CharTokenizer, target_words
from espnet_atat.text.vocabulary import Vocabulary

#: In bytes, so long that no line is left out (sentencepiece's default, 4192, leaves some out).
LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class TargetModel:
    """What :class:`~espnet_atat.text.tokenizer.TargetTokenizer` needs.

    Attributes:
        vocabulary: control tokens, tags, pieces.
        bpe: a sentencepiece model, serialised.
        characters: symbols of the character CTC.
    """

    vocabulary: Vocabulary
    bpe: bytes
    characters: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write ``tokens.txt``, ``bpe.model`` and ``characters.txt`` into a folder that exists."""
        self.vocabulary.save(folder / "tokens.txt")
        (folder / "bpe.model").write_bytes(self.bpe)
        (folder / "characters.txt").write_text("".join(f"{c}\n" for c in self.characters), encoding="utf-8")


def train_target_model(targets: Iterable[str], bpe_size: int) -> TargetModel:
    """Make the vocabulary of some targets (trees, or plain words).

    Args:
        targets: of the pretraining mixture.
        bpe_size: number of word pieces (paper: 5000); fewer if the words do not yield as many.
    """
    targets = list(targets)
    tags = {token for target in targets for token in target.split() if is_tag(token)}
    lines = [" ".join(target_words(target)) for target in targets]
    bpe = train_bpe(lines, bpe_size)
    return TargetModel(Vocabulary.build(tags, pieces(bpe)), bpe, CharTokenizer.build(lines).characters)


def train_bpe(lines: Iterable[str], size: int) -> bytes:
    """Train sentencepiece's BPE; a pure function of the lines and their order.

    Args:
        lines: normalised words, space between.
        size: number of pieces, ``<unk>`` included; a small corpus may yield fewer.

    Returns:
        The model, serialised.
    """
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise UserError("there are no words to train a BPE model on")
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
            raise UserError(f"{size} BPE pieces do not even hold the {needed - 1} characters of the words") from error
        raise
    return model.getvalue()


def pieces(bpe: bytes) -> list[str]:
    """The pieces of a serialised model in its order, without ``<unk>``."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=bpe)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if not processor.is_unknown(i)]
