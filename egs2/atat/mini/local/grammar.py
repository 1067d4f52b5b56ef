"""A seeded sampler of bracketed trees from rewrite rules.

A rule set maps a symbol to its expansions; a token `$symbol` in an expansion is rewritten in turn, `(a | b c | )` picks
one alternative, and everything else (words, `[IN:…`, `[SL:…`, `]`) stands for itself. `$adj`, `$noun`, `$first` and
`$last` draw from the lexicon so that all words come up about equally often.
"""

import random
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import lexicon

RuleSet = Mapping[str, Sequence[str]]

POOLS = {
    "$adj": lexicon.ADJECTIVES,
    "$noun": lexicon.NOUNS,
    "$first": lexicon.FIRST_NAMES,
    "$last": lexicon.LAST_NAMES,
}
TOKEN = re.compile(r"\([^)]*\)|\S+")
HELD_OUT_ONE_IN = 4  # one composed name in four is kept for dev and test
SPLIT_PARTS = 100  # sentences are dealt to train, dev and test by a hash modulo this


class Retry(Exception):
    """The sentence drawn does not fit what was asked for; draw another."""


def held_out(name: str) -> bool:
    """Whether a composed name is kept out of every training set."""
    return zlib.crc32(f"name:{name}".encode()) % HELD_OUT_ONE_IN == 0


def split_of(words: str, dev: int = 12, test: int = 18) -> str:
    """The split a sentence belongs to, by its words alone; `dev` and `test` are percentages."""
    part = zlib.crc32(f"split:{words}".encode()) % SPLIT_PARTS
    return "test" if part < test else "dev" if part < test + dev else "train"


def strip(tree: str) -> str:
    """The words of a tree."""
    return " ".join(t for t in tree.split() if not t.startswith("[") and t != "]")


class Sampler:
    """Draws trees from one rule set.

    Args:
        rules: the rule set.
        names: the symbols whose whole expansion is a composed name, subject to holding out.
        seed: makes the sequence of trees.
        held_out_share: how many of the names are held-out ones (0 for training sets).
    """

    def __init__(self, rules: RuleSet, names: frozenset[str], seed: int, held_out_share: float = 0.0) -> None:
        self.rules = {symbol: [TOKEN.findall(e) for e in expansions] for symbol, expansions in rules.items()}
        for symbol, expansions in self.rules.items():
            if any("(" in token[1:] for tokens in expansions for token in tokens):
                raise ValueError(f"{symbol}: alternatives cannot be nested; give them a symbol of their own")
        self.names = names
        self.rng = random.Random(seed)
        self.held_out_share = held_out_share
        self.counts: Counter[str] = Counter()  # lexicon words and alternatives used so far
        self.drawn: list[str] = []  # those of the tree being drawn
        self.unheard = 0  # how many unheard words are still to be placed in the tree being drawn

    def draw(self, symbol: str, unheard: bool = False) -> str:
        """One tree. With `unheard`, one noun of a name in it is a word from `lexicon.UNHEARD`.

        Raises:
            Retry: `unheard` was asked for and the tree has no noun.
        """
        self.drawn = []
        self.unheard = int(unheard)
        tree = " ".join(self._expand(symbol))
        if self.unheard:
            raise Retry
        return tree

    def keep(self) -> None:
        """Count the words of the tree drawn last: it was taken into the set."""
        self.counts.update(self.drawn)

    def _expand(self, symbol: str) -> list[str]:
        if symbol in self.names:
            return self._name(symbol)
        if symbol in POOLS:
            return [self._word(symbol)]
        return self._sequence(self.rng.choice(self.rules[symbol]))

    def _sequence(self, tokens: Sequence[str]) -> list[str]:
        out: list[str] = []
        for token in tokens:
            if token.startswith("("):
                out += self._sequence(self._alternative(token).split())
            elif token.startswith("$"):
                out += self._expand(token)
            else:
                out.append(token)
        return out

    def _alternative(self, token: str) -> str:
        """One of `(a | b c | )`; where all are words, the ones used least are the likelier."""
        alternatives = token[1:-1].split("|")
        if "$" in token or not all(a.strip() for a in alternatives):
            return self.rng.choice(alternatives)
        keys = [f"{token}{a}" for a in alternatives]
        least = min(self.counts[k] for k in keys)
        key = self.rng.choices(keys, [1.0 / (1 + self.counts[k] - least) for k in keys])[0]
        self.drawn.append(key)
        return key.removeprefix(token)

    def _word(self, pool: str) -> str:
        if pool == "$noun" and self.unheard:
            self.unheard -= 1
            return self.rng.choice(lexicon.UNHEARD)
        words = POOLS[pool]
        least = min(self.counts[w] for w in words)
        weights = [1.0 / (1 + self.counts[w] - least) ** 2 for w in words]
        word = self.rng.choices(words, weights)[0]
        self.drawn.append(word)
        return word

    def _name(self, symbol: str) -> list[str]:
        want_held_out = self.rng.random() < self.held_out_share
        while True:
            before, unheard = len(self.drawn), self.unheard
            words = self._sequence(self.rng.choice(self.rules[symbol]))
            repeated = len(set(words) - {"the"}) < len([w for w in words if w != "the"])
            if not repeated and (self.unheard < unheard or held_out(" ".join(words)) == want_held_out):
                return words
            del self.drawn[before:]
            self.unheard = unheard
