"""A pretrained model's checkpoint for a run with a larger vocabulary (paper, *Finetuning Phase*).

ESPnet's ``--init_param`` matches parameters by name and shape but cannot map rows, so rows are mapped here, by token,
and written to a checkpoint that ``--init_param`` can read.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from espnet_atat.errors import UserError
from espnet_atat.model.exact_weights import load_state
from espnet_atat.text.vocabulary import CONTROL_TOKENS, UNKNOWN, Vocabulary
from espnet_atat.train.adapter import is_adapter
from espnet_atat.train.checkpoint import is_intact, save_in_place
from espnet_atat.train.optimiser import NEW_ROWS, is_below

OLD_ROWS = "decoder.embed.0.pretrained"
CTC = ("ctc.project.weight", "ctc.project.bias")


def initial_checkpoint(
    model_file: str | Path,
    old: Vocabulary,
    new: Vocabulary,
    output: str | Path,
    ctc_of_tokens: bool = False,
    keep: Sequence[str] | None = None,
) -> None:
    """Write the checkpoint that a run with the vocabulary ``new`` starts from.

    All rows of the old model, pretrained or new at the time, become pretrained rows. Rows for new tokens are left out,
    so that the new run initialises them from its own seed.

    Args:
        model_file: a ``.pth`` of model parameters (an epoch's or an average), whose vocabulary is ``old``.
        ctc_of_tokens: the CTC's symbols are the tokens (``ctc_unit: token``), so that it grows with them.
        keep: names or prefixes of the parameters to take over, :data:`OLD_ROWS` among them; None: all.
    """
    if not new.extends(old):
        raise UserError(
            f"the new token list ({len(new)}) does not begin with the old one ({len(old)}): grow the old one"
        )
    state = _load(model_file)
    rows = torch.cat((state.pop(OLD_ROWS), state.pop(NEW_ROWS)))
    if len(rows) != len(old):
        raise UserError(f"{model_file} has rows for {len(rows)} tokens, its token list has {len(old)}: they do not fit")
    if ctc_of_tokens:
        state |= {name: _grow_ctc(state[name], len(old), len(new)) for name in CTC if name in state}
    state[OLD_ROWS] = rows
    save_in_place(state if keep is None else _kept(state, keep, model_file), Path(output))


def kept_checkpoint(model_file: str | Path, keep: Sequence[str], output: str | Path) -> None:
    """Write the checkpoint that a run with its own token list starts from, such as encoder-only transfer.

    Parameters whose names or prefixes are not in ``keep`` are left out: the new run initialises them from its own seed.
    """
    save_in_place(_kept(_load(model_file), keep, model_file), Path(output))


def _load(model_file: str | Path) -> dict[str, Tensor]:
    """A model's parameters without adapters, which are merged into the saved weights; a new run starts new adapters."""
    if not is_intact(Path(model_file)):
        raise UserError(f"{model_file}: not a whole checkpoint: train again, or take another epoch's model")
    state = load_state(model_file, model_file)
    if OLD_ROWS not in state:
        raise UserError(f"{model_file}: no {OLD_ROWS} in it: not a model of this project")
    return {name: value for name, value in state.items() if not is_adapter(name)}


def _kept(state: dict[str, Tensor], keep: Sequence[str], model_file: str | Path) -> dict[str, Tensor]:
    for prefix in keep:
        if not any(is_below(name, prefix) for name in state):
            parts = ", ".join(sorted({name.split(".")[0] for name in state}))
            raise UserError(f"keep: {model_file} has nothing below {prefix!r}; it has {parts}")
    return {name: value for name, value in state.items() if any(is_below(name, prefix) for prefix in keep)}


def _grow_ctc(rows: Tensor, old: int, new: int) -> Tensor:
    """Add rows to a CTC's projection, (subframes * old, …) -> (subframes * new, …); each starts as ``<unk>``'s."""
    rows = rows.reshape(-1, old, *rows.shape[1:])
    unknown = rows[:, CONTROL_TOKENS.index(UNKNOWN)].unsqueeze(1)
    return torch.cat((rows, *[unknown] * (new - old)), 1).flatten(0, 1)
