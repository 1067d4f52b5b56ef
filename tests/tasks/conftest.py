"""One toy world and its statistics for all tests of this folder."""

import pytest

from tests.toy import Toy, make_toy
from tests.toy_training import FOUR_TASKS, Prepared, prepare


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def prepared(toy: Toy) -> Prepared:
    """All eight utterances in all four tasks."""
    return prepare(toy, FOUR_TASKS, "four_tasks")
