"""When each word was heard: the forced alignment of a hypothesis by the audio encoder's CTC.

A CTC emits a symbol as a spike of a frame or two and blanks between, so a word's times are those of its first and last
spike, not of its sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torchaudio.functional import forced_align

from espnet_atat.decode.result import Understanding, Word
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.ctc import CTCHead
from espnet_atat.semantics.tree import is_tag
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.text.tokenizer import WORD_START, CharTokenizer
from espnet_atat.text.vocabulary import Vocabulary

#: Of features, seconds: stage 6 and every front end of the recipes.
FRAME_SHIFT = 0.01


@dataclass(frozen=True)
class Spelling:
    """A hypothesis in the CTC's symbols.

    Attributes:
        symbols: ids, without blanks.
        words: for each symbol, the number of the word it belongs to; None: of a space or tag.
    """

    symbols: tuple[int, ...]
    words: tuple[int | None, ...]


def spell_characters(text: str, characters: CharTokenizer) -> Spelling:
    """Words in the symbols of a CTC over characters."""
    symbols: list[int] = []
    owners: list[int | None] = []
    space = characters.encode("a a")[1]
    for number, word in enumerate(text.split()):
        if number:
            symbols.append(space)
            owners.append(None)
        letters = characters.encode(word)
        symbols += letters
        owners += [number] * len(letters)
    return Spelling(tuple(symbols), tuple(owners))


def spell_tokens(tokens: Sequence[str], vocabulary: Vocabulary) -> Spelling:
    """A hypothesis' tokens in the symbols of a CTC over the decoder's tokens."""
    owners: list[int | None] = []
    number, inside = -1, False
    for token in tokens:
        if is_tag(token):
            owners.append(None)
            inside = False
            continue
        if token.startswith(WORD_START) or not inside:
            number += 1
        inside = True
        owners.append(number)
    return Spelling(tuple(vocabulary.ids(tokens)), tuple(owners))


def seconds_per_frame(model: ESPnetATATModel) -> float:
    """Duration of one CTC frame, in seconds."""
    assert model.ctc is not None
    return seconds_per_state(model) / model.ctc.subframes


def seconds_per_state(model: ESPnetATATModel) -> float:
    """Duration of one state of the audio encoder, in seconds; 0 without one."""
    if model.audio_encoder is None:
        return 0.0
    hop = getattr(model.frontend, "hop_length", None)
    shift = FRAME_SHIFT if hop is None else hop / SAMPLE_RATE
    return float(shift * model.audio_encoder.cnn.subsampling)


def align(head: CTCHead, states: Tensor, spelling: Spelling) -> list[tuple[int, int]] | None:
    """First frame and frame after the last of each symbol on the best path.

    Args:
        states: (S, D) of one utterance, without padding.

    Returns:
        None where the utterance has too few frames for the symbols.
    """
    symbols = spelling.symbols
    frames = head.log_softmax(states[None]).float()  # (1, S', C)
    repeats = sum(a == b for a, b in pairwise(symbols))
    if not symbols or 0 in symbols or len(symbols) + repeats > frames.size(1):
        return None
    path, _ = forced_align(frames, torch.tensor([symbols], dtype=torch.int32, device=frames.device))
    spans: list[tuple[int, int]] = []
    previous = 0
    for frame, symbol in enumerate(path[0].tolist()):
        if symbol and symbol == previous:
            spans[-1] = (spans[-1][0], frame + 1)
        elif symbol:
            spans.append((frame, frame + 1))
        previous = symbol
    return spans


def with_times(
    result: Understanding, head: CTCHead, states: Tensor, spelling: Spelling, seconds: float
) -> Understanding:
    """The result with its words' times; as it is where they cannot be had.

    Args:
        states: (S, D) of its utterance, without padding.
        seconds: of one CTC frame.
    """
    texts = result.text.split()
    spans = align(head, states, spelling)
    if spans is None or {owner for owner in spelling.words if owner is not None} != set(range(len(texts))):
        return result
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for owner, (start, end) in zip(spelling.words, spans, strict=True):
        if owner is not None:
            starts.setdefault(owner, start)
            ends[owner] = end
    words = tuple(Word(text, starts[i] * seconds, ends[i] * seconds) for i, text in enumerate(texts))
    return result.timed(words)
