"""BiLSTM-CRF (Huang et al. 2015, Lample et al. 2016) with an intent head, by pytorch-crf.

Symbols in shapes: B sentences, T words of the longest, E units of an embedding, H units of the LSTM in each direction,
K tags, C classes of sentence.

words (B, T) -> embedding (B, T, E) -> BiLSTM (B, T, 2H) -> tag scores (B, T, K) -> CRF
                                                         -> the largest of each unit over T (B, 2H) -> class (B, C)

The loss is the sum of the CRF's negative log likelihood and the class's cross entropy, in the mean over sentences.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from espnet_atat.atomic import atomic_write
from espnet_atat.baselines.bio import Example, Tagging
from espnet_atat.baselines.config import INSTALL, BilstmConfig
from espnet_atat.errors import UserError

try:
    from torchcrf import CRF
except ImportError as missing:
    raise UserError(f"the tagger bilstm_crf needs pytorch-crf: {INSTALL}") from missing

WEIGHTS_FILE = "bilstm_crf.pt"
NAMES_FILE = "names.json"
PAD, UNKNOWN = 0, 1  # numbers of no word and of a word that training did not know
DECODE_BATCH = 64  # sentences
MAX_NORM = 5.0  # of the gradient


@dataclass(frozen=True)
class Names:
    """What the network's numbers stand for.

    Attributes:
        words: from number 2 on; 0 is padding, 1 any other word.
        tags: BIO tags.
        intents: classes of sentence.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    intents: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Self:
        """All names of the examples, sorted."""
        return cls(
            tuple(sorted({word for each in examples for word in each.words})),
            tuple(sorted({tag for each in examples for tag in each.tagging.tags})),
            tuple(sorted({each.tagging.intent for each in examples})),
        )

    def encoder(self) -> dict[str, int]:
        """Word → number."""
        return {word: number for number, word in enumerate(self.words, start=UNKNOWN + 1)}


class BilstmCrf(nn.Module):
    """The network (see the module's docstring)."""

    def __init__(self, names: Names, embed_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(UNKNOWN + 1 + len(names.words), embed_size, padding_idx=PAD)
        self.lstm = nn.LSTM(embed_size, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.tag_scores = nn.Linear(2 * hidden_size, len(names.tags))
        self.intent_scores = nn.Linear(2 * hidden_size, len(names.intents))
        self.crf = CRF(len(names.tags), batch_first=True)

    def forward(self, words: torch.Tensor, tags: torch.Tensor, intents: torch.Tensor) -> torch.Tensor:
        """The loss of a batch, a scalar.

        Args:
            words: numbers of words, 0 behind a sentence's end, shape (B, T).
            tags: numbers of tags, of any value behind the end, shape (B, T).
            intents: numbers of classes, shape (B,).
        """
        tag_scores, intent_scores, mask = self.scores(words)
        tag_loss = -self.crf(tag_scores, tags, mask=mask, reduction="mean")
        return tag_loss + nn.functional.cross_entropy(intent_scores, intents)

    def scores(self, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores of tags (B, T, K) and of classes (B, C), and where there are words (B, T)."""
        mask = words != PAD
        embedded = self.dropout(self.embedding(words))  # (B, T, E)
        packed = pack_padded_sequence(embedded, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        states = self.dropout(states)  # (B, T, 2H)
        summary = states.masked_fill(~mask.unsqueeze(2), -torch.inf).amax(1)  # (B, 2H)
        return self.tag_scores(states), self.intent_scores(summary), mask


def train(examples: Sequence[Example], folder: Path, config: BilstmConfig) -> None:
    """Write weights and names into ``folder``; the same seed gives the same weights.

    Raises:
        UserError: no example has words.
    """
    spoken = [example for example in examples if example.words]
    if not spoken:
        raise UserError("no training utterance has words")
    names = Names.of(spoken)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = BilstmCrf(names, config.embed_size, config.hidden_size, config.dropout)
        _fit(network, _Batches(spoken, names, config), config)
    torch.save(network.state_dict(), folder / WEIGHTS_FILE)
    with atomic_write(folder / NAMES_FILE) as handle:
        json.dump({**vars(names), "sizes": [config.embed_size, config.hidden_size]}, handle, ensure_ascii=False)


def _fit(network: BilstmCrf, batches: "_Batches", config: BilstmConfig) -> None:
    optimiser = torch.optim.Adam(network.parameters(), lr=config.lr)
    updates = config.epochs * batches.number
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda update: 1 - update / updates)
    network.train()
    for epoch in range(1, config.epochs + 1):
        total = 0.0
        for batch in batches.epoch():
            loss = network(*batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch}/{config.epochs}: loss {total / batches.number:.3f} a sentence", flush=True)


class _Batches:
    """Training examples as tensors, drawn anew every epoch."""

    def __init__(self, examples: Sequence[Example], names: Names, config: BilstmConfig) -> None:
        self._examples = list(examples)
        self._word = names.encoder()
        self._tag = {tag: number for number, tag in enumerate(names.tags)}
        self._intent = {intent: number for number, intent in enumerate(names.intents)}
        self._count = Counter(word for each in examples for word in each.words)
        self._config = config
        self._draw = random.Random(config.seed)
        self.number = -(-len(self._examples) // config.batch_size)

    def epoch(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Words (B, T), tags (B, T), classes (B,) of each batch, once through all examples."""
        self._draw.shuffle(self._examples)
        for batch in range(self.number):
            chosen = self._examples[batch * self._config.batch_size :][: self._config.batch_size]
            yield (
                _pad([[self._number(word) for word in each.words] for each in chosen]),
                _pad([[self._tag[tag] for tag in each.tagging.tags] for each in chosen]),
                torch.tensor([self._intent[each.tagging.intent] for each in chosen]),
            )

    def _number(self, word: str) -> int:
        """Rare words are now and then unknown (Kiperwasser and Goldberg 2016), so that context learns to tell them."""
        unknown = self._config.unknown
        return UNKNOWN if self._draw.random() * (unknown + self._count[word]) < unknown else self._word[word]


def _pad(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Rows of different length as (B, T), zeros behind the ends."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


class BilstmCrfModel:
    """What ``train`` wrote."""

    def __init__(self, folder: Path) -> None:
        """Load the weights, which are tensors and nothing else.

        Raises:
            ValueError, RuntimeError, TypeError, KeyError: the files do not belong together.
        """
        read = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
        embed_size, hidden_size = read.pop("sizes")
        self._names = Names(**{name: tuple(values) for name, values in read.items()})
        self._word = self._names.encoder()
        self._network = BilstmCrf(self._names, embed_size, hidden_size, dropout=0.0)
        self._network.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
        self._network.eval()

    @torch.inference_mode()
    def understand(self, sentences: Sequence[Sequence[str]]) -> list[Tagging]:
        """The most likely tags of each sentence, and its class; an empty sentence is read as one unknown word."""
        taggings: list[Tagging] = []
        for start in range(0, len(sentences), DECODE_BATCH):
            batch = sentences[start : start + DECODE_BATCH]
            words = _pad([[self._word.get(word, UNKNOWN) for word in each] or [UNKNOWN] for each in batch])
            tag_scores, intent_scores, mask = self._network.scores(words)
            paths = self._network.crf.decode(tag_scores, mask=mask)
            for sentence, path, intent in zip(batch, paths, intent_scores.argmax(1).tolist(), strict=True):
                tags = tuple(self._names.tags[tag] for tag in path[: len(sentence)])
                taggings.append(Tagging(self._names.intents[intent], tags))
        return taggings
