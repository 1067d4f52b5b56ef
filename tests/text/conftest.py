"""Tokens of the toy world."""

import pytest

from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def vocabulary(toy) -> Vocabulary:
    return Vocabulary.load(toy.token_list)


@pytest.fixture(scope="session")
def tokenizer(toy, vocabulary) -> TargetTokenizer:
    return TargetTokenizer(vocabulary, toy.bpemodel)
