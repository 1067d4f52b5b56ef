"""bfloat16 on a CPU: in training alone, near float32, and nothing that is kept changes its type."""

import pytest
import torch
from espnet2.asr.frontend.default import DefaultFrontend

from espnet_atat.errors import UserError
from espnet_atat.model.precision import resolve_precision
from tests.toy_model import DIMENSION, MELS, TINY_BLOCKS, toy_batch, toy_model


def options(precision: str) -> dict[str, object]:
    """Of a toy model without dropout."""
    blocks = {**TINY_BLOCKS["transformer"], "dropout_rate": 0.0, "positional_dropout_rate": 0.0}
    conf = {"output_size": DIMENSION, "cnn_channels": [4, 4], "dropout_rate": 0.0, "cnn_cpu_precision": precision}
    return {"audio_encoder_conf": {**conf, "blocks_conf": blocks}}


def test_training_is_near_float32_and_leaves_float32_behind():
    losses, gradients = [], []
    for precision in ("float32", "bfloat16"):
        model = toy_model(**options(precision)).train()
        model.decoder.eval(), model.text_encoder.eval()  # no dropout
        loss, _, _ = model(**toy_batch())
        loss.backward()
        losses.append(loss)
        gradients.append(model.audio_encoder.cnn.convs[0].weight.grad.flatten())
        assert {p.dtype for p in model.parameters()} == {loss.dtype} == {torch.float32}
    assert losses[0] != losses[1]  # it is in use
    torch.testing.assert_close(losses[0], losses[1], rtol=0.02, atol=0)
    assert gradients[1].dtype is torch.float32
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_validation_and_decoding_are_in_float32():
    with torch.no_grad():
        full, low = (toy_model(**options(precision))(**toy_batch())[0] for precision in ("float32", "bfloat16"))
    assert torch.equal(low, full)


def test_auto_is_one_of_the_two_and_other_names_are_refused():
    assert resolve_precision("auto") in ("float32", "bfloat16")
    with pytest.raises(UserError, match="cnn_cpu_precision is one of float32, bfloat16, auto, found 'half'"):
        resolve_precision("half")


def test_the_log_mel_of_audio_leaves_autocast():
    conf = {"fs": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": MELS}
    model = toy_model(frontend=DefaultFrontend(**conf)).train()
    speech, lengths = 0.1 * torch.randn(2, 16000), torch.tensor([16000, 9000])
    found: list[torch.Tensor] = []
    model.audio_encoder.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    exact = model.collect_feats(speech, lengths)["feats"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (model.frontend(speech, lengths)[0] - exact).abs().max() > 0.01  # nepers: what is to be avoided
        model.encode_audio(speech, lengths)
    assert found[0].dtype is torch.float32
    assert torch.equal(found[0], exact)


@pytest.mark.parametrize("blocks", TINY_BLOCKS)
def test_the_whole_model_trains_under_autocast(blocks):
    losses = []
    for low in (False, True):
        model = toy_model(blocks=blocks, model_conf={"ctc_weight": 0.3, "contrast_weight": 0.1})
        batch = toy_batch()
        batch |= {"transcript": batch["text_in"][:1].repeat(3, 1)}
        batch |= {"transcript_lengths": batch["text_in_lengths"][:1].repeat(3)}
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):  # what ESPnet's trainer does on a GPU
            loss, _, _ = model(**batch)
        loss.backward()
        losses.append(loss)
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert losses[0].dtype == losses[1].dtype == torch.float32
    assert losses[0] != losses[1]
    torch.testing.assert_close(losses[1], losses[0], rtol=0.02, atol=0)
