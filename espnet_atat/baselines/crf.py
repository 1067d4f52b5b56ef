"""Linear-chain CRF over hand-made features (Lafferty et al. 2001), trained by sklearn-crfsuite; no torch.

The tagger's features of a word, by its place relative to it (``<s>`` and ``</s>`` are beyond the sentence's ends):

=============================  =======================================================
``w[-2] … w[2]``               the words
``w[-2]|w[-1] … w[1]|w[2]``    their pairs: what precedes, and what follows
``w[-1]|w[0]|w[1]``            the word between its neighbours
``p2 p3 s2 s3``                the word's first and last two and three characters
``digit``                      there is a digit in it
``bias``
=============================  =======================================================

The sentence's class is found by a CRF over a chain of one, which is multinomial logistic regression; its features are
the sentence's words, pairs and triples of words.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.baselines.bio import TaggedSentence, Tagging
from espnet_atat.baselines.config import CrfConfig

if TYPE_CHECKING:
    import pycrfsuite

TAGGER_FILE = "tagger.crfsuite"
INTENT_FILE = "intent.crfsuite"
START, END = "<s>", "</s>"
REACH = 2  # words to each side that the tagger sees


def word_features(words: Sequence[str], position: int) -> list[str]:
    """The tagger's features of ``words[position]`` (see the module's docstring)."""
    padded = [START] * REACH + list(words) + [END] * REACH
    window = {offset: padded[position + REACH + offset] for offset in range(-REACH, REACH + 1)}
    word = window[0]
    features = ["bias", *(f"w[{offset}]={near}" for offset, near in window.items())]
    features += [f"w[{left}]|w[{left + 1}]={window[left]}|{window[left + 1]}" for left in range(-REACH, REACH)]
    features.append(f"w[-1]|w[0]|w[1]={window[-1]}|{word}|{window[1]}")
    features += [f"p{size}={word[:size]}" for size in (2, 3)] + [f"s{size}={word[-size:]}" for size in (2, 3)]
    if any(map(str.isdigit, word)):
        features.append("digit")
    return features


def sentence_features(words: Sequence[str]) -> list[str]:
    """The classifier's features of a sentence, which may be empty: each word, pair and triple once."""
    padded = [START, *words, END]
    grams = {" ".join(padded[at : at + size]) for size in (1, 2, 3) for at in range(len(padded) - size + 1)}
    return ["bias", *sorted(grams)]


def train_crf(examples: Sequence[TaggedSentence], folder: Path, config: CrfConfig) -> None:
    spoken = [example for example in examples if example.words]
    tags = [list(each.tagging.tags) for each in spoken]
    _fit([_chain(each.words) for each in spoken], tags, folder / TAGGER_FILE, config)
    intents = [[each.tagging.intent] for each in examples]
    _fit([[sentence_features(each.words)] for each in examples], intents, folder / INTENT_FILE, config)


def _chain(words: Sequence[str]) -> list[list[str]]:
    return [word_features(words, position) for position in range(len(words))]


def _fit(chains: list[list[list[str]]], labels: list[list[str]], file: Path, config: CrfConfig) -> None:
    from sklearn_crfsuite import CRF

    crf = CRF(
        algorithm="lbfgs",
        c1=config.c1,
        c2=config.c2,
        max_iterations=config.max_iterations,
        all_possible_transitions=True,  # or an I- that never followed an O would cost nothing there
        model_filename=os.fspath(file),
    )
    crf.fit(chains, labels)


class CrfModel:
    def __init__(self, folder: Path) -> None:
        self._tagger = _open(folder / TAGGER_FILE)
        self._classifier = _open(folder / INTENT_FILE)

    @property
    def parameters(self) -> int:
        """Weights that are not 0: of features and of pairs of tags, of tagger and classifier together."""
        models = [model.info() for model in (self._tagger, self._classifier)]
        return sum(len(model.state_features) + len(model.transitions) for model in models)

    def understand(self, sentences: Sequence[Sequence[str]]) -> list[Tagging]:
        """The most likely tags of each sentence, and its class."""
        intents = (self._classifier.tag([sentence_features(words)])[0] for words in sentences)
        tags = (tuple(self._tagger.tag(_chain(words))) for words in sentences)
        return [Tagging(*each) for each in zip(intents, tags, strict=True)]


def _open(file: Path) -> "pycrfsuite.Tagger":
    import pycrfsuite  # which sklearn-crfsuite wraps: opened by itself it does without scikit-learn's seconds

    tagger = pycrfsuite.Tagger()
    tagger.open(os.fspath(file))
    return tagger
