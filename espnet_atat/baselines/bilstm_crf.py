"""Training and use of the BiLSTM-CRF; symbols in shapes as in ``bilstm_network``."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from espnet_atat.atomic import atomic_write
from espnet_atat.baselines.bilstm_network import UNKNOWN_WORD, BilstmCrf, Names, language_model_loss, pad_words
from espnet_atat.baselines.bio import TaggedSentence, Tagging
from espnet_atat.baselines.config import BilstmConfig
from espnet_atat.strict_json import read_json

WEIGHTS_FILE = "bilstm_crf.pt"
NAMES_FILE = "names.json"
DECODE_BATCH = 64  # sentences


def train_bilstm_crf(
    examples: Sequence[TaggedSentence], folder: Path, config: BilstmConfig, text: Sequence[Sequence[str]] = ()
) -> None:
    """Write weights and names into ``folder``; the same seed gives the same weights.

    ``text``: sentences without trees that the LSTM is pretrained on; none: it starts from random weights.
    """
    spoken = [example for example in examples if example.words]
    names = Names.of(spoken, text)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = BilstmCrf(names, config.embed_size, config.hidden_size, config.dropout)
        if text:
            encode = names.encoder()
            _pretrain(network, [[encode[word] for word in words] for words in text], config)
        _fit(network, _Batches(spoken, names, config), config)
    torch.save(network.state_dict(), folder / WEIGHTS_FILE)
    with atomic_write(folder / NAMES_FILE) as handle:
        json.dump({**vars(names), "sizes": [config.embed_size, config.hidden_size]}, handle, ensure_ascii=False)


def _pretrain(network: BilstmCrf, sentences: Sequence[Sequence[int]], config: BilstmConfig) -> None:
    """Train embeddings and LSTM as two language models, in place; the learning rate is constant here.

    The layer that tells words is thrown away.
    """
    told = nn.Linear(network.lstm.hidden_size, network.embedding.num_embeddings)
    weights = [*network.embedding.parameters(), *network.lstm.parameters(), *told.parameters()]
    optimiser = torch.optim.Adam(weights, lr=config.lr)
    draw = random.Random(config.seed)
    order = list(sentences)
    network.train()
    for epoch in range(1, config.pretrain_epochs + 1):
        draw.shuffle(order)
        losses = []
        for start in range(0, len(order), config.batch_size):
            loss = language_model_loss(network, told, pad_words(order[start : start + config.batch_size]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        mean = sum(losses) / len(losses)
        print(f"pretraining, epoch {epoch}/{config.pretrain_epochs}: loss {mean:.3f} per word", flush=True)


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
            nn.utils.clip_grad_norm_(network.parameters(), max_norm=5.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch}/{config.epochs}: loss {total / batches.number:.3f} per sentence", flush=True)


class _Batches:
    """Training examples as tensors, in a fresh order every epoch."""

    def __init__(self, examples: Sequence[TaggedSentence], names: Names, config: BilstmConfig) -> None:
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
                pad_words([[self._number(word) for word in each.words] for each in chosen]),
                pad_words([[self._tag[tag] for tag in each.tagging.tags] for each in chosen]),
                torch.tensor([self._intent[each.tagging.intent] for each in chosen]),
            )

    def _number(self, word: str) -> int:
        """Rare words are now and then unknown (Kiperwasser and Goldberg 2016), so that context learns to tell them."""
        unknown = self._config.unknown
        return UNKNOWN_WORD if self._draw.random() * (unknown + self._count[word]) < unknown else self._word[word]


class BilstmCrfModel:
    def __init__(self, folder: Path) -> None:
        read = read_json(folder / NAMES_FILE)
        embed_size, hidden_size = read.pop("sizes")
        self._names = Names(**{name: tuple(values) for name, values in read.items()})
        self._word = self._names.encoder()
        self._network = BilstmCrf(self._names, embed_size, hidden_size, dropout=0.0)
        self._network.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
        self._network.eval()

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self._network.parameters())

    @torch.inference_mode()
    def understand(self, sentences: Sequence[Sequence[str]]) -> list[Tagging]:
        """The most likely tags of each sentence, and its class; an empty sentence is read as one unknown word."""
        taggings: list[Tagging] = []
        for start in range(0, len(sentences), DECODE_BATCH):
            batch = sentences[start : start + DECODE_BATCH]
            words = pad_words(
                [[self._word.get(word, UNKNOWN_WORD) for word in each] or [UNKNOWN_WORD] for each in batch]
            )
            tag_scores, intent_scores, mask = self._network.scores(words)
            paths = self._network.crf.decode(tag_scores, mask=mask)
            for sentence, path, intent in zip(batch, paths, intent_scores.argmax(1).tolist(), strict=True):
                tags = tuple(self._names.tags[tag] for tag in path[: len(sentence)])
                taggings.append(Tagging(self._names.intents[intent], tags))
        return taggings
