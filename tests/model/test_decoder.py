"""The shared decoder: causal, tied, the same step by step as at once."""

import pytest
import torch
from torch import Tensor

from espnet_atat.model.decoder import SharedDecoder, TiedEmbedding

V, D = 30, 16
CONF = {"num_blocks": 2, "attention_heads": 2, "linear_units": 32}


def make(pretrained: int | None = None, size: int = V) -> SharedDecoder:
    torch.manual_seed(0)
    return SharedDecoder(size, D, pretrained, **CONF).eval()


@pytest.fixture(params=[None, 20], ids=["fresh", "grown"])
def decoder(request) -> SharedDecoder:
    return make(request.param)


@pytest.fixture
def states() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 7, D, generator=generator), torch.tensor([7, 4])


IDS = torch.tensor([[3, 9, 8, 25, 14, 2], [4, 12, 29, 6, 6, 1]])
LENGTHS = torch.tensor([6, 6])


@torch.no_grad()
def test_steps_with_a_cache_score_as_the_whole_does(decoder, states):
    memory, lengths = states
    logits, _ = decoder(memory, lengths, IDS, LENGTHS)
    mask = (torch.arange(7) < lengths[:, None])[:, None]  # (B, 1, S)
    cache: list = [None, None]
    for step in range(1, 7):
        scores, cache = decoder.batch_score(IDS[:, :step], cache, memory, xs_mask=mask)
        torch.testing.assert_close(scores, logits[:, step - 1].log_softmax(-1), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_one_matrix_embeds_and_generates(decoder):
    matrix = decoder.tied.weight
    assert matrix.shape == (V, D)
    assert torch.equal(decoder.tied(torch.arange(V)), matrix)
    hidden = torch.randn(3, D)
    torch.testing.assert_close(decoder.output_layer(hidden), hidden @ matrix.T)
    decoder.tied.pretrained[5] = 1.5
    assert decoder.tied(torch.tensor([5])).eq(1.5).all()
    torch.testing.assert_close(decoder.output_layer(hidden)[:, 5], 1.5 * hidden.sum(-1))
    keys = [key for key in decoder.state_dict() if "embed" in key or "output" in key]
    assert keys == ["embed.0.pretrained", "embed.0.new"]
    rows = len(decoder.tied.pretrained), len(decoder.tied.new)
    assert (*rows, decoder.tied.new.requires_grad) in ((V, 0, False), (20, 10, True))  # DDP would wait for no rows


@pytest.mark.parametrize("pretrained", [None, 20])
def test_both_uses_send_their_gradient_to_it(pretrained, states):
    decoder = make(pretrained)
    inputs, outputs = IDS[:1], torch.tensor([[9, 8, 22, 14, 2, 11]])
    logits, _ = decoder(states[0][:1], states[1][:1], inputs, LENGTHS[:1])
    torch.nn.functional.cross_entropy(logits[0], outputs[0]).backward()
    grads = torch.cat([p.grad for p in (decoder.tied.pretrained, decoder.tied.new) if p.grad is not None])
    assert len(grads) == V
    assert (grads.abs().sum(1) > 0).all(), "every row is generated, so every row has a gradient"
    # A second decoder whose embedding is constant has the generator's share alone: they differ at the input rows.
    apart = make(pretrained)
    with torch.no_grad():
        rows = apart.tied(inputs)
    apart.embed[0].register_forward_hook(lambda *_: rows)
    logits, _ = apart(states[0][:1], states[1][:1], inputs, LENGTHS[:1])
    torch.nn.functional.cross_entropy(logits[0], outputs[0]).backward()
    generator = torch.cat([p.grad for p in (apart.tied.pretrained, apart.tied.new) if p.grad is not None])
    differs = (grads - generator).abs().sum(1).gt(1e-7).nonzero().flatten().tolist()
    assert set(differs) == set(inputs.flatten().tolist())


def test_rows_start_with_norm_one():
    torch.manual_seed(0)
    norms = TiedEmbedding(2000, 64, 1500).weight.detach().norm(dim=1)
    assert norms.mean() == pytest.approx(1, abs=0.02)
    assert norms.std() < 0.15
