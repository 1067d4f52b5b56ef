"""Words that the decoder never learnt to write, in the spelling of the CTC over characters.

A decoder replaces a word that no training audio has by one that it knows (``pumpkin`` by ``purple``), with any beam.
The CTC spells what it hears, and is often right. So a hypothesis joins the final choice once more, with the CTC's words
where its own differ, or with similar words of a lexicon. The decoder's log probability of a replaced word is
``-oov_penalty``, a constant, as an n-gram model has one for all words that it lacks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice, product

from rapidfuzz.distance import Levenshtein
from torch import Tensor

from espnet_atat.decode.result import DECODER_SCORE, Understanding, frame_of
from espnet_atat.decode.times import word_numbers
from espnet_atat.text.lexicon import Lexicon
from espnet_atat.text.tokenizer import UNKNOWN_MARK, WORD_START, CharTokenizer, TargetTokenizer, target_words

#: At most, of one hypothesis: places where the CTC is followed, and ways to follow it at all of them.
MOST_PLACES, MOST_WAYS = 3, 64

#: A place in a hypothesis: its first token, the token after its last, and the CTC's words there.
Place = tuple[int, int, list[str]]


def best_words(frames: Tensor, characters: CharTokenizer) -> list[str]:
    """The words on the best path of a CTC over characters: frames (S', C) of log posteriors."""
    path = frames.argmax(-1).unique_consecutive().tolist()
    return characters.decode([symbol for symbol in path if symbol]).split()


def respelled(
    result: Understanding,
    log_probs: Sequence[float],
    heard: Sequence[str],
    penalty: float,
    lexicon: Lexicon | None = None,
) -> Iterator[Understanding]:
    """A hypothesis with words that the CTC heard in place of its own; no tag moves. Its score lacks the CTC's part.

    Args:
        log_probs: the decoder's of each token.
        heard: by :func:`best_words`.
        penalty: of each word that is put in, in nats.
    """
    places = list(islice(_places(result, heard), MOST_PLACES))
    ways = [[None, *_ways(place, lexicon)] for place in places]
    for choice in islice(product(*ways), 1, MOST_WAYS):  # the first leaves all as it is
        tokens, change = list(result.tokens), 0.0
        for first, after, words in reversed([each for each in choice if each is not None]):
            tokens[first:after] = [WORD_START + word for word in words]
            change -= sum(log_probs[first:after]) + penalty * len(words)
        line = TargetTokenizer.join(tokens)
        yield replace(
            result,
            tree=line if result.tree else "",
            frame=frame_of(line) if result.tree else None,
            text=" ".join(target_words(line)),
            tokens=tuple(tokens),
            score=result.score + change,
            scores={**result.scores, DECODER_SCORE: result.scores[DECODER_SCORE] + change},
        )


def _places(result: Understanding, heard: Sequence[str]) -> Iterator[Place]:
    """Where hypothesis and CTC differ in a word, or in words between which there is no tag."""
    numbers = word_numbers(result.tokens)
    words = result.text.split()
    if {number for number in numbers if number is not None} != set(range(len(words))):
        return  # control tokens among the words
    spans = [(numbers.index(n), len(numbers) - numbers[::-1].index(n)) for n in range(len(words))]
    edits = Levenshtein.opcodes(words, list(heard))
    for equal, run in groupby(edits, key=lambda edit: edit.tag == "equal"):  # one word for two: two edits in a row
        first, *_, last = [*run] * 2
        own, theirs = spans[first.src_start : last.src_end], list(heard[first.dest_start : last.dest_end])
        if equal or not own or not theirs:
            continue
        if len(own) == len(theirs):
            yield from ((start, after, [word]) for (start, after), word in zip(own, theirs, strict=True))
        elif None not in numbers[own[0][0] : own[-1][1]]:
            yield own[0][0], own[-1][1], theirs


def _ways(place: Place, lexicon: Lexicon | None) -> Iterator[Place]:
    first, after, words = place
    if not any(UNKNOWN_MARK in word for word in words):
        for spelled in product(*([word] if lexicon is None else lexicon.similar(word) for word in words)):
            yield first, after, list(spelled)
