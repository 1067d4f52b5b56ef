"""Lengths from ESPnet's shape files and weights from a mixture's groups: what the sampler draws from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from espnet_atat.data.epoch_plan import Group
from espnet_atat.data.ids import Ids
from espnet_atat.data.mixture import group_of, task_of
from espnet_atat.data.text_lines import Block, scan_blocks
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.text.vocabulary import TASK_SOURCE

_DIGITS = 9  # of a length


def load_groups(shape_files: Sequence[str], groups_file: str | None = None) -> dict[str, Group]:
    """Groups of examples with their lengths and weights.

    Args:
        shape_files: of ``--collect_stats``: ``speech_shape`` (frames or samples first) and / or ``text_in_shape``.
        groups_file: group and weight, one per line; None: each group weighs its number of examples.

    Raises:
        UserError: no usable shape file, an unknown task in an id, an id that occurs twice, or a group without weight.
    """
    found: dict[str, _Builder] = {}
    for file in shape_files:
        modality = Path(file).name.removesuffix("_shape")
        if modality in ("speech", "text_in"):  # not text_shape: targets are short beside their sources
            _read(file, modality, found)
    if not found:
        raise UserError("give the shape files speech_shape and / or text_in_shape of stage 9 to --train_shape_file")
    weights = read_two_column(groups_file) if groups_file is not None else {}
    if groups_file is not None and set(weights) != set(found):
        odd = sorted(set(weights) ^ set(found))[0]
        raise UserError(f"{groups_file}: the group {odd} is not in both this file and the shape files: redo stage 9")
    groups = {}
    for name, builder in found.items():
        group = builder.group(TASK_SOURCE[task_of(name)])
        try:
            weight = float(weights.get(name, group.weight))
        except ValueError as error:
            raise UserError(f"{groups_file}: the weight of {name} is {weights[name]!r}, not a number") from error
        groups[name] = Group(group.modality, weight, group.ids, group.lengths)
    return groups


class _Builder:
    """What is read of a group, block by block."""

    def __init__(self, name: str):
        self.prefix = f"{name}-"
        self.rest: list[np.ndarray] = []
        self.sizes: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = []

    def add(self, block: Block, lines: np.ndarray, lengths: np.ndarray) -> None:
        starts, ends = block.starts[lines] + len(self.prefix.encode()), block.key_ends[lines]
        inside = np.zeros(len(block.data) + 1, np.int8)
        inside[starts] += 1
        inside[ends] -= 1
        self.rest.append(block.data[np.cumsum(inside[:-1], dtype=np.int8).astype(bool)])
        self.sizes.append((ends - starts).astype(np.uint16))
        self.lengths.append(lengths[lines])

    def group(self, modality: str) -> Group:
        rest, ends = np.concatenate(self.rest), np.cumsum(np.concatenate(self.sizes), dtype=np.int64)
        self.rest.clear()
        lengths = np.concatenate(self.lengths)
        return Group(modality, len(lengths), Ids(self.prefix, rest, ends), lengths)


def _read(file: str, modality: str, found: dict[str, _Builder]) -> None:
    """Add the lines of a shape file to their groups, which are in the file's order."""
    hashes = []
    for block in scan_blocks(file):
        lengths = _lengths(file, block)
        hashes.append(block.hashes())
        left = np.ones(len(block.starts), bool)
        names = [name for name in found if TASK_SOURCE[task_of(name)] == modality]
        while names or left.any():
            name = names.pop() if names else _new_group(file, block.key(int(left.argmax())), modality)
            builder = found.setdefault(name, _Builder(name))
            lines = _beginning_with(block, builder.prefix.encode(), left)
            builder.add(block, lines, lengths)
            left[lines] = False
    joined = np.sort(np.concatenate(hashes)) if hashes else np.empty(0)
    if (joined[1:] == joined[:-1]).any():
        raise UserError(f"{file}: an utterance occurs twice: redo stage 9")


def _new_group(file: str, utt_id: str, modality: str) -> str:
    name = group_of(utt_id)
    if TASK_SOURCE.get(task_of(name)) != modality:
        raise UserError(f"{file}: {utt_id} does not begin with a task that reads {modality}")
    if not utt_id.startswith(f"{name}-"):
        raise UserError(f"{file}: {utt_id} is not <task>-<set>-<utterance>: redo stage 9")
    return name


def _beginning_with(block: Block, prefix: bytes, candidates: np.ndarray) -> np.ndarray:
    """Numbers of those candidate lines whose key is longer than ``prefix`` and begins with it."""
    lines = np.flatnonzero(candidates & (block.key_ends - block.starts > len(prefix)))
    for place, byte in enumerate(prefix):
        lines = lines[block.data[block.starts[lines] + place] == byte]
    return lines


def _lengths(file: str, block: Block) -> np.ndarray:
    """(lines,) first number of each line's value."""
    starts = block.key_ends + 1
    commas = np.append(np.flatnonzero(block.data == ord(",")), len(block.data))
    ends = np.minimum(commas[np.searchsorted(commas, np.minimum(starts, block.ends))], block.ends)
    sizes = ends - starts
    values, bad = np.zeros(len(starts), np.int64), (sizes < 1) | (sizes > _DIGITS)
    for place in range(int(np.clip(sizes.max(initial=0), 0, _DIGITS))):
        inside = place < sizes
        digit = block.data[np.where(inside, starts + place, 0)].astype(np.int64) - ord("0")
        bad |= inside & ((digit < 0) | (digit > 9))
        values = np.where(inside, 10 * values + digit, values)
    if bad.any():
        line = int(bad.argmax())
        raise UserError(f"{file}: the shape of {block.key(line)} is {block.value(line)!r}, not numbers: redo stage 9")
    return values.astype(np.int32)
