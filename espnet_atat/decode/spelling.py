"""Words that the decoder seldom writes, in the spelling of the CTC over characters.

A decoder replaces a word that no training audio has by one that it knows (``pumpkin`` by ``purple``), with any beam.
The CTC spells what it hears, and is often right. So a hypothesis joins the final choice once more, with the CTC's words
where its own differ, or with similar words of a lexicon. Of each word that is put in, the decoder's log probability is
``-oov_penalty``, a constant, as an n-gram model has one for all words that it lacks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from espnet_atat.decode.result import DECODER_SCORE, Understanding, frame_of
from espnet_atat.text.lexicon import Lexicon
from espnet_atat.text.tokenizer import UNKNOWN_MARK, WORD_START, TargetTokenizer, target_words, word_numbers

MOST_PLACES = 8  # of a hypothesis, that are tried: those of which the decoder is least sure

#: A place in a hypothesis: its first token, the token after its last, and the CTC's words there.
Place = tuple[int, int, list[str]]
#: The CTC's part in the score of each of some texts.
TextScorer = Callable[[Sequence[str]], Sequence[float]]


def respell(
    result: Understanding,
    log_probs: Sequence[float],
    heard: Sequence[str],
    penalty: float,
    score: TextScorer,
    lexicon: Lexicon | None = None,
) -> Understanding | None:
    """A hypothesis with the CTC's words wherever one, put in by itself, improves the score; None: nowhere.

    No tag moves, and words between which there is one stay. The result's score lacks the CTC's part, as ``result``'s.

    Args:
        log_probs: the decoder's of each token.
        heard: the words on the CTC's best path.
        penalty: of each word that is put in, in nats.
    """
    unsure = sorted(_places(result, heard), key=lambda place: sum(log_probs[place[0] : place[1]]))[:MOST_PLACES]
    ways = [(n, way) for n, place in enumerate(unsure) for way in _ways(place, lexicon)]
    if not ways:
        return None
    put_in = [_put(result, [way], log_probs, penalty) for _, way in ways]
    before, *after = score([result.text, *(each.text for each in put_in)])
    gains: dict[int, tuple[float, Place]] = {}
    for (n, way), new, ctc in zip(ways, put_in, after, strict=True):
        gain = new.score + ctc - result.score - before
        if gain > gains.get(n, (0.0, way))[0]:
            gains[n] = gain, way
    return _put(result, [way for _, way in gains.values()], log_probs, penalty) if gains else None


def _put(result: Understanding, places: Sequence[Place], log_probs: Sequence[float], penalty: float) -> Understanding:
    tokens, change = list(result.tokens), 0.0
    for first, after, words in sorted(places, reverse=True):
        tokens[first:after] = [WORD_START + word for word in words]
        change -= sum(log_probs[first:after]) + penalty * len(words)
    line = TargetTokenizer.join(tokens)
    return replace(
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
    numbers, words = word_numbers(result.tokens), result.text.split()
    if {number for number in numbers if number is not None} != set(range(len(words))):
        return  # tokens that are neither tags nor parts of a word
    spans = [(numbers.index(n), len(numbers) - numbers[::-1].index(n)) for n in range(len(words))]
    edits = Levenshtein.opcodes(words, list(heard))
    for equal, run in groupby(edits, key=lambda edit: edit.tag == "equal"):  # one word for two: two edits in a row
        first, *_, last = [*run] * 2
        own, theirs = spans[first.src_start : last.src_end], list(heard[first.dest_start : last.dest_end])
        if equal or not own or not theirs or any(UNKNOWN_MARK in word for word in theirs):
            continue
        if len(own) == len(theirs):
            yield from ((start, after, [word]) for (start, after), word in zip(own, theirs, strict=True))
        elif None not in numbers[own[0][0] : own[-1][1]]:
            yield own[0][0], own[-1][1], theirs


def _ways(place: Place, lexicon: Lexicon | None) -> Iterator[Place]:
    """What may be put in: the CTC's words; with a lexicon, one of the words like its one, or the one most like each."""
    first, after, words = place
    if lexicon is None:
        yield place
    elif len(words) == 1:
        yield from ((first, after, [word]) for word in lexicon.similar(words[0]))
    elif all(similar := [lexicon.similar(word)[:1] for word in words]):
        yield first, after, [word for (word,) in similar]
