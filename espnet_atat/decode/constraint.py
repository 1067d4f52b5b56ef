"""A scorer that lets only valid trees through."""

import copy
from collections.abc import Sequence
from enum import IntEnum
from typing import Self

import torch
from torch import Tensor

from espnet_atat.decode.search_config import SHORTEST_CAP
from espnet_atat.errors import UserError
from espnet_atat.model.espnet import BatchScorerInterface
from espnet_atat.semantics.tree import CLOSE, OPEN_INTENT, OPEN_SLOT
from espnet_atat.text.tokenizer import WORD_START
from espnet_atat.text.vocabulary import CONTROL_TOKENS, EOS

#: Score of a forbidden token. Far below any sum of log probabilities, and above ESPnet's score of a slot without a
#: hypothesis (-1e10), so that such a slot is never preferred to a running hypothesis.
FORBIDDEN_SCORE = -1.0e8


class TokenClass(IntEnum):
    """What a token is to the grammar."""

    FORBIDDEN = 0  # <blank>, <unk>, task tokens, tags without a name, pieces with a bracket in them
    OPEN_INTENT = 1
    OPEN_SLOT = 2
    CLOSE = 3
    END = 4  # <eos>
    WORD = 5  # a piece that starts a word: '▁moon'
    BARE = 6  # only '▁': the word's characters must follow
    CONTINUATION = 7  # a piece inside a word: 'on'


def token_class(token: str) -> TokenClass:
    if token in (EOS, CLOSE):
        return TokenClass.END if token == EOS else TokenClass.CLOSE
    for prefix, opening in ((OPEN_INTENT, TokenClass.OPEN_INTENT), (OPEN_SLOT, TokenClass.OPEN_SLOT)):
        name = token.removeprefix(prefix)
        if name != token and name and not set(name) & set("[]"):
            return opening
    if token in CONTROL_TOKENS or set(token) & set("[]"):
        return TokenClass.FORBIDDEN
    if token == WORD_START:
        return TokenClass.BARE
    return TokenClass.WORD if token.startswith(WORD_START) else TokenClass.CONTINUATION


class TreeConstraint(BatchScorerInterface):
    """Scores a next token 0 where the hypothesis can still become a valid target within the cap, else very low.

    A *full* scorer on purpose: a partial one sees only what the pre-beam has left, and could forbid all of it.
    It has no state: depth and last token are read off the hypotheses, all at once.

    Trees: the root is one intent, intents hold slots and slots hold intents, so the kind of the innermost open node is
    the parity of the depth. Words: no tags at all. In both a continuation piece follows a piece, and a bracket or
    ``<eos>`` does not follow a bare word start.

    ``maxlen``: tokens of a hypothesis, ``<eos>`` included; brackets are closed in time for it. 3 or more for trees.
    :meth:`capped` sets another.
    """

    def __init__(
        self, tokens: Sequence[str], trees: bool, maxlen: int = SHORTEST_CAP, device: torch.device | str = "cpu"
    ):
        classes = [token_class(token) for token in tokens]
        if trees and not {TokenClass.OPEN_INTENT, TokenClass.CLOSE} <= set(classes):
            raise UserError("constrain_trees: the token list holds no tree tags ('[IN:…' and ']')")
        if TokenClass.CONTINUATION not in classes:  # nothing could follow a bare word start
            classes = [TokenClass.FORBIDDEN if c is TokenClass.BARE else c for c in classes]
        self.trees = trees
        self.maxlen: int | Tensor = maxlen
        self.classes = torch.tensor(classes, device=device)  # (V,)
        self.depth_change = (
            (self.classes == TokenClass.OPEN_INTENT).long()
            + (self.classes == TokenClass.OPEN_SLOT).long()
            - (self.classes == TokenClass.CLOSE).long()
        )  # (V,)

    def capped(self, caps: Sequence[int]) -> Self:
        """The same for one batch, with a cap for each of its utterances, which have equally many hypotheses."""
        other = copy.copy(self)
        other.maxlen = torch.tensor(caps, device=self.classes.device)
        return other

    def batch_score(self, ys: Tensor, states: object, xs: Tensor) -> tuple[Tensor, None]:
        """Score all tokens after each hypothesis: ys (N, L), its first the task token -> (N, V), no state."""
        left = self.maxlen - (ys.size(1) - 1)  # tokens still to come, <eos> among them
        if isinstance(left, Tensor):
            left = left.repeat_interleave(len(ys) // len(left))  # (B,) -> (N,)
        allowed = self._trees(ys, left) if self.trees else self._words(ys, left)
        by_class = torch.where(allowed, 0.0, FORBIDDEN_SCORE)  # (N, classes)
        return by_class.index_select(1, self.classes), None

    def batch_select_state(self, state: None, best_ids: Tensor) -> None:
        """This scorer has no state."""

    def _last(self, ys: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each hypothesis ends in a bare word start, and whether inside a word; both (N,)."""
        last = self.classes[ys[:, -1]]
        bare = last == TokenClass.BARE
        return bare, bare | (last == TokenClass.WORD) | (last == TokenClass.CONTINUATION)

    def _trees(self, ys: Tensor, left: int | Tensor) -> Tensor:
        """Allowed classes of the next token, (N, classes). Each token must leave room for what it makes necessary."""
        depth = self.depth_change[ys[:, 1:]].sum(1)  # (N,) open nodes
        begin = torch.full_like(depth, ys.size(1) == 1, dtype=torch.bool)
        bare, inside = self._last(ys)
        open_ = (depth > 0) & ~bare
        room = left - 1 - depth  # beside the closing brackets of what is open now
        allowed = torch.zeros(len(ys), len(TokenClass), dtype=torch.bool, device=ys.device)
        allowed[:, TokenClass.OPEN_INTENT] = begin | (open_ & (depth % 2 == 0) & (room >= 2))
        allowed[:, TokenClass.OPEN_SLOT] = open_ & (depth % 2 == 1) & (room >= 2)
        allowed[:, TokenClass.CLOSE] = open_
        allowed[:, TokenClass.END] = ~begin & (depth <= 0)
        allowed[:, TokenClass.WORD] = open_ & (room >= 1)
        allowed[:, TokenClass.BARE] = open_ & (room >= 2)
        allowed[:, TokenClass.CONTINUATION] = (depth > 0) & inside & (room >= 1)
        return allowed

    def _words(self, ys: Tensor, left: int | Tensor) -> Tensor:
        bare, inside = self._last(ys)
        allowed = torch.zeros(len(ys), len(TokenClass), dtype=torch.bool, device=ys.device)
        allowed[:, TokenClass.END] = ~bare
        allowed[:, TokenClass.WORD] = ~bare & (left >= 2)
        allowed[:, TokenClass.BARE] = ~bare & (left >= 3)
        allowed[:, TokenClass.CONTINUATION] = inside & (left >= 2)
        return allowed
