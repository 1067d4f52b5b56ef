"""ESPnet's own ASR and OWSM-CTC models, packed by ESPnet's ``pack``: our states are those that they compute."""

import zipfile
from argparse import Namespace
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from espnet2.main_funcs.pack_funcs import pack

from espnet_atat.errors import UserError
from espnet_atat.hub import model_identity
from espnet_atat.model.hearing_encoder import HearingEncoder
from espnet_atat.model.pretrained_speech import load_pretrained_speech, load_speech_config

TOKENS = ["<blank>", "<unk>", "<na>", "<sop>", "<eng>", "<asr>", "<space>", "a", "b", "<sos>", "<eos>"]
BLOCKS = {"output_size": 16, "attention_heads": 2, "linear_units": 16, "num_blocks": 2, "dropout_rate": 0.1}
FRONT = {"fs": 16000, "n_fft": 400, "hop_length": 160, "n_mels": 20}


def options(kind: str) -> dict[str, Any]:
    """Of a training of ESPnet, but for the folder of its statistics."""
    given = {"token_list": TOKENS, "frontend": "default", "frontend_conf": FRONT, "specaug": None, "input_size": None}
    given |= {"normalize": "global_mvn", "ctc_conf": {}, "model_conf": {}, "init": None}
    if kind == "owsm_ctc":
        encoder = {**BLOCKS, "cgmlp_linear_units": 16, "cgmlp_conv_kernel": 3, "input_layer": "conv2d8"}
        encoder |= {"interctc_layer_idx": [1], "interctc_use_conditioning": True, "use_cross_attention": True}
        prompts = {"output_size": 12, "attention_heads": 2, "linear_units": 16, "num_blocks": 1}
        given |= {"model": "espnet_ctc", "encoder": "e_branchformer_ctc", "encoder_conf": encoder}
        return given | {"promptencoder": "transformer", "promptencoder_conf": prompts}
    conf = {"rel_pos_type": "latest", "cnn_module_kernel": 3} if kind == "conformer" else {}
    given |= {"model": "espnet", "encoder": kind, "encoder_conf": {**BLOCKS, **conf, "input_layer": "conv2d"}}
    given |= {"decoder": "transformer", "decoder_conf": {"num_blocks": 1, "attention_heads": 2, "linear_units": 16}}
    return given | {"preencoder": None, "postencoder": None}


def build(kind: str, folder: Path) -> Any:
    """The model of ESPnet's own task, with statistics that matter."""
    rng = np.random.default_rng(0)
    mean, var = rng.normal(-5, 2, 20), rng.uniform(1, 9, 20)
    np.savez(folder / "feats_stats.npz", count=100, sum=100 * mean, sum_square=100 * (var + mean**2))
    given = {**options(kind), "normalize_conf": {"stats_file": str(folder / "feats_stats.npz")}}
    torch.manual_seed(0)
    if kind == "owsm_ctc":
        from espnet2.tasks.s2t_ctc import S2TTask as Task
    else:
        from espnet2.tasks.asr import ASRTask as Task
    model = Task.build_model(Namespace(**given)).eval()
    (folder / "exp").mkdir()
    saved = {**given, "normalize_conf": {"stats_file": "elsewhere.npz"}}
    (folder / "exp/config.yaml").write_text(yaml.safe_dump(saved))
    torch.save(model.state_dict(), folder / "exp/valid.acc.ave.pth")
    return model


def packed(kind: str, folder: Path) -> Path:
    name = "s2t" if kind == "owsm_ctc" else "asr"
    with chdir(folder):
        files = {f"{name}_model_file": "exp/valid.acc.ave.pth"}, {f"{name}_train_config": "exp/config.yaml"}
        pack(*files, folder / "model.zip", option=[])
    return folder / "model.zip"


@pytest.fixture(params=["transformer", "conformer", "owsm_ctc"])
def espnet(request, tmp_path) -> tuple[str, Any, Path]:
    """Kind, ESPnet's model, and the package of it."""
    model = build(request.param, tmp_path)
    return request.param, model, packed(request.param, tmp_path)


def theirs(kind: str, model: Any, speech: torch.Tensor) -> torch.Tensor:
    lengths = torch.tensor([speech.shape[1]])
    if kind != "owsm_ctc":
        return model.encode(speech, lengths)[0]
    one = torch.tensor([1])
    prefix = torch.tensor([[TOKENS.index("<eng>"), TOKENS.index("<asr>")]])
    before = torch.tensor([[TOKENS.index("<na>")]])
    states, _ = model.encode(speech, lengths, before, one, prefix, torch.tensor([2]))
    return model.frames(states[0] if isinstance(states, tuple) else states, prefix)


@torch.no_grad()
def test_states_are_espnets_own_and_an_utterances_own(espnet):
    kind, model, package = espnet
    ours = load_pretrained_speech(f"espnet:{package}").eval()
    torch.manual_seed(1)
    speech, lengths = 0.1 * torch.randn(2, 24000), torch.tensor([24000, 17000])
    states, counts = ours(speech, lengths)
    for row, length in enumerate(lengths.tolist()):
        expected = theirs(kind, model, speech[row : row + 1, :length])
        assert int(counts[row]) == expected.shape[1]
        assert torch.allclose(states[row, : counts[row]], expected[0], atol=1e-4)
    hop = load_speech_config(f"espnet:{package}", None).samples_per_state
    assert hop == (8 if kind == "owsm_ctc" else 4) * 160
    assert abs(int(counts[0]) - 24000 / hop) < 3


