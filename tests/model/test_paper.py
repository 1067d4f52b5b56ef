"""conf/pretrain.yaml builds the paper's model: every dimension, and the parameter count of every part by formula."""

from argparse import Namespace

import numpy as np
import pytest
import torch

from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary
from espnet_atat.train.unfreeze import WarmupUnfreezeLR

#: PAPER.md: 80-dim features, 256 units, 4 heads, 2048 hidden, 12 + 6 blocks, 5k tokens.
MELS, D, HEADS, HIDDEN, ENCODER_BLOCKS, DECODER_BLOCKS, V = 80, 256, 4, 2048, 12, 6, 5000
#: BERT-base uncased (Devlin et al. 2019).
BERT_D, BERT_HIDDEN, BERT_BLOCKS, BERT_V, BERT_POSITIONS, BERT_SEGMENTS = 768, 3072, 12, 30522, 512, 2


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def attention(d: int) -> int:
    return 4 * linear(d, d)


def feed_forward(d: int, hidden: int) -> int:
    return linear(d, hidden) + linear(hidden, d)


def norm(d: int) -> int:
    return 2 * d


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def args(root, tmp_path_factory) -> Namespace:
    folder = tmp_path_factory.mktemp("paper")
    Vocabulary((*CONTROL_TOKENS, *(f"t{i}" for i in range(V - len(CONTROL_TOKENS))))).save(folder / "tokens.txt")
    np.savez(folder / "stats.npz", count=2, sum=np.zeros(MELS), sum_square=np.full(MELS, 2.0))
    options = ["--config", str(root / "conf" / "pretrain.yaml"), "--token_list", str(folder / "tokens.txt")]
    args = ATATTask.get_parser().parse_args(options)
    args.normalize_conf = {"stats_file": str(folder / "stats.npz")}
    assert args.text_encoder_conf == {"model": "google-bert/bert-base-uncased"}
    args.text_encoder_conf = {"config": {"model_type": "bert"}}  # whose defaults are BERT-base; no hub in a test
    return args


@pytest.fixture(scope="module")
def model(args) -> ESPnetATATModel:
    torch.manual_seed(0)
    return ATATTask.build_model(args)


@pytest.mark.slow
def test_dimensions_and_the_parameters_of_every_part(model, args):
    conf, config = args.audio_encoder_conf, model.text_encoder.config
    channels, kernel, pooling = conf["cnn_channels"], conf["cnn_kernel_size"], conf["cnn_pooling"]
    assert len(channels) == len(pooling) == 2, "a 2-layer 2-D CNN with max pooling"
    mels_left = MELS // pooling[0][1] // pooling[1][1]
    cnn = linear(kernel**2, channels[0]) + linear(channels[0] * kernel**2, channels[1])
    bert = (BERT_V + BERT_POSITIONS + BERT_SEGMENTS) * BERT_D + norm(BERT_D)
    encoder_block = attention(D) + feed_forward(D, HIDDEN) + 2 * norm(D)
    bert_block = attention(BERT_D) + feed_forward(BERT_D, BERT_HIDDEN) + 2 * norm(BERT_D)
    decoder_block = 2 * attention(D) + feed_forward(D, HIDDEN) + 3 * norm(D)
    expected = {
        "audio_encoder.cnn": cnn + linear(channels[1] * mels_left, D),  # 256 final units
        "audio_encoder.blocks": ENCODER_BLOCKS * encoder_block + norm(D),
        "text_encoder.bert": bert + BERT_BLOCKS * bert_block,
        "text_encoder.project": linear(BERT_D, D),
        "decoder": V * D + DECODER_BLOCKS * decoder_block + norm(D),
    }
    assert {name: count(model.get_submodule(name)) for name in expected} == expected
    assert count(model) == sum(expected.values()), "nothing else has parameters"
    encoder, decoder = model.audio_encoder.blocks.encoders, model.decoder.decoders
    assert (len(encoder), config.num_hidden_layers, len(decoder)) == (ENCODER_BLOCKS, BERT_BLOCKS, DECODER_BLOCKS)
    assert {block.self_attn.h for block in (*encoder, *decoder)} | {block.src_attn.h for block in decoder} == {HEADS}
    assert {block.feed_forward.w_1.out_features for block in (*encoder, *decoder)} == {HIDDEN}
    assert (config.hidden_size, config.vocab_size, model.audio_encoder.output_size()) == (BERT_D, BERT_V, D)
    assert model.decoder.tied.weight.shape == (V, D)
    assert (model.ctc, model.specaug, model.lsm_weight, args.text_encoder_lr_scale) == (None, None, 0.1, 1.0)
    assert set(model.task_weights.values()) == {1.0}


@pytest.mark.slow
def test_one_update_on_the_cpu(model, args):
    (optimizer,) = ATATTask.build_optimizers(args, model)
    scheduler = WarmupUnfreezeLR(optimizer, **args.scheduler_conf)
    assert isinstance(optimizer, torch.optim.Adam)
    noam = D**-0.5 * min(1 * 4000**-1.5, 1**-0.5)  # Vaswani et al. 2017, eq. 3, at update 1 with factor 1
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([noam, noam], rel=1e-6)  # BERT too
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    tasks = [model.task_ids[task] for task in ("asr", "slu", "nlu")]
    text = torch.randint(7, V, (3, 6))
    text[:, 0] = torch.tensor(tasks)
    model.train()
    batch = {"text": text, "text_lengths": torch.tensor([6, 6, 6])}
    batch |= {"speech": torch.randn(2, 100, MELS), "speech_lengths": torch.tensor([100, 80])}
    batch |= {"text_in": torch.randint(0, BERT_V, (1, 8)), "text_in_lengths": torch.tensor([8])}
    loss, stats, _ = model(**batch)
    # A fresh model guesses: about log V nats a token (a little more for the spread of its logits), 6 tokens a target.
    assert float(stats["loss_att"]) / 6 == pytest.approx(np.log(V), rel=0.25)
    loss.backward()
    optimizer.step()
    scheduler.step()
    unchanged = [n for n, p in model.named_parameters() if p.requires_grad and torch.equal(before[n], p)]
    # Adding one number to all keys of an attention shifts all its scores alike: softmax does not see it.
    assert [name for name in unchanged if "linear_k.bias" not in name and "key.bias" not in name] == []
