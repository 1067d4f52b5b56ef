"""The audio encoder on top of a pretrained one: states stacked, padding without effect, samples and states alike."""

import pytest
import torch

from espnet_atat.errors import UserError
from espnet_atat.hub import model_identity
from espnet_atat.model.hearing_encoder import HearingEncoder
from tests.toy_ears import FAMILIES, make_encoder

BLOCKS = {"num_blocks": 1, "attention_heads": 2, "linear_units": 16, "dropout_rate": 0.0}


def build(**options) -> HearingEncoder:
    torch.manual_seed(0)
    known = {"config": FAMILIES["whisper"], "preprocessor": {}, "blocks_conf": BLOCKS, **options}
    encoder = HearingEncoder(12, **known).eval()
    encoder.attach()
    return encoder


@pytest.mark.parametrize(("stack", "ms"), [(1, 20), (2, 40), (4, 80)])
def test_states_are_stacked_and_the_last_ones_are_kept(stack, ms):
    encoder = build(stack=stack)
    states, lengths, _ = encoder(torch.randn(1, 13, 32), torch.tensor([13]))
    assert encoder.frames_per_state * 10 == ms
    assert states.shape == (1, -(-13 // stack), 12)
    assert lengths.tolist() == [-(-13 // stack)]


def test_the_stack_has_the_states_side_by_side():
    encoder = build(stack=2, blocks=None)
    encoder.norm.weight.data.fill_(2.0)
    states = torch.randn(1, 4, 32)
    stacked, _, _ = encoder(states, torch.tensor([4]))
    normed = encoder.norm(states)[0]
    assert torch.allclose(stacked[0, 1], encoder.project(torch.cat((normed[2], normed[3]))), atol=1e-6)


@pytest.mark.parametrize("blocks", ["conformer", "transformer", "e_branchformer", None])
def test_an_utterance_does_not_depend_on_its_batch_mates(blocks):
    conf = {**BLOCKS, **({"cgmlp_linear_units": 16} if blocks == "e_branchformer" else {})}
    encoder = build(blocks=blocks, blocks_conf=conf)
    speech = 0.1 * torch.randn(2, 9000)
    lengths = torch.tensor([9000, 5003])
    with torch.no_grad():
        together, counts, _ = encoder(*encoder.hear(speech, lengths))
        alone, count, _ = encoder(*encoder.hear(speech[1:, :5003], lengths[1:]))
    assert count[0] == counts[1]
    assert torch.allclose(together[1, : counts[1]], alone[0], atol=1e-4)


def test_states_and_samples_give_the_same():
    encoder = build()
    speech = 0.1 * torch.randn(1, 6400)
    stored = torch.from_numpy(encoder.pretrained.states_of(speech[0].numpy()))[None]
    with torch.no_grad():
        heard, _, _ = encoder(*encoder.hear(speech, torch.tensor([6400])))
        read, _, _ = encoder(stored, torch.tensor([stored.shape[1]]))
    assert torch.equal(heard, read)


def test_of_stored_states_the_encoder_is_no_part_until_samples_come(tmp_path):
    folder = str(make_encoder(tmp_path / "ears"))
    encoder = build(model=folder, reads_states=True, identity=model_identity(folder))
    assert not any(name.startswith("pretrained") for name in encoder.state_dict())
    states, lengths = encoder.hear(torch.zeros(1, 3200), torch.tensor([3200]))
    assert states.shape == (1, 35, 32)
    assert lengths.tolist() == [35]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reads_states": True, "trained": 1}, "stores the states of one layer of a frozen encoder"),
        ({"reads_states": True, "layers": "weighted"}, "stores the states of one layer of a frozen encoder"),
        ({"stack": 0}, "stack is a number of states from 1"),
        ({"blocks": "lstm"}, "unknown audio encoder blocks 'lstm'"),
        ({"config": {"model_type": "nonsense"}}, "knows no model_type 'nonsense'"),
        ({"config": None}, "needs 'model'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        build(**options)


def test_features_of_another_size_are_refused():
    with pytest.raises(UserError, match="features of 80 dimensions, but this model hears by states of 32"):
        build()(torch.zeros(1, 20, 80), torch.tensor([20]))
