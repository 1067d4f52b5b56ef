"""The blocks of ESPnet's own ASR encoders in ours; imports torch and ESPnet."""

from pathlib import Path
from typing import Any

import pytest
import torch
from espnet2.main_funcs.pack_funcs import pack

from espnet_atat.errors import UserError
from espnet_atat.model.espnet import AbsEncoder, ConformerEncoder, TransformerEncoder
from espnet_atat.train.asr_encoder import load_asr_encoder
from tests.toy_model import DIMENSION, MELS, TINY_BLOCKS, toy_model

ENCODERS: dict[str, type[AbsEncoder]] = {"transformer": TransformerEncoder, "conformer": ConformerEncoder}


def asr_encoder(blocks: str, **changes: Any) -> AbsEncoder:
    """An encoder as an ASR recipe of ESPnet builds it: with its own subsampling in front."""
    options = {"input_size": MELS, "output_size": DIMENSION, "input_layer": "conv2d", **TINY_BLOCKS[blocks], **changes}
    if blocks == "conformer":
        options["rel_pos_type"] = "latest"
    return ENCODERS[blocks](**options).eval()


def save(encoder: AbsEncoder, path: Path, **wrapped: Any) -> Path:
    """As ESPnet saves an ASR model: with a decoder and a CTC beside the encoder."""
    state = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    state |= {"ctc.ctc_lo.weight": torch.ones(5, DIMENSION), "decoder.embed.0.weight": torch.ones(5, DIMENSION)}
    torch.save({"model": state, **wrapped} if wrapped else state, path)
    return path


@pytest.mark.parametrize("blocks", ["transformer", "conformer"])
@pytest.mark.parametrize("wrapped", [{}, {"reporter": {}}], ids=["model", "trainer's checkpoint"])
@torch.no_grad()
def test_the_blocks_compute_what_the_asr_models_do(blocks, wrapped, tmp_path):
    asr, model = asr_encoder(blocks), toy_model(blocks=blocks, seed=5)
    cnn = {name: value.clone() for name, value in model.audio_encoder.cnn.state_dict().items()}
    load_asr_encoder(model.audio_encoder, save(asr, tmp_path / "asr.pth", **wrapped))
    feats, lengths = torch.randn(1, 36, MELS), torch.tensor([36])
    found, _, _ = model.audio_encoder(feats, lengths)
    asr.embed = model.audio_encoder.blocks.embed  # the same input for both: behind the subsampling
    model.audio_encoder.blocks = asr
    expected, _, _ = model.audio_encoder(feats, lengths)
    assert torch.equal(found, expected)
    assert all(torch.equal(value, cnn[name]) for name, value in model.audio_encoder.cnn.state_dict().items())


@torch.no_grad()
def test_the_blocks_may_come_out_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ESPnet's ``pack`` writes it."""
    monkeypatch.chdir(tmp_path)
    save(asr_encoder("transformer"), Path("asr.pth"))
    Path("config.yaml").write_text("encoder: transformer\n")
    pack({"asr_model_file": "asr.pth"}, {"asr_train_config": "config.yaml"}, "asr.zip", option=[])
    first, second = toy_model(seed=5), toy_model(seed=5)
    load_asr_encoder(first.audio_encoder, "asr.pth")
    load_asr_encoder(second.audio_encoder, "asr.zip")
    before = toy_model(seed=5).state_dict()
    assert all(torch.equal(value, first.state_dict()[name]) for name, value in second.state_dict().items())
    assert any(not torch.equal(value, before[name]) for name, value in second.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_blocks": 1}, r"it lacks \d+: encoders\.1\."),
        ({"num_blocks": 3}, r"it has too many, \d+: encoders\.2\."),
        ({"linear_units": 48}, r"it has of another shape 6: encoders\.0\.feed_forward\.w_1\.weight \(48, 16\) instead"),
        ({"num_blocks": 1, "linear_units": 48}, r"it lacks 16: .* …; it has of another shape 3: encoders\.0\.feed_"),
    ],
)
def test_all_that_does_not_fit_is_in_one_error(changes, complaint, tmp_path):
    model = toy_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(UserError, match=rf"asr\.pth: its encoder is not of the shape of .*{complaint}"):
        load_asr_encoder(model.audio_encoder, save(asr_encoder("transformer", **changes), tmp_path / "asr.pth"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_no_asr_model_is_named(tmp_path):
    model = toy_model()
    torch.save(model.state_dict(), tmp_path / "ours.pth")
    with pytest.raises(UserError, match=r"ours\.pth: no parameter begins with 'encoder\.': not an ESPnet ASR model"):
        load_asr_encoder(model.audio_encoder, tmp_path / "ours.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    for name in ("torn.pth", "absent.pth"):
        with pytest.raises(UserError, match=rf"{name}: no such file, or not a whole checkpoint"):
            load_asr_encoder(model.audio_encoder, tmp_path / name)
