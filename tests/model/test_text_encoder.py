"""The text encoder: built from a configuration without a net, or from a folder."""

import socket
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from espnet_atat.errors import UserError
from espnet_atat.model.text_encoder import TextEncoder
from tests.toy_model import TINY_BERT

PIECES, LENGTHS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]]), torch.tensor([4, 3])


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_configuration_never_asks_the_network() -> None:
    encoder = TextEncoder(16, config=TINY_BERT)
    states, lengths = encoder(PIECES, LENGTHS)
    assert states.shape == (2, 4, 16)
    assert lengths is LENGTHS
    assert encoder.vocabulary_size == 30
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


@pytest.mark.usefixtures("no_network")
def test_a_saved_configuration_builds_the_same_encoder() -> None:
    encoder = TextEncoder(16, config={**TINY_BERT, "hidden_act": "relu"})
    saved = encoder.config.to_diff_dict()
    again = TextEncoder(16, config=saved)
    assert again.config.to_diff_dict() == saved
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again.eval()(PIECES, LENGTHS)[0], encoder.eval()(PIECES, LENGTHS)[0])


@pytest.mark.usefixtures("no_network")
def test_a_folder_gives_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(3)
    bert = AutoModel.from_config(AutoConfig.for_model(**TINY_BERT))
    bert.save_pretrained(tmp_path)
    encoder = TextEncoder(16, model=str(tmp_path))
    weights = encoder.bert.state_dict()
    assert all(torch.equal(value, bert.state_dict()[name]) for name, value in weights.items())
    assert encoder.bert.dtype == torch.float32


@pytest.mark.usefixtures("no_network")
def test_an_encoder_saved_in_half_precision_computes_in_full(tmp_path: Path) -> None:
    AutoModel.from_config(AutoConfig.for_model(**TINY_BERT)).half().save_pretrained(tmp_path)
    encoder = TextEncoder(16, model=str(tmp_path))
    assert "float16" in str(encoder.config.to_diff_dict())
    again = TextEncoder(16, config=encoder.config.to_diff_dict())
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again.eval()(PIECES, LENGTHS)[0], encoder.eval()(PIECES, LENGTHS)[0])


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("electra", {"embedding_size": 8}),
        ("distilbert", {"dim": 24, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}),
        ("roberta", {}),
    ],
)
def test_other_families_of_encoders_work_too(kind: str, names: dict[str, int]) -> None:
    config = {**TINY_BERT, **names, "model_type": kind, "pad_token_id": 0}
    encoder = TextEncoder(16, config=config).eval()
    states, _ = encoder(PIECES, LENGTHS)
    assert states.shape == (2, 4, 16)
    alone, _ = encoder(PIECES[1:, :3], LENGTHS[1:])
    torch.testing.assert_close(alone[0], states[1, :3], rtol=1e-5, atol=1e-5)
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


@pytest.mark.usefixtures("no_network")
def test_what_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"text encoder '.*': the folder holds no config\.json"):
        TextEncoder(16, model=str(tmp_path))
    with pytest.raises(UserError, match="text_encoder_conf needs 'model'"):
        TextEncoder(16)
    with pytest.raises(UserError, match="text_encoder_conf: config: transformers knows no model_type 'no_such_model'"):
        TextEncoder(16, config={"model_type": "no_such_model"})
