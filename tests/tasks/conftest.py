"""Statistics of the toy world, and another domain, for all tests of this folder."""

import pytest

from espnet_atat.datadir import write_two_column
from espnet_atat.text.growth import grow
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from tests.toy import make_toy
from tests.toy_training import FOUR_TASKS, Prepared, prepare


@pytest.fixture(scope="session")
def prepared(toy) -> Prepared:
    """All eight utterances in all four tasks."""
    return prepare(toy, FOUR_TASKS, "four_tasks")


@pytest.fixture(scope="session")
def new_domain(prepared, tmp_path_factory) -> Prepared:
    """Text of another domain: two new tags and a new character; its token list is the old one, grown."""
    toy = make_toy(tmp_path_factory.mktemp("new"))
    targets = {f"spk0-{i}": f"[IN:BUY buy [SL:BOOK {word} ] ]" for i, word in enumerate(("rain", "ann", "moön"))}
    folder = toy.dump / "toy" / "words"
    write_two_column(folder / "target", targets)
    write_two_column(folder / "text", {utt_id: f"buy {t.split()[3]}" for utt_id, t in targets.items()})
    old = Vocabulary.load(prepared.toy.token_list)
    toy.bpemodel.write_bytes(prepared.toy.bpemodel.read_bytes())
    grow(TargetTokenizer(old, toy.bpemodel), targets.values()).vocabulary.save(toy.token_list)
    return prepare(toy, [{"task": "nlu", "set": "toy/words"}], "nlu")
