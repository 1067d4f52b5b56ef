"""The text encoder: built from a configuration without a net, or from a folder."""

import socket
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest
import torch
from transformers import AutoConfig, AutoModel

from espnet_atat.errors import UserError
from espnet_atat.model.exact_weights import take_weights
from espnet_atat.model.text_encoder import DeferredTextEncoder, TextEncoder
from tests.toy_model import TINY_BERT

PIECES, LENGTHS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]]), torch.tensor([4, 3])


@pytest.fixture
def no_network(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("half", [False, True])
def test_a_saved_configuration_builds_the_same_encoder_in_full_precision(tmp_path, half):
    bert = AutoModel.from_config(AutoConfig.for_model(**TINY_BERT, hidden_act="relu"))
    (bert.half() if half else bert).save_pretrained(tmp_path)
    encoder = TextEncoder(16, model=str(tmp_path))
    assert all(torch.equal(value, bert.state_dict()[name].float()) for name, value in encoder.bert.state_dict().items())
    saved = encoder.config.to_diff_dict()
    assert ("float16" in str(saved)) == half
    again = TextEncoder(16, config=saved)
    assert again.config.to_diff_dict() == saved
    again.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(again.eval()(PIECES, LENGTHS)[0], encoder.eval()(PIECES, LENGTHS)[0])


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("bert", {}),
        ("electra", {"embedding_size": 8}),
        ("distilbert", {"dim": 24, "hidden_dim": 32, "n_layers": 1, "n_heads": 2}),
        ("roberta", {}),
    ],
)
def test_a_configuration_of_any_family_never_asks_the_network(kind, names):
    config = {**TINY_BERT, **names, "model_type": kind, "pad_token_id": 0}
    encoder = TextEncoder(16, config=config).eval()
    states, lengths, _ = encoder(PIECES, LENGTHS)
    assert (states.shape, encoder.vocabulary_size) == ((2, 4, 16), 30)
    assert lengths is LENGTHS
    alone, *_ = encoder(PIECES[1:, :3], LENGTHS[1:])
    torch.testing.assert_close(alone[0], states[1, :3], rtol=1e-5, atol=1e-5)
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


@pytest.mark.usefixtures("no_network")
def test_what_cannot_be_had_is_named(tmp_path):
    with pytest.raises(UserError, match=r"text encoder '.*': the folder holds no config\.json"):
        TextEncoder(16, model=str(tmp_path))

    with pytest.raises(UserError, match="text_encoder_conf: config: transformers knows no model_type 'no_such_model'"):
        TextEncoder(16, config={"model_type": "no_such_model"})


def model_of(encoder: torch.nn.Module) -> torch.nn.ModuleDict:
    """A model that is more than its text encoder."""
    return torch.nn.ModuleDict({"text_encoder": encoder, "decoder": torch.nn.Linear(2, 2)}).eval()


def test_a_deferred_encoder_is_the_encoder_of_its_checkpoint():
    torch.manual_seed(0)
    encoder = TextEncoder(16, config=TINY_BERT).eval()
    checkpoint = model_of(encoder).state_dict()
    model = model_of(DeferredTextEncoder(16, config=TINY_BERT))
    take_weights(model, checkpoint, "model.pth")
    assert type(model["text_encoder"]) is DeferredTextEncoder
    for _ in ("as read", "as built"):
        assert model.state_dict().keys() == checkpoint.keys()
        assert all(torch.equal(tensor, checkpoint[name]) for name, tensor in model.state_dict().items())
        with ThreadPoolExecutor(4) as pool, torch.inference_mode():
            states = list(pool.map(lambda _: model["text_encoder"](PIECES, LENGTHS)[0], range(4)))
        assert all(torch.equal(each, encoder(PIECES, LENGTHS)[0]) for each in states)
    assert type(model["text_encoder"]) is TextEncoder
    assert not any(parameter.is_inference() for parameter in model.parameters())


def test_a_deferred_encoder_moves_with_its_model_and_can_be_copied():
    model = model_of(DeferredTextEncoder(16, config=TINY_BERT))
    take_weights(model, model_of(TextEncoder(16, config=TINY_BERT)).state_dict(), "m.pth")
    copied = deepcopy(model).double()
    moved = copied["text_encoder"].weights["project.weight"]
    assert moved.dtype == torch.float64
    assert torch.equal(moved.float(), model["text_encoder"].project.weight)


def test_weights_of_another_text_encoder_are_named():
    weights = model_of(TextEncoder(16, config=TINY_BERT)).state_dict()
    model = model_of(DeferredTextEncoder(16, config={**TINY_BERT, "hidden_size": 48}))
    without = {name: tensor for name, tensor in weights.items() if name.startswith("decoder.")}
    with pytest.raises(UserError, match=r"m\.pth: lacks 'text_encoder\.'"):
        take_weights(model, without, "m.pth")
    take_weights(model, weights, "m.pth")
    with pytest.raises(UserError, match=r"text encoder: .* different models"):
        model["text_encoder"].max_pieces  # noqa: B018
