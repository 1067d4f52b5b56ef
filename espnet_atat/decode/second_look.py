"""A second look at what was heard: the text half reads the words of each hypothesis, and the trees are compared again.

A decoder that learnt a domain from its text knows the domain's trees better from words that it reads than from the same
words heard. So the words of the best hypotheses go through the text encoder, the trees that reading gives them join the
hypotheses, and each tree is scored both as heard and as read from its own words, a word as ``-oov_penalty`` at least.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_atat.decode.result import DECODER_SCORE, Understanding
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.trained import Trained
from espnet_atat.model.atat_model import IGNORE, Encoded
from espnet_atat.text.tokenizer import word_numbers
from espnet_atat.text.vocabulary import CONTROL_TOKENS, EOS

READING = "reading"  # among the scores of an :class:`Understanding`: the one made here


def texts_of(nbest: Sequence[Understanding]) -> list[str]:
    """The different words of an utterance's hypotheses, best first."""
    return list(dict.fromkeys(each.text for each in nbest if each.text))


def with_readings(nbest: Sequence[Understanding], readings: Iterator[Sequence[Understanding]]) -> list[Understanding]:
    """An utterance's hypotheses, and the trees that reading gives each of its :func:`texts_of`, the next in line."""
    pool = {each.line: each for each in reversed(nbest)}  # of several ways to write a line in tokens, the best
    for text, trees in zip(texts_of(nbest), readings, strict=False):
        heard = next(each for each in nbest if each.text == text)
        for tree in reversed(trees):
            if tree.text == text:  # reading may write other words than it was given, which nothing has heard
                pool[tree.line] = replace(tree, score=heard.score, scores=heard.scores)
    return list(pool.values())


def look_again(
    trained: Trained,
    candidates: Sequence[Sequence[Understanding]],
    encoded: Encoded,
    config: SearchConfig,
    reading_task: str,
) -> list[list[Understanding]]:
    """Add ``reading_weight`` times the log probability of each tree read from its own words, and sort again.

    Args:
        candidates: of each utterance, by :func:`with_readings`; the part of ``decoder`` in their scores is replaced.
        encoded: the utterances' audio.
        config: of the audio.
        reading_task: the label that text is read under.
    """
    flat = [(b, each) for b, results in enumerate(candidates) for each in results]
    tokens = [[part for token in each.tokens for part in trained.vocabulary.spell(token)] for _, each in flat]
    source = trained.model.decoder_source(encoded)
    heard = log_probabilities(trained, source, [b for b, _ in flat], tokens, config.tasks)
    texts = list(dict.fromkeys(each.text or "?" for _, each in flat))
    pieces = [torch.tensor(trained.text_pieces(text)) for text in texts]
    lengths = torch.tensor([len(each) for each in pieces])
    with trained.encoding:
        of_text = trained.model.encode_text(
            pad_sequence(pieces, batch_first=True).to(trained.device), lengths.to(trained.device)
        )
    rows = [texts.index(each.text or "?") for _, each in flat]
    read = log_probabilities(trained, of_text, rows, tokens, [reading_task])
    results: list[list[Understanding]] = [[] for _ in candidates]
    for (b, each), spelled, *both in zip(flat, tokens, heard.tolist(), read.tolist(), strict=True):
        as_heard, as_read = (_total(spelled, log_probs, config.oov_penalty) for log_probs in both)
        score = each.score - each.scores[DECODER_SCORE] + as_heard + config.reading_weight * as_read
        results[b].append(replace(each, score=score, scores={**each.scores, DECODER_SCORE: as_heard, READING: as_read}))
    return [sorted(found, key=lambda each: each.score, reverse=True) for found in results]


def _total(tokens: Sequence[str], log_probs: Sequence[float], oov_penalty: float) -> float:
    """A hypothesis' log probability, with ``<eos>``; a word costs no more than ``oov_penalty``, unless that is 0."""
    sums: dict[int | None, float] = {}  # by the word's number; None: of what is no word
    for token, number, log_prob in zip([*tokens, EOS], [*word_numbers(tokens), None], log_probs, strict=False):
        key = None if token in CONTROL_TOKENS else number
        sums[key] = sums.get(key, 0.0) + log_prob
    return sum(part if number is None else max(part, -(oov_penalty or math.inf)) for number, part in sums.items())


def log_probabilities(
    trained: Trained, encoded: Encoded, rows: Sequence[int], tokens: Sequence[Sequence[str]], tasks: Sequence[str]
) -> Tensor:
    """Of each token of each sequence, and of its ``<eos>``, in nats: (len(tokens), longest + 1), padded with 0.

    ``rows``: the one of ``encoded`` that each is a hypothesis of. Of several ``tasks`` the probabilities of each token
    are averaged, as in the search.
    """
    vocabulary, device = trained.vocabulary, encoded.states.device
    ids = [torch.tensor(vocabulary.ids(each), dtype=torch.long) for each in tokens]
    lengths = torch.tensor([len(each) + 1 for each in ids], device=device)
    outputs = pad_sequence(
        [torch.cat((each, torch.tensor([vocabulary.eos_id]))) for each in ids], batch_first=True, padding_value=IGNORE
    ).to(device)
    inputs = torch.nn.functional.pad(outputs.clamp(min=0), (1, -1))
    of = torch.tensor(rows, dtype=torch.long, device=device)
    states, sizes = encoded.states[of], encoded.lengths.to(device)[of]
    found = []
    for task in tasks:
        inputs[:, 0] = vocabulary.task_id(task)
        with trained.encoding:
            logits, _ = trained.model.decoder(states, sizes, inputs, lengths)
        found.append(logits.log_softmax(-1).gather(-1, outputs.clamp(min=0)[..., None])[..., 0])
    mean = torch.stack(found).logsumexp(0) - math.log(len(found))  # (N, L)
    return mean * (outputs != IGNORE)
