"""Text as ESPnet's language model task reads it: the decoder's tokens without those of tasks, one sentence per line."""

from collections.abc import Sequence
from pathlib import Path

from espnet_atat.datadir import write_two_column
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import BLANK, CONTROL_TOKENS, UNKNOWN, Vocabulary

#: ESPnet's name for the last token of a language model, its start and its end of a sentence.
SOS_EOS = "<sos/eos>"


def lm_tokens(vocabulary: Vocabulary) -> list[str]:
    """The language model's token list: blank first, for padding; its start and end last, as ESPnet has it."""
    return [BLANK, UNKNOWN, *(token for token in vocabulary.tokens if token not in CONTROL_TOKENS), SOS_EOS]


def write_sentences(folder: Path, targets: Sequence[str], tokenizer: TargetTokenizer) -> dict[str, int]:
    """Write ``text`` (sentence id, tokens) and ``text_shape`` (sentence id, number of tokens); gives the totals."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences = {f"{number:08d}": tokenizer.tokens(target) for number, target in enumerate(targets)}
    write_two_column(folder / "text", {key: " ".join(tokens) for key, tokens in sentences.items()})
    write_two_column(folder / "text_shape", {key: str(len(tokens)) for key, tokens in sentences.items()})
    everything = [token for tokens in sentences.values() for token in tokens]
    unknown = sum(token not in tokenizer.vocabulary for token in everything)
    return {"sentences": len(sentences), "tokens": len(everything), "unknown": unknown}
