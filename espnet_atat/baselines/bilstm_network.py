"""BiLSTM-CRF (Huang et al. 2015, Lample et al. 2016) with an intent head, by pytorch-crf.

Symbols in shapes: B sentences, T words of the longest, E units of an embedding, H units of the LSTM in each direction,
K tags, C classes of sentence.

words (B, T) -> embedding (B, T, E) -> BiLSTM (B, T, 2H) -> tag scores (B, T, K) -> CRF
                                                         -> the largest of each unit over T (B, 2H) -> class (B, C)

The loss is the sum of the CRF's negative log likelihood and the class's cross entropy, in the mean over sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torchcrf import CRF

from espnet_atat.baselines.bio import TaggedSentence

PAD, UNKNOWN_WORD = 0, 1  # numbers for padding, and for a word that did not occur in training
END = PAD  # number of what is beyond a sentence's ends; no word has it
IGNORED = -100  # target of a place without a word


@dataclass(frozen=True)
class Names:
    words: tuple[str, ...]  # from number 2 on; 0 is padding, 1 any other word
    tags: tuple[str, ...]
    intents: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[TaggedSentence], text: Sequence[Sequence[str]] = ()) -> Self:
        """All names of the examples, and the words of text without trees, sorted."""
        return cls(
            tuple(sorted({word for each in examples for word in each.words}.union(*text))),
            tuple(sorted({tag for each in examples for tag in each.tagging.tags})),
            tuple(sorted({each.tagging.intent for each in examples})),
        )

    def encoder(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=UNKNOWN_WORD + 1)}


class BilstmCrf(nn.Module):
    """The network (see the module's docstring)."""

    def __init__(self, names: Names, embed_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(UNKNOWN_WORD + 1 + len(names.words), embed_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embed_size, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.tag_scores = nn.Linear(2 * hidden_size, len(names.tags))
        self.intent_scores = nn.Linear(2 * hidden_size, len(names.intents))
        self.crf = CRF(len(names.tags), batch_first=True)

    def forward(self, words: torch.Tensor, tags: torch.Tensor, intents: torch.Tensor) -> torch.Tensor:
        """The loss of a batch, a scalar, of words (B, T; 0 behind the end), tags (B, T) and classes (B,)."""
        tag_scores, intent_scores, mask = self.scores(words)
        tag_loss = -self.crf(tag_scores, tags, mask=mask, reduction="mean")
        return tag_loss + nn.functional.cross_entropy(intent_scores, intents)

    def scores(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores of tags (B, T, K) and of classes (B, C), and where there are words (B, T)."""
        states, mask = self.states(words)
        states = self.dropout(states)
        summary = states.masked_fill(~mask.unsqueeze(2), -torch.inf).amax(1)  # (B, 2H)
        return self.tag_scores(states), self.intent_scores(summary), mask

    def states(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The LSTM's states (B, T, 2H), forward ones first, and where there are words (B, T)."""
        mask = words != PAD
        embedded = self.dropout(self.embedding(words))  # (B, T, E)
        packed = pack_padded_sequence(embedded, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return states, mask


def pad_words(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Rows of different length as (B, T), zeros behind the ends."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


def language_model_loss(network: BilstmCrf, told: nn.Linear, words: torch.Tensor) -> torch.Tensor:
    """Loss of two language models (Peters et al. 2017), a scalar; the paper's BiLSTM-CRF is pretrained by it.

    From each word the forward LSTM's state tells the next word, the backward LSTM's the word before, or that there is
    none. ``told``: a state (…, H) -> scores of all words; ``words``: 0 behind a sentence's end, shape (B, T).
    """
    states, mask = network.states(words)  # (B, T, 2H), (B, T)
    forward, backward = network.dropout(states).chunk(2, dim=-1)  # (B, T, H) each
    ends = words.new_full((len(words), 1), END)
    after = torch.cat([words[:, 1:], ends], 1)  # (B, T): after the last word of a short row comes PAD, which is END
    before = torch.cat([ends, words[:, :-1]], 1)
    losses = [
        nn.functional.cross_entropy(
            told(state).transpose(1, 2), target.masked_fill(~mask, IGNORED), ignore_index=IGNORED
        )
        for state, target in ((forward, after), (backward, before))
    ]
    return (losses[0] + losses[1]) / 2
