"""Tags whose names a model knows though no tree that it trains on has them: those of the trees that it is validated on.

A twentieth of a corpus's trees may lack a label that everybody knows to exist. Such a tag has a row in the embedding
that no example teaches, so it is hardly ever said; without one, validation could not even be counted.
"""

from collections.abc import Iterable
from pathlib import Path

from espnet_atat.data.mixture import TREE_TASKS, Part, examples_of
from espnet_atat.semantics.tree import is_tag

#: Key of a token list's identity.
KEY = "known_tags"


def unseen_tags(train: Iterable[Part], valid: Iterable[Part], dump: Path, seed: int) -> list[str]:
    """Tags of the trees of ``valid`` that no tree of ``train`` has, sorted.

    Args:
        seed: draws the utterances of parts with a limit.

    Raises:
        UserError: a set lacks something that its task needs.
    """
    return sorted(_tags(valid, dump, seed) - _tags(train, dump, seed))


def _tags(parts: Iterable[Part], dump: Path, seed: int) -> set[str]:
    trees = (examples_of(part, dump, seed)[1] for part in parts if part.task in TREE_TASKS)
    return {token for targets in trees for target in targets.values() for token in target.split() if is_tag(token)}
