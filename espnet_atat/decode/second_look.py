"""A second look at what was heard: the text half reads the words of each hypothesis, and the trees are compared again.

A decoder that learnt a domain from its text knows the domain's trees better from words that it reads than from the same
words heard. So the words of the best hypotheses go through the text encoder, the trees that reading gives them join the
hypotheses, and each tree is scored both as heard and as read from its own words.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_atat.decode.result import DECODER_SCORE, Understanding
from espnet_atat.decode.trained import Trained
from espnet_atat.model.atat_model import IGNORE, Encoded

READING = "reading"  # among the scores of an :class:`Understanding`: the one made here


def texts_of(nbest: Sequence[Understanding]) -> list[str]:
    """The different words of an utterance's hypotheses, best first."""
    return list(dict.fromkeys(each.text for each in nbest if each.text))


def with_readings(nbest: Sequence[Understanding], readings: Sequence[Sequence[Understanding]]) -> list[Understanding]:
    """An utterance's hypotheses, and the trees that reading gives each of its :func:`texts_of`."""
    pool = {each.tokens: each for each in nbest}
    for text, trees in zip(texts_of(nbest), readings, strict=True):
        heard = next(each for each in nbest if each.text == text)
        for tree in trees:
            if tree.text == text:  # reading may write other words than it was given, which nothing has heard
                pool.setdefault(tree.tokens, replace(tree, score=heard.score, scores=heard.scores))
    return list(pool.values())


def look_again(
    trained: Trained,
    candidates: Sequence[Sequence[Understanding]],
    encoded: Encoded,
    tasks: Sequence[str],
    reading_task: str,
    weight: float,
) -> list[list[Understanding]]:
    """Add to each score ``weight`` times the log probability of the tree read from its own words, and sort again.

    Args:
        candidates: of each utterance, by :func:`with_readings`; the part of ``decoder`` in their scores is replaced.
        encoded: the utterances' audio.
        tasks: labels that audio is decoded under.
        reading_task: the label that text is read under.
    """
    flat = [(b, each) for b, results in enumerate(candidates) for each in results]
    tokens = [each.tokens for _, each in flat]
    source = trained.model.decoder_source(encoded)
    heard = log_probabilities(trained, source, [b for b, _ in flat], tokens, tasks).sum(1)
    texts = list(dict.fromkeys(each.text or "?" for _, each in flat))
    pieces = [torch.tensor(trained.text_pieces(text)) for text in texts]
    lengths = torch.tensor([len(each) for each in pieces])
    with trained.encoding:
        of_text = trained.model.encode_text(
            pad_sequence(pieces, batch_first=True).to(trained.device), lengths.to(trained.device)
        )
    read = log_probabilities(
        trained, of_text, [texts.index(each.text or "?") for _, each in flat], tokens, [reading_task]
    ).sum(1)
    results: list[list[Understanding]] = [[] for _ in candidates]
    for (b, each), as_heard, as_read in zip(flat, heard.tolist(), read.tolist(), strict=True):
        score = each.score - each.scores[DECODER_SCORE] + as_heard + weight * as_read
        results[b].append(replace(each, score=score, scores={**each.scores, DECODER_SCORE: as_heard, READING: as_read}))
    return [sorted(found, key=lambda each: each.score, reverse=True) for found in results]


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
