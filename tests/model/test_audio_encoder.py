"""The CNN in front of the blocks: lengths, padding, and what it refuses."""

import pytest
import torch
from torch import nn

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import AudioEncoder, ConvFrontend, valid_frames
from tests.toy_model import TINY_BLOCKS


def frontend(pooling: list[list[int]], channels: list[int] | None = None, mels: int = 20) -> ConvFrontend:
    torch.manual_seed(0)
    return ConvFrontend(mels, 16, channels or [4] * len(pooling), 3, pooling, 0.0).eval()


@pytest.mark.parametrize(("pooling", "factor"), [([[2, 2], [2, 2]], 4), ([[2, 2]] * 3, 8), ([[3, 2], [1, 2]], 3)])
def test_one_state_a_subsampling_factor(pooling, factor):
    cnn = frontend(pooling)
    assert cnn.subsampling == factor
    lengths = torch.tensor([50, 37, factor])
    states, state_lengths = cnn(torch.randn(3, 50, 20), lengths)
    expected = lengths
    for time, _ in pooling:
        expected = expected // time
    assert state_lengths.tolist() == expected.tolist()
    assert states.shape == (3, int(expected[0]), 16)


def test_what_does_not_fit_is_named():
    with pytest.raises(UserError, match="an utterance of 3 frames is shorter than one encoder state \\(4 frames\\)"):
        frontend([[2, 2], [2, 2]])(torch.randn(2, 50, 20), torch.tensor([50, 3]))
    with pytest.raises(UserError, match="cnn_channels has 2 layers, cnn_pooling 1"):
        frontend([[2, 2]], [4, 4])
    with pytest.raises(UserError, match="leaves nothing of 20 mel channels"):
        frontend([[2, 8], [2, 8]])
    espnets_own = {**TINY_BLOCKS["e_branchformer"], "gradient_checkpoint_layers": [1]}
    with pytest.raises(UserError, match="audio_encoder_conf has gradient_checkpointing, of all blocks"):
        AudioEncoder(20, 16, "e_branchformer", espnets_own, [4, 4])


@torch.no_grad()
@pytest.mark.parametrize("blocks", TINY_BLOCKS)
def test_blocks_know_the_order_of_frames(blocks):
    torch.manual_seed(0)
    encoder = AudioEncoder(20, 16, blocks, TINY_BLOCKS[blocks], [4, 4]).eval()
    feats, lengths = torch.randn(1, 64, 20), torch.tensor([64])
    # Copies of one block of 16 frames: without positions, states in the middle of each copy would be alike.
    states, _, _ = encoder(feats[:, :16].repeat(1, 4, 1), lengths)
    assert not torch.allclose(states[0, 5:7], states[0, 9:11], atol=1e-4)
    assert encoder.output_size() == 16


@pytest.mark.parametrize("blocks", TINY_BLOCKS)
def test_gradient_checkpointing_changes_neither_states_nor_gradients_nor_statistics(blocks):
    feats, lengths = torch.randn(3, 64, 20), torch.tensor([64, 23, 40])
    results = []
    for again in (False, True):
        torch.manual_seed(0)
        encoder = AudioEncoder(20, 16, blocks, TINY_BLOCKS[blocks], [4, 4], gradient_checkpointing=again).train()
        calls: list[int] = []
        norm = next(m for m in encoder.blocks.encoders[0].modules() if isinstance(m, nn.LayerNorm))
        norm.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        states, state_lengths, _ = encoder(feats, lengths)  # with dropout: it is drawn again as it was
        (states * valid_frames(state_lengths, states.size(1))[..., None]).square().sum().backward()
        results.append((states, [p.grad for p in encoder.parameters()], dict(encoder.named_buffers())))
        assert len(calls) == 1 + again
    for plain, other in zip(*results, strict=True):
        torch.testing.assert_close(other, plain, rtol=1e-5, atol=1e-6)
