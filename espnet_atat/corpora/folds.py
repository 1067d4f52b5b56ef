"""The sets of a cross validation: ``<field>_foldK_{train,dev,test}``."""

from collections.abc import Sequence

from espnet_atat.corpora.builder import Builder, Utterance
from espnet_atat.corpora.splits import stratified_folds

#: Dev is one part in this many of the utterances that are not test.
DEV_PARTS = 8


def write_folds(builder: Builder, field: str, items: Sequence[tuple[Utterance, str, str]], folds: int) -> None:
    """Write the sets of every fold, drawn with the builder's seed; each utterance is in the test set of one fold.

    Args:
        field: name before ``_fold``.
        items: utterance, stratum (balanced over folds, such as the intent) and group (never divided between the parts
            of a fold, such as the speaker).
    """

    def dealt(those: Sequence[tuple[Utterance, str, str]], parts: int, seed: int) -> dict[str, int]:
        return stratified_folds([(utterance.id, stratum, group) for utterance, stratum, group in those], parts, seed)

    seed = builder.options.seed
    fold_of = dealt(items, folds, seed)
    for fold in range(1, folds + 1):
        rest = [item for item in items if fold_of[item[0].id] != fold]
        part_of = dealt(rest, DEV_PARTS, seed + fold)
        sets = {
            "train": [utterance for utterance, _, _ in rest if part_of[utterance.id] != 1],
            "dev": [utterance for utterance, _, _ in rest if part_of[utterance.id] == 1],
            "test": [utterance for utterance, _, _ in items if fold_of[utterance.id] == fold],
        }
        for part, members in sets.items():
            builder.write(f"{field}_fold{fold}_{part}", members)