@torch.no_grad()
def test_it_is_built_again_from_what_is_saved_of_it(espnet):
    package, conf = espnet[2], {"blocks": None, "stack": 2}
    first = HearingEncoder(8, model=f"espnet:{package}", **conf).eval()
    first.attach()
    saved = first.saved_conf()
    assert saved["model"] is None
    yaml.safe_load(yaml.safe_dump(saved))  # plain data
    again = HearingEncoder(8, **{**saved, **conf}).eval()
    again.attach()
    again.load_state_dict(first.state_dict())
    package.unlink()
    speech, lengths = 0.1 * torch.randn(1, 20000), torch.tensor([20000])
    assert torch.equal(first(*first.hear(speech, lengths))[0], again(*again.hear(speech, lengths))[0])


def test_a_folder_and_a_package_are_both_models(tmp_path):
    build("transformer", tmp_path)
    package = packed("transformer", tmp_path)
    speech = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    found = [load_pretrained_speech(f"espnet:{each}").eval().states_of(speech) for each in (package, tmp_path / "exp")]
    assert np.array_equal(*found)
    assert model_identity(f"espnet:{package}") != model_identity(f"espnet:{tmp_path / 'exp'}")


@pytest.mark.parametrize(("trained", "blocks"), [("none", set()), (1, {1}), ("all", {0, 1})])
def test_the_upper_blocks_train_or_all_or_none(tmp_path, trained, blocks):
    build("conformer", tmp_path)
    speech = load_pretrained_speech(f"espnet:{tmp_path / 'exp'}", trained=trained).train()
    found = {n for n, block in enumerate(speech.encoder.encoders) if all(p.requires_grad for p in block.parameters())}
    assert found == blocks
    assert {n for n, block in enumerate(speech.encoder.encoders) if block.training} == blocks


def test_gradient_checkpointing_of_blocks_that_train_is_refused(tmp_path):
    build("conformer", tmp_path)
    load_pretrained_speech(f"espnet:{tmp_path / 'exp'}", gradient_checkpointing=True)
    with pytest.raises(UserError, match="gradient_checkpointing is not for an ESPnet model's blocks"):
        load_pretrained_speech(f"espnet:{tmp_path / 'exp'}", gradient_checkpointing=True, trained=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frontend": "s3prl"}, "its frontend is 's3prl'"),
        ({"preencoder": "linear"}, "its preencoder 'linear' is not supported"),
        ({"frontend_conf": {"fs": 8000}}, "hears 8000 samples per second"),
        ({"encoder": "rnn"}, "an ESPnet encoder 'rnn'"),
        ({"encoder_conf": {**BLOCKS, "input_layer": "embed"}}, "input_layer is 'embed'"),
        ({"encoder_conf": {**BLOCKS, "linear_units": 32, "input_layer": "conv2d"}}, "not of its configuration"),
    ],
)
def test_what_cannot_be_taken_is_named(tmp_path, change, message):
    build("transformer", tmp_path)
    path = tmp_path / "exp/config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        load_pretrained_speech(f"espnet:{tmp_path / 'exp'}")


def test_what_is_no_model_of_espnet_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn.zip").write_bytes(b"PK torn")
    for name, message in (("empty", "no meta.yaml, nor config.yaml"), ("torn.zip", "not a package of ESPnet")):
        with pytest.raises(UserError, match=message):
            load_speech_config(f"espnet:{tmp_path / name}", None)
    with pytest.raises(UserError, match="no such package or folder"):
        load_speech_config(f"espnet:{tmp_path / 'absent'}", None)


@pytest.mark.parametrize(
    ("meta", "config", "message"),
    [
        ("a: &a [x]\nfiles: *a", None, r"meta\.yaml: refused: line 2: the alias"),
        ("files: [x]", None, "are mappings of arguments to paths"),
        ("files: {asr_model_file: m.pth}\nyaml_files: {asr_train_config: ../c.yaml}", None, "would lie outside it"),
        ("files: {asr_model_file: m.pth}\nyaml_files: {asr_train_config: c.yaml}", None, "cannot be read from"),
        ("files: {asr_model_file: m.pth}\nyaml_files: {asr_train_config: c.yaml}", "a: " + "[" * 99, "31 deep"),
        ("files: {asr_model_file: m.pth}\nyaml_files: {asr_train_config: c.yaml}", "a" * 2**23, "is far larger"),
    ],
)
def test_a_package_from_a_stranger_is_one_error(tmp_path, meta, config, message):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("meta.yaml", meta)
        if config is not None:
            archive.writestr("c.yaml", config)
    with pytest.raises(UserError, match=message):
        load_speech_config(f"espnet:{tmp_path / 'model.zip'}", None)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    build("transformer", tmp_path)
    path = tmp_path / "exp/valid.acc.ave.pth"
    state = torch.load(path, weights_only=True)
    torch.save({name: torch.full_like(tensor, float("nan")) for name, tensor in state.items()}, path)
    with pytest.raises(UserError, match="holds numbers that are not finite"):
        load_pretrained_speech(f"espnet:{tmp_path / 'exp'}")
