"""A mixture of the toy world, and its tokenizer."""

from pathlib import Path

import pytest

from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from tests.toy import write_toy_mixture


@pytest.fixture(scope="session")
def mixture(toy) -> Path:
    """A written mixture of audio (slu and asr) and text (nlu)."""
    entries = [("slu", "audio"), ("asr", "audio"), ("nlu", "words")]
    return write_toy_mixture(toy, [{"task": task, "set": f"toy/{name}"} for task, name in entries])


@pytest.fixture(scope="session")
def tokenizer(toy) -> TargetTokenizer:
    return TargetTokenizer(Vocabulary.load(toy.token_list), toy.bpemodel)
