"""Pretraining of the BiLSTM as two language models (Peters et al. 2017); the paper's BiLSTM-CRF is a pretrained one.

From each word the forward LSTM's state tells the next word, the backward LSTM's the word before, or that there is none.
The layer that tells words is thrown away; embeddings and LSTM stay.
"""

import random
from collections.abc import Sequence

import torch
from torch import nn

from espnet_atat.baselines.bilstm_network import PAD, BilstmCrf, pad
from espnet_atat.baselines.config import BilstmConfig

END = PAD  # number of what stands beyond a sentence's ends; no word has it
IGNORED = -100  # target of a place without a word


def pretrain(network: BilstmCrf, sentences: Sequence[Sequence[int]], config: BilstmConfig) -> None:
    """Train embeddings and LSTM in place for ``config.pretrain_epochs``.

    Args:
        network: as it was initialised.
        sentences: numbers of words, none of them empty.
        config: epochs, batch size, learning rate (constant here) and seed.
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
            loss = language_model_loss(network, told, pad(order[start : start + config.batch_size]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        mean = sum(losses) / len(losses)
        print(f"pretraining, epoch {epoch}/{config.pretrain_epochs}: loss {mean:.3f} a word", flush=True)


def language_model_loss(network: BilstmCrf, told: nn.Linear, words: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the next word and of the word before, a scalar.

    Args:
        network: whose states tell the words.
        told: (…, H) -> scores of all words.
        words: numbers of words, 0 behind a sentence's end, shape (B, T).
    """
    states, mask = network.states(words)  # (B, T, 2H), (B, T)
    forward, backward = network.dropout(states).chunk(2, dim=-1)  # (B, T, H) each
    ends = words.new_full((len(words), 1), END)
    after = torch.cat([words[:, 1:], ends], 1)  # (B, T): behind the last word of a short row stands PAD, which is END
    before = torch.cat([ends, words[:, :-1]], 1)
    losses = [
        nn.functional.cross_entropy(
            told(state).transpose(1, 2), target.masked_fill(~mask, IGNORED), ignore_index=IGNORED
        )
        for state, target in ((forward, after), (backward, before))
    ]
    return (losses[0] + losses[1]) / 2
