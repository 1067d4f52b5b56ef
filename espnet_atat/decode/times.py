"""When each word was heard: the forced alignment of a hypothesis by the audio encoder's CTC.

A CTC emits a symbol as a spike of a frame or two and blanks between, so a word's times are those of its first and last
spike, not of its sound.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from espnet_atat.decode.result import Understanding, Word
from espnet_atat.decode.trained import Trained
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.hearing_encoder import HearingEncoder
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_SECONDS
from espnet_atat.text.tokenizer import CharTokenizer, word_numbers
from espnet_atat.text.vocabulary import Vocabulary

#: A hypothesis in the CTC's symbols: their ids, without blanks, each with the number of the word that it belongs to;
#: None: of a space or tag.
Spelling = list[tuple[int, int | None]]


def spell_characters(text: str, characters: CharTokenizer) -> Spelling:
    """Words in the symbols of a CTC over characters."""
    space = characters.encode("a a")[1]
    spelling: Spelling = []
    for number, word in enumerate(text.split()):
        spelling += [(space, None)] if number else []
        spelling += [(letter, number) for letter in characters.encode(word)]
    return spelling


def spell_tokens(tokens: Sequence[str], vocabulary: Vocabulary) -> Spelling:
    """A hypothesis' tokens in the symbols of a CTC over the decoder's tokens."""
    return list(zip(vocabulary.ids(tokens), word_numbers(tokens), strict=True))


def seconds_per_state(model: ESPnetATATModel) -> float:
    """Duration of one state of the audio encoder; 0 without one."""
    if model.audio_encoder is None:
        return 0.0
    hop = getattr(model.frontend, "hop_length", None)
    shift = FRAME_SECONDS if hop is None else hop / SAMPLE_RATE
    return float(shift * model.audio_encoder.frames_per_state)


def feature_size(model: ESPnetATATModel) -> int | None:
    """Dimensions of the features that a model takes: log mels, MFCC, an encoder's states; None: it takes samples."""
    if isinstance(model.audio_encoder, HearingEncoder):
        return int(model.audio_encoder.config.hidden_size)
    if model.frontend is not None or model.audio_encoder is None:
        return None
    return model.audio_encoder.input_size


def seconds_per_feature(model: ESPnetATATModel) -> float:
    """Hop of these features."""
    if isinstance(model.audio_encoder, HearingEncoder):
        return seconds_per_state(model) / model.audio_encoder.stack
    return FRAME_SECONDS


def with_times(result: Understanding, trained: Trained, states: Tensor, start: float = 0.0) -> Understanding:
    """The result with its words' times, by the CTC over the utterance's states (S, D); as it is without them.

    ``start``: seconds of the utterance before the first state.
    """
    model = trained.model
    assert model.ctc is not None
    if trained.characters is not None:
        spelling = spell_characters(result.text, trained.characters)
    else:
        spelling = spell_tokens(result.tokens, trained.vocabulary)
    texts = result.text.split()
    spans = model.ctc.align(states, [symbol for symbol, _ in spelling])
    if spans is None or {word for _, word in spelling if word is not None} != set(range(len(texts))):
        return result
    seconds = seconds_per_state(model) / model.ctc.subframes  # of a CTC frame
    words = []
    for number, text in enumerate(texts):
        own = [span for (_, word), span in zip(spelling, spans, strict=True) if word == number]
        words.append(Word(text, start + own[0][0] * seconds, start + own[-1][1] * seconds))
    return replace(result, words=tuple(words))
