"""Parameter groups, and BatchNorm that stands still while its group is frozen."""

import pytest
import torch

from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.hearing_encoder import HearingEncoder
from espnet_atat.train.optimiser import NEW_ROWS, parameter_groups
from espnet_atat.train.transfer import OLD_ROWS
from espnet_atat.train.unfreeze import WarmupUnfreezeLR
from tests.toy_ears import make_encoder
from tests.toy_model import toy_batch, toy_model


def names_of(model: ESPnetATATModel, groups: list[dict]) -> list[set[str]]:
    name_of = {parameter: name for name, parameter in model.named_parameters()}
    return [{name_of[parameter] for parameter in group["params"]} for group in groups]


def trainable(model: ESPnetATATModel) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.fixture(scope="module")
def grown() -> ESPnetATATModel:
    return toy_model(pretrained_vocabulary_size=15)


def test_pretraining_has_two_groups_of_everything():
    model = toy_model()
    groups = parameter_groups(model, text_encoder_lr_scale=0.05)
    rest, bert = names_of(model, groups)
    assert bert == {name for name in trainable(model) if name.startswith("text_encoder.bert.")}
    assert rest == trainable(model) - bert
    assert [(group["pretrained"], group["lr_scale"]) for group in groups] == [(False, 1.0), (False, 0.05)]


def test_a_pretrained_speech_encoder_has_a_rate_of_its_own(tmp_path):
    model = toy_model()
    folder = str(make_encoder(tmp_path / "ears"))
    model.audio_encoder = HearingEncoder(16, model=folder, trained=1, blocks=None)
    model.audio_encoder.attach()
    groups = parameter_groups(model, ["all"], 0.05, 0.1)
    by_scale = {group["lr_scale"]: names for group, names in zip(groups, names_of(model, groups), strict=True)}
    assert by_scale.keys() == {1.0, 0.05, 0.1}
    assert all(name.startswith("audio_encoder.pretrained.encoder.layer") for name in by_scale[0.1])
    assert any(name.endswith("layers.2.fc1.weight") for name in by_scale[0.1])
    assert "audio_encoder.project.weight" in by_scale[1.0]


@pytest.mark.parametrize(
    "prefixes", [["all"], ["audio_encoder", "decoder.embed"], [], ["decoder"], ["text_encoder.bert.embeddings", "ctc"]]
)
def test_a_prefix_takes_what_lies_below_it_but_the_new_rows(grown, prefixes):
    groups = parameter_groups(grown, prefixes)
    names = names_of(grown, groups)
    assert sum(map(len, names)) == len(set.union(*names)) == len(trainable(grown))
    old = set[str]().union(*(n for n, group in zip(names, groups, strict=True) if group["pretrained"]))
    below = ("",) if prefixes == ["all"] else tuple(prefixes)
    assert old == {name for name in trainable(grown) - {NEW_ROWS} if name.startswith(below)}
    # Of what is fresh, the rows have a group of their own.
    assert [names for names, group in zip(names, groups, strict=True) if group["new_rows"]] == [{NEW_ROWS}]


def test_frozen_parameters_are_in_none():
    model = toy_model()
    assert OLD_ROWS in trainable(model)
    assert NEW_ROWS not in trainable(model)  # no rows
    for parameter in model.audio_encoder.parameters():
        parameter.requires_grad = False
    names = set.union(*names_of(model, parameter_groups(model)))
    assert names == trainable(model)
    assert not any(name.startswith("audio_encoder") for name in names)


@pytest.mark.parametrize("prefix", ["audio", "decoder.embed.0.newer", "encoder", ""])
def test_a_prefix_that_names_nothing_is_an_error(grown, prefix):
    message = f"--pretrained_parameters: the model has no trainable parameter below '{prefix}'"
    with pytest.raises(UserError, match=message):
        parameter_groups(grown, ["decoder", prefix])


def states_of(model: ESPnetATATModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("blocks", ["conformer", "transformer"])
def test_frozen_parameters_and_buffers_are_bit_identical_until_their_rate_rises(blocks):
    model = toy_model(blocks=blocks, pretrained_vocabulary_size=15)
    adam = torch.optim.Adam(parameter_groups(model, ["all"]), lr=1e-2)
    scheduler = WarmupUnfreezeLR(adam, warmup_steps=1, decay="constant", unfreeze_steps=[3], multipliers=[0.0])
    model.follow_frozen_groups(adam)
    before = states_of(model)
    norms = [name for name in before if name.endswith(("running_mean", "num_batches_tracked"))]
    assert bool(norms) == (blocks == "conformer")
    for update in range(1, 6):
        model.train()
        adam.zero_grad()
        model(**toy_batch(seed=update))[0].backward()
        adam.step()
        scheduler.step()
        now = model.state_dict()
        changed = {name for name in before if not torch.equal(now[name], before[name])}
        if update <= 3:
            assert changed == {NEW_ROWS}
        else:
            assert {NEW_ROWS, OLD_ROWS, *norms} <= changed


@pytest.mark.parametrize("how", ["never trained", "validation"])
def test_batch_norm_stands_still(how):
    model = toy_model(blocks="conformer")
    for parameter in model.audio_encoder.parameters():
        parameter.requires_grad = how == "validation"  # False: as --freeze_param audio_encoder does
    model.follow_frozen_groups(torch.optim.Adam(parameter_groups(model), lr=1e-2))
    before = states_of(model)
    model.train(how != "validation")
    model(**toy_batch())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    if how == "validation":
        model.train()
        model(**toy_batch())
        assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
