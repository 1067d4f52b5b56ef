"""One toy world for all tests of this folder."""

import pytest

from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from tests.toy import Toy, make_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def vocabulary(toy) -> Vocabulary:
    return Vocabulary.load(toy.token_list)


@pytest.fixture(scope="session")
def tokenizer(toy, vocabulary) -> TargetTokenizer:
    return TargetTokenizer(vocabulary, toy.bpemodel)
