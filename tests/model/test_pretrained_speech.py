"""Speech encoders of transformers: the states of an utterance are its own, and what is chosen is what trains."""

import json
import subprocess
import sys
from collections import Counter

import pytest
import torch
import transformers
from torch import nn
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from espnet_atat.errors import UserError
from espnet_atat.model.pretrained_speech import PretrainedSpeech, load_pretrained_speech, load_speech_config
from tests.toy_ears import FAMILIES, PREPROCESSORS, make_encoder
from tests.toy_model import without_dropout

LENGTHS = (9600, 4000, 6403)


def build(family: str, **options) -> PretrainedSpeech:
    torch.manual_seed(0)
    return PretrainedSpeech(load_speech_config(None, FAMILIES[family]), PREPROCESSORS.get(family, {}), **options).eval()


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Three utterances, and something that is not silence behind the ends of two."""
    torch.manual_seed(1)
    return 0.1 * torch.randn(3, max(LENGTHS)), torch.tensor(LENGTHS)


@pytest.mark.parametrize("layers", ["last", "weighted", 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_do_not_depend_on_batch_mates(family, layers, batch):
    model = build(family, layers=layers)
    speech, lengths = batch
    with torch.no_grad():
        states, counts = model(speech, lengths)
        for row, length in enumerate(LENGTHS):
            alone, (count,) = model(speech[row : row + 1, :length], lengths[row : row + 1])
            assert count == counts[row]
            assert torch.allclose(states[row, :count], alone[0], atol=1e-4)
            assert not states[row, count:].any()
    assert states.std() > 0.01
    assert len(model.encoder.state_dict()) > 10


@pytest.mark.parametrize("family", ["whisper", "wav2vec2", "wav2vec2 large", "w2v-bert", "moonshine"])
def test_states_are_transformers_own(family, batch):
    model = build(family)
    speech, lengths = batch[0][:1, :4160], torch.tensor([4160])  # an even number of frames
    with torch.no_grad():
        states, _ = model(speech, lengths)
        if family == "whisper":  # which its own code computes over all its positions alone
            mel, frames = model.frontend(speech, lengths)
            most = int(frames) // 2
            own = transformers.WhisperConfig(**{**FAMILIES["whisper"], "max_source_positions": most})
            encoder = WhisperEncoder(own).eval()
            weights = model.encoder.state_dict()
            weights["embed_positions.weight"] = weights["embed_positions.weight"][:most]
            encoder.load_state_dict(weights)
            theirs = encoder(mel).last_hidden_state
        else:
            theirs = model.encoder(model.frontend(speech)).last_hidden_state
    assert torch.allclose(states, theirs, atol=1e-5)


def test_whisper_hears_the_utterance_and_half_a_second_of_silence_alone(batch):
    speech, _ = batch
    states, (count,) = build("whisper")(speech[:1, :4800], torch.tensor([4800]))  # 0.3 s
    assert states.shape[1] == count == (4800 + 8000) // 320


def test_an_utterance_beyond_whispers_positions_is_refused():
    with pytest.raises(UserError, match=r"longer than the 3\.5 s"):  # 200 positions of 20 ms, less half a second
        build("whisper")(torch.zeros(1, 60000), torch.tensor([60000]))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"encoder_attention_heads": 5}, "config: 32 units are no multiple of 5 heads"),
        ({"encoder_attention_heads": 0}, "no multiple of 0 heads"),
        ({"encoder_layers": "3"}, "config: encoder_layers: is a whole number, found '3'"),
        ({"activation_function": "relu"}, "config: activation_function: is gelu, found 'relu'"),
    ],
)
def test_a_whisper_that_there_is_not_is_refused(option, message):
    with pytest.raises(UserError, match=message):
        load_speech_config(None, {**FAMILIES["whisper"], **option})


def test_an_utterance_too_short_for_one_state_is_refused():
    with pytest.raises(UserError, match="100 samples is too short for a wav2vec2"):
        build("wav2vec2")(torch.zeros(1, 100), torch.tensor([100]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("trained", "layers"), [("none", set()), (1, {2}), ("all", {0, 1, 2})])
def test_what_is_frozen_gets_no_gradient_and_uses_no_dropout(family, trained, layers, batch):
    model = build(family, trained=trained).train()
    blocks = model._body().layers
    assert {number for number, block in enumerate(blocks) if block.training} == layers
    states, _ = model(batch[0][:1, :4000], batch[1][1:2])
    assert states.requires_grad == bool(layers)
    if layers:
        states.square().mean().backward()
    learnt = [any(p.grad is not None for p in block.parameters()) for block in blocks]
    assert {number for number, each in enumerate(learnt) if each} == layers


@pytest.mark.parametrize("family", ["whisper", "wav2vec2", "moonshine"])
def test_gradient_checkpointing_changes_no_gradient(family, batch):
    gradients, calls = [], Counter()
    for checkpointing in (False, True):
        model = build(family, trained="all", layers="weighted", gradient_checkpointing=checkpointing).train()
        without_dropout(model)
        if family != "whisper":  # which has none by default
            model.encoder.config.attention_dropout = 0.0
        for norm in (each for block in model._body().layers for each in block.modules() if type(each) is nn.LayerNorm):
            norm.register_forward_hook(lambda *_, on=checkpointing: calls.update([on]))
        torch.manual_seed(0)
        model(batch[0][:2], batch[1][:2])[0].square().sum().backward()
        gradients.append([p.grad for p in model.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(*gradients, strict=True))
    assert calls[True] > calls[False] > 0  # layers are computed again


def test_a_layer_by_its_number_leaves_out_those_above(batch):
    cut, whole = build("wav2vec2", layers=1), build("wav2vec2")
    assert len(cut._body().layers) == 1
    with torch.no_grad():
        hidden = whole.encoder(whole.frontend(batch[0][:1]), output_hidden_states=True).hidden_states
        assert torch.allclose(cut(batch[0][:1], batch[1][:1])[0], hidden[1], atol=1e-5)


def test_the_weighted_sum_starts_as_the_mean(batch):
    model = build("whisper", layers="weighted")
    assert model.weights.shape == (4,)
    with torch.no_grad():
        mean, _ = model(batch[0][:1], batch[1][:1])
        model.weights.data = torch.tensor([-99.0, -99.0, -99.0, 99.0])
        last, _ = model(batch[0][:1], batch[1][:1])
        own, _ = build("whisper")(batch[0][:1], batch[1][:1])
    assert torch.allclose(last, own, atol=1e-5)
    assert not torch.allclose(mean, own, atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_gives_its_weights(family, tmp_path):
    folder = make_encoder(tmp_path / "encoder", family)
    first, second = load_pretrained_speech(str(folder)), load_pretrained_speech(str(folder))
    fresh = build(family)
    for name, tensor in first.encoder.state_dict().items():
        assert torch.equal(tensor, second.encoder.state_dict()[name])
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), fresh.parameters(), strict=True))


def test_a_whole_whisper_gives_its_encoder(tmp_path):
    """The checkpoints of the hub have a decoder too."""
    config = {**FAMILIES["whisper"], "decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 16}
    config |= {"vocab_size": 20, **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 1)}
    whole = WhisperForConditionalGeneration(WhisperConfig(**config, decoder_start_token_id=1))
    whole.save_pretrained(tmp_path / "whole")
    loaded = load_pretrained_speech(str(tmp_path / "whole"))
    for name, tensor in whole.model.encoder.state_dict().items():
        assert torch.equal(loaded.encoder.state_dict()[name], tensor)


@pytest.mark.parametrize(("family", "layers"), [("whisper", "encoder_layers"), ("wav2vec2", "num_hidden_layers")])
def test_weights_that_do_not_fit_are_refused(family, layers, tmp_path):
    folder = make_encoder(tmp_path / "encoder", family)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, layers: config[layers] + 1}))
    with pytest.raises(UserError, match=rf"{folder}.* lacks? '.*layers\.{config[layers]}\."):
        load_pretrained_speech(str(folder))


def test_a_cut_file_of_weights_is_named(tmp_path):
    file = make_encoder(tmp_path / "encoder") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=rf"{file}: not a whole file of weights"):
        load_pretrained_speech(str(file.parent))


def test_whisper_is_loaded_without_transformers(tmp_path):
    """Each process of stage 6 loads it, for each set."""
    code = (
        "import sys; from espnet_atat.model.pretrained_speech import load_pretrained_speech as load; load(sys.argv[1])"
    )
    code += "; assert not {'transformers', 'torch._dynamo'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code, make_encoder(tmp_path / "encoder")], check=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 4}, "layers: 4, but the encoder has 3"),
        ({"layers": "first"}, "layers is last, weighted or a number"),
        ({"trained": 4}, "trained: 4, but the encoder has 3"),
        ({"trained": True}, "trained is none, all or a number"),
        ({"silence": 0.0}, "silence is at least"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        build("whisper", **options)


def test_an_encoder_of_another_input_is_refused():
    config = {"model_type": "speech_to_text", "d_model": 16, "encoder_attention_heads": 4, "encoder_ffn_dim": 16}
    config |= {"encoder_layers": 1, "inputs_to_logits_ratio": 640}
    with pytest.raises(UserError, match="there is no front end here"):
        PretrainedSpeech(load_speech_config(None, config), {})


def test_a_name_that_is_nowhere_is_refused_in_one_line():
    with pytest.raises(UserError, match=r"no such folder, not installed \(tools/install_extra.sh ears"):
        load_pretrained_speech("nobody/has-this")
