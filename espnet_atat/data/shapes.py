"""Lengths from ESPnet's shape files and weights from a mixture's groups: what the sampler draws from."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.data.mixture import group_of, task_of
from espnet_atat.data.sampler import Group
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.text.vocabulary import TASK_SOURCE


def load_groups(shape_files: Sequence[str], groups_file: str | None = None) -> dict[str, Group]:
    """Groups of examples with their lengths and weights.

    Args:
        shape_files: of ``--collect_stats``: ``speech_shape`` (frames or samples first) and / or ``text_in_shape``.
        groups_file: group and weight, one a line; None: each group weighs its number of examples.

    Raises:
        UserError: no usable shape file, an unknown task in an id, or a group without weight.
    """
    lengths: dict[str, dict[str, int]] = defaultdict(dict)
    for file in shape_files:
        modality = Path(file).name.removesuffix("_shape")
        if modality not in ("speech", "text_in"):
            continue  # text_shape: targets are short beside their sources
        for utt_id, shape in read_two_column(file).items():
            length = shape.split(",")[0]
            if not length.isdecimal():
                raise UserError(f"{file}: the shape of {utt_id} is {shape!r}, not numbers: redo stage 9")
            lengths[group_of(utt_id)][utt_id] = int(length)
            if TASK_SOURCE.get(task_of(group_of(utt_id))) != modality:
                raise UserError(f"{file}: {utt_id} does not begin with a task that reads {modality}")
    if not lengths:
        raise UserError("give the shape files speech_shape and / or text_in_shape of stage 9 to --train_shape_file")
    weights = read_two_column(groups_file) if groups_file is not None else {}
    if groups_file is not None and set(weights) != set(lengths):
        odd = sorted(set(weights) ^ set(lengths))[0]
        raise UserError(f"{groups_file}: the group {odd} is not in both this file and the shape files: redo stage 9")
    groups = {}
    for name, of_group in lengths.items():
        try:
            weight = float(weights.get(name, len(of_group)))
        except ValueError as error:
            raise UserError(f"{groups_file}: the weight of {name} is {weights[name]!r}, not a number") from error
        groups[name] = Group(TASK_SOURCE[task_of(name)], weight, of_group)
    return groups
