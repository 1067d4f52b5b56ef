"""The audio encoder's blocks from an ESPnet ASR model."""

import io
import logging
from pathlib import Path

from torch import Tensor

from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET_PREFIX, is_checkpoint, read_member
from espnet_atat.model.audio_encoder import AudioEncoder
from espnet_atat.model.exact_weights import load_state
from espnet_atat.train.checkpoint import is_intact

PREFIX = "encoder."
SUBSAMPLING = "embed."  # ESPnet's, in front of its blocks
NAMED = 5  # parameters that an error names of each kind


def load_asr_encoder(encoder: AudioEncoder, file: str | Path) -> None:
    """Load the encoder weights of an ESPnet ASR model into the blocks of an audio encoder of the same shape.

    ``encoder.*`` of the checkpoint becomes ``audio_encoder.blocks.*``; the CNN keeps its weights, because ESPnet's
    (``encoder.embed``) is a different network.

    Args:
        file: ``.pth`` of the ASR model's parameters, or a trainer's ``checkpoint.pth``; or a package, a folder or a
            name of espnet_model_zoo or the hub (``espnet_package``).

    Raises:
        UserError: the file is no such checkpoint, or names the parameters that do not fit.
    """
    path = Path(file)
    if not is_checkpoint(str(file)):
        state = load_state(io.BytesIO(read_member(f"{ESPNET_PREFIX}{file}", "weights")), file)
    elif not path.is_file() or not is_intact(path):
        raise UserError(f"{path}: no such file, or not a whole checkpoint (audio_encoder_init: an ASR model's .pth)")
    else:
        state = load_state(path, path)
    theirs = _blocks({name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)})
    if not theirs:
        raise UserError(f"{path}: no parameter begins with {PREFIX!r}: not an ESPnet ASR model")
    ours = _blocks(encoder.blocks.state_dict())
    shapes = [
        f"{name} {tuple(theirs[name].shape)} instead of {tuple(value.shape)}"
        for name, value in ours.items()
        if name in theirs and theirs[name].shape != value.shape
    ]
    complaints = [
        f"{what} {len(names)}: {', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}"
        for what, names in (
            ("lacks", [name for name in ours if name not in theirs]),
            ("has too many,", [name for name in theirs if name not in ours]),
            ("has of another shape", shapes),
        )
        if names
    ]
    if complaints:
        raise UserError(
            f"{path}: its encoder is not of the shape of audio_encoder_conf blocks_conf: it " + "; it ".join(complaints)
        )
    encoder.blocks.load_state_dict(theirs, strict=False)
    logging.info("audio encoder: %d parameters of its blocks from %s; the CNN starts fresh", len(theirs), path)


def _blocks(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.startswith(SUBSAMPLING)}
