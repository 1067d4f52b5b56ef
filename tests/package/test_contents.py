"""What a package may say is all that a model can be built of."""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from espnet_atat.config.known_options import known_options
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.errors import UserError
from espnet_atat.model.halves import ModalityContrast
from espnet_atat.package.contents import AUDIO, BLOCKS, HEARS, MODEL, READS, encoder_name, read_model
from tests.toy_package import WORDS, make_package

#: Not data, or of no use without a network that ESPnet alone trains.
LEFT_OUT = {"pos_enc_class", "frontend_conf"}


def test_options_of_a_model_that_can_be_trained_can_be_packed():
    for name, option in known_options("atat").items():
        outer, _, inner = name.partition(".")
        for kind, keys in (option.keys or {}).items() if outer in MODEL else ():
            hints: Any = BLOCKS if inner else AUDIO[kind] if outer == "audio_encoder_conf" else MODEL[outer]
            expected = {*keys} - LEFT_OUT - ({"model"} if outer == "text_encoder_conf" else set())
            assert expected <= hints.keys(), f"{name}: add them to espnet_atat.package.contents"
    assert inspect.signature(ModalityContrast).parameters.keys() <= MODEL["model_conf"]["contrast_conf"].keys()


def test_a_packed_model_reads_text_at_the_pace_that_it_learnt(toy_run, tmp_path):
    run = Path(shutil.copytree(toy_run, tmp_path / "run"))
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")) | {"text_pace": 0.8}
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    of_run = load_pretrained(run).trained.text_pieces(WORDS[0])
    assert len(of_run) > len(load_pretrained(toy_run).trained.text_pieces(WORDS[0]))
    assert load_pretrained(make_package(run, tmp_path / "model.zip")).trained.text_pieces(WORDS[0]) == of_run


@pytest.mark.parametrize(
    ("kind", "hints"),
    [pytest.param(kind, hints, id=kind) for hints in (READS, HEARS) for kind in get_args(hints["model_type"])],
)
def test_a_configuration_as_transformers_saves_it_is_taken(kind, hints):
    from transformers import CONFIG_MAPPING

    saved = {**json.loads(CONFIG_MAPPING[kind]().to_json_string(use_diff=False)), "attn_implementation": None}
    content = {"token_list": ["a"], "text_encoder": "hugging_face", "text_encoder_conf": {"config": saved}}
    if hints is HEARS:
        conf = {"config": saved, "preprocessor": {"sampling_rate": 16_000, "mel_filters": [[0.0]]}}
        content = {"token_list": ["a"], "audio_encoder": "hugging_face", "audio_encoder_conf": conf}
    read = read_model(content, "here")
    conf = read["audio_encoder_conf" if hints is HEARS else "text_encoder_conf"]
    assert conf["config"].keys() <= hints.keys()
    assert conf["config"]["model_type"] == kind
    assert conf.get("preprocessor", {}) in ({}, {"sampling_rate": 16_000})
    saved["auto_map"] = {"AutoModel": "x"}
    with pytest.raises(UserError, match=r"here: .*_encoder_conf: config: unknown key 'auto_map'"):
        read_model(content, "here")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ears", "ears"),
        ("espnet/owsm_ctc", "espnet/owsm_ctc"),
        ("/home/me/ears", "ears"),
        ("../ears", "ears"),
        ("espnet:/dev/zero", "espnet:zero"),
        ("espnet:asr/model.zip", "espnet:asr/model.zip"),
    ],
)
def test_a_speech_encoder_is_named_and_no_path(name, expected):
    assert encoder_name(name) == expected
