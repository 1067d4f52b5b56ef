"""LoRA's options are checked, and its parameters are fresh ones; imports torch and ESPnet."""

from argparse import Namespace
from typing import Any

import pytest
from espnet2.layers.create_adapter import create_adapter

from espnet_atat.errors import UserError
from espnet_atat.train.adapter import check_adapter, is_adapter
from espnet_atat.train.optimiser import NEW_ROWS, parameter_groups
from tests.toy_model import toy_model


def options(**changes: Any) -> Namespace:
    conf = {"rank": 2, "target_modules": ["linear_q", "linear_v", "query"]}
    lora = {"use_adapter": True, "adapter": "lora", "save_strategy": "all", "adapter_conf": conf}
    return Namespace(**{**lora, **changes})


def test_adapters_and_new_rows_are_never_of_the_pretrained_group():
    model = toy_model(pretrained_vocabulary_size=15)
    args = options()
    check_adapter(args, model)
    create_adapter(model, args.adapter, args.adapter_conf)
    names = {parameter: name for name, parameter in model.named_parameters()}
    for prefixes in (["all"], ["decoder", "text_encoder", "audio_encoder"]):
        groups = parameter_groups(model, prefixes)
        fresh = {names[p] for group in groups if not group["pretrained"] for p in group["params"]}
        adapters = {name for name in names.values() if is_adapter(name)}
        assert len(adapters) == 2 * (2 * 2 + 2 * 2 * 2 + 1)  # A and B: encoder, decoder's two attentions, BERT
        assert fresh >= adapters | {NEW_ROWS}
        assert {name for name in fresh if name.startswith(("decoder", "audio"))} - adapters == {NEW_ROWS}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"adapter": "houlsby"}, "--adapter houlsby: ESPnet has it for S3PRL's models only"),
        ({"save_strategy": "adapter_only"}, "--save_strategy adapter_only: a model is decoded from one checkpoint"),
        ({"adapter_conf": {"target_modules": ["linear_x"]}}, "no module ends in 'linear_x'; linear_q, linear_k"),
        ({"adapter_conf": {"target_modules": ["after_norm"]}}, "'after_norm' takes .*, a LayerNorm: name linear la"),
    ],
)
def test_options_that_espnet_would_stop_at_late_are_named(changes, complaint):
    with pytest.raises(UserError, match=complaint):
        check_adapter(options(**changes), toy_model())


def test_a_missing_loralib_is_named_and_without_the_option_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr("espnet_atat.train.adapter.find_spec", lambda _: None)
    with pytest.raises(UserError, match="--use_adapter needs loralib: pip install"):
        check_adapter(options(), toy_model())
    check_adapter(options(use_adapter=False, adapter_conf={"target_modules": ["linear_x"]}), toy_model())
