"""The model's loss: of each example alone, whatever stands beside it."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from espnet2.asr.specaug.specaug import SpecAug
from espnet2.layers.global_mvn import GlobalMVN
from espnet2.layers.utterance_mvn import UtteranceMVN
from torch import Tensor

from espnet_atat.config.training import MODEL_PARTS
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded, ESPnetATATModel
from espnet_atat.text.vocabulary import TASKS
from tests.toy_model import MELS, VOCABULARY, example, toy_batch, toy_model, without_dropout

ALL_BLOCKS = ["transformer", "conformer", "e_branchformer"]


@pytest.fixture(scope="module", params=ALL_BLOCKS)
def model(request) -> ESPnetATATModel:
    return toy_model(blocks=request.param)


@pytest.fixture(scope="module")
def transformer() -> ESPnetATATModel:
    return toy_model()


def loss_of(model: ESPnetATATModel, batch: dict[str, Tensor]) -> float:
    with torch.no_grad():
        return float(model(**batch)[0])


@pytest.mark.parametrize(("audio", "text"), [([1, 2, 1], [2, 1]), ([3, 1], [3]), ([4], None)])
def test_encoding_in_parts_changes_nothing_but_the_padding(model, audio, text, monkeypatch):
    batch = toy_batch(frames=(40, 31, 23, 8), pieces=(9, 5, 3))
    seen: list[tuple[int, ...]] = []
    encode = model.audio_encoder.forward
    monkeypatch.setattr(
        model.audio_encoder, "forward", lambda feats, lengths: seen.append(feats.shape[:2]) or encode(feats, lengths)
    )
    with torch.no_grad():
        in_parts, stats, _ = model(**batch, speech_parts=audio, text_in_parts=text)
        shapes, together = seen.copy(), model(**batch)
    assert in_parts == pytest.approx(float(together[0]), rel=1e-5)
    assert float(stats["acc_nlu"]) == pytest.approx(float(together[1]["acc_nlu"]), nan_ok=True)
    starts = [sum(audio[:part]) for part in range(len(audio))]
    assert shapes == [(rows, (40, 31, 23, 8)[start]) for rows, start in zip(audio, starts, strict=True)]


@pytest.mark.parametrize("length_normalized", [False, True])
def test_loss_of_an_example_does_not_depend_on_its_batch_mates(model, length_normalized):
    model = copy.deepcopy(model)
    model.length_normalized_loss = length_normalized
    batch = toy_batch(frames=(40, 8, 31))
    alone = [loss_of(model, example(batch, i)) for i in range(5)]
    assert loss_of(model, batch) == pytest.approx(sum(alone) / 5, rel=1e-5)
    of_audio = {**{k: v for k, v in batch.items() if not k.startswith("text")}}
    of_audio |= {"text": batch["text"][:3], "text_lengths": batch["text_lengths"][:3]}
    assert loss_of(model, of_audio) == pytest.approx(sum(alone[:3]) / 3, rel=1e-5)


def test_token_noise_puts_other_tokens_of_the_batch_in_place_of_some_and_only_in_training(transformer):
    model, batch = copy.deepcopy(transformer), toy_batch()
    clean, model.token_noise = loss_of(model, batch), 0.5
    assert loss_of(model, batch) == clean
    fed = []
    model.decoder.register_forward_pre_hook(lambda _, arguments: fed.append(arguments[2]))
    model.train()
    torch.manual_seed(0)
    assert all(model(**batch)[1]["loss"].isfinite() for _ in range(40))
    inputs = torch.stack(fed[::2])  # (40, Ba, L): the decoder sees the audio examples first
    audio = batch["text"][: len(batch["speech"]), : inputs.shape[2]]
    assert (inputs[:, :, 0] == audio[:, 0]).all()
    real = torch.arange(1, inputs.shape[2]) < batch["text_lengths"][: len(audio), None]
    changed = (inputs != audio)[:, :, 1:][:, real].float().mean()
    assert 0.3 < changed < 0.5  # some are replaced by themselves
    spoken = batch["text"][:, 1:]
    assert set(inputs[:, :, 1:][:, real].flatten().tolist()) <= set(spoken[spoken >= 0].tolist())


def test_state_noise_is_of_text_in_training_and_in_proportion_to_the_states(model):
    noisy, batch = copy.deepcopy(model), toy_batch()
    clean, noisy.state_noise = loss_of(noisy, batch), 0.5
    assert loss_of(noisy, batch) == clean
    states = Encoded(torch.randn(3, 50, 64) * torch.tensor([1.0, 5.0, 20.0])[:, None, None], torch.tensor([50] * 3))
    added = noisy.train()._with_noise(states).states - states.states
    shares = added.std(dim=(1, 2)) / states.states.square().mean(dim=(1, 2)).sqrt()
    assert shares.tolist() == pytest.approx([0.5] * 3, rel=0.05)


def test_what_stands_in_the_padding_changes_nothing(model):
    batch = toy_batch()
    expected = loss_of(model, batch)
    dirty = {name: value.clone() for name, value in batch.items()}
    for name, garbage in (("speech", 50.0), ("text_in", 3), ("ctc_text", 2)):  # targets are padded with -1
        for row, length in zip(dirty[name], batch[f"{name}_lengths"], strict=True):
            row[length:] = garbage
    assert loss_of(model, dirty) == pytest.approx(expected, rel=1e-5)
    wide = {name: value for name, value in batch.items() if name.endswith("_lengths")}
    for name in ("speech", "text_in", "text", "ctc_text"):
        shape = (len(batch[name]), 7, *batch[name].shape[2:])
        wide[name] = torch.cat((batch[name], torch.zeros(shape, dtype=batch[name].dtype)), 1)
    assert loss_of(model, wide) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("normalize", ["global", "utterance"])
def test_normalisation_leaves_the_callers_features_and_the_batch_alone(normalize, tmp_path):
    if normalize == "global":
        np.savez(tmp_path / "stats.npz", count=10, sum=np.full(MELS, 20.0), sum_square=np.full(MELS, 90.0))
        module = GlobalMVN(str(tmp_path / "stats.npz"))
    else:
        module = UtteranceMVN()
    model = toy_model(normalize=module)
    batch = toy_batch()
    batch["speech"] = 3 + 2 * batch["speech"]
    before = batch["speech"].clone()
    together = loss_of(model, batch)
    assert torch.equal(batch["speech"], before)
    assert together == pytest.approx(sum(loss_of(model, example(batch, i)) for i in range(5)) / 5, rel=1e-5)
    assert together != pytest.approx(loss_of(toy_model(), batch), rel=1e-4)


def test_loss_is_label_smoothed_cross_entropy_of_the_next_token(transformer):
    single = example(toy_batch(), 3)
    (target,) = single["text"]
    with torch.no_grad():
        encoded = transformer.encode_text(single["text_in"], single["text_in_lengths"])
        logits, _ = transformer.decoder(encoded.states, encoded.lengths, target[None], single["text_lengths"])
    log_p = logits[0].log_softmax(-1)
    wanted = [*target[1:].tolist(), VOCABULARY.eos_id]
    expected = sum(-0.9 * log_p[i, token] - 0.1 * log_p[i].mean() for i, token in enumerate(wanted))
    assert loss_of(transformer, single) == pytest.approx(float(expected), rel=1e-5)


def test_ctc_adds_its_weighted_loss_to_audio_alone(transformer):
    batch = toy_batch()
    with torch.no_grad():
        loss, stats, _ = transformer(**batch)
    audio, total = 3, 5
    assert float(loss) == pytest.approx(float(stats["loss_att"] + 0.3 * stats["loss_ctc"] * audio / total), rel=1e-5)


def test_task_weights_scale_their_task(transformer):
    batch = toy_batch(tasks=["asr", "slu", "slu", "nlu", "nlu"])
    losses = [loss_of(transformer, example(batch, i)) for i in range(5)]
    weighted = toy_model(model_conf={"ctc_weight": 0.3, "task_weights": {"slu": 2.0, "nlu": 0.5}})
    weighted.load_state_dict(transformer.state_dict())
    factors = [1, 2, 2, 0.5, 0.5]
    expected = sum(factor * loss for factor, loss in zip(factors, losses, strict=True)) / 5
    assert loss_of(weighted, batch) == pytest.approx(expected, rel=1e-5)


def test_statistics_have_the_same_keys_in_every_batch_and_nan_where_a_task_is_absent(transformer):
    batches = {
        "all": toy_batch(),
        "slu": toy_batch(frames=(30, 20), pieces=(), tasks=["slu", "slu"]),
        "nlu": toy_batch(frames=(), pieces=(4,), tasks=["nlu"]),
    }
    with torch.no_grad():
        stats = {name: transformer(**batch)[1] for name, batch in batches.items()}
        _, stats["no CTC"], weight = toy_model(ctc_symbols=None, model_conf={})(**toy_batch())
    assert float(weight) == 5
    of_tasks = [f"{kind}_{task}" for task in TASKS for kind in ("loss", "acc")]
    expected = ["loss_att", "acc", *of_tasks, "loss_ctc", "loss_contrast", "loss_consistency", "loss"]
    assert all(list(of_batch) == expected for of_batch in stats.values())
    finite = {name: {key for key, value in s.items() if math.isfinite(value)} for name, s in stats.items()}
    assert finite["all"] == set(expected) - {"loss_contrast", "loss_consistency"}  # off
    assert finite["slu"] == {"loss", "loss_att", "loss_ctc", "acc", "loss_slu", "acc_slu"}
    assert finite["nlu"] == {"loss", "loss_att", "acc", "loss_nlu", "acc_nlu"}


@torch.no_grad()
def test_accuracy_counts_tokens(transformer):
    batch = toy_batch()
    lengths = batch["text_lengths"].tolist()
    shares = [float(transformer(**example(batch, i))[1]["acc"]) for i in range(5)]
    right = sum(round(share * length) for share, length in zip(shares, lengths, strict=True))
    assert float(transformer(**batch)[1]["acc"]) == pytest.approx(right / sum(lengths))


def test_every_parameter_gets_a_gradient_from_a_mixed_batch(model):
    model.zero_grad()
    model(**toy_batch())[0].backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    model.zero_grad()
    assert not without, "DDP would wait for these"


def test_the_parts_that_a_row_may_freeze_or_keep_are_those_that_a_model_has(model):
    assert {name.split(".")[0] for name, _ in model.named_parameters()} <= set(MODEL_PARTS)
    assert all(hasattr(model, part) for part in MODEL_PARTS)


def test_models_of_one_modality():
    audio = toy_model(text_encoder=None)
    assert math.isfinite(loss_of(audio, toy_batch(pieces=())))
    with pytest.raises(UserError, match="no text encoder"):
        audio.encode_text(torch.zeros(1, 3, dtype=torch.long), torch.tensor([3]))
    text = toy_model(blocks=None, input_size=None, model_conf={})
    assert text.ctc is None
    assert math.isfinite(loss_of(text, toy_batch(frames=())))
    with pytest.raises(UserError, match="no audio encoder"):
        text.encode_audio(torch.zeros(1, 20, MELS), torch.tensor([20]))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"blocks": None, "text_encoder": None, "model_conf": {}}, "needs an audio encoder, a text encoder, or both"),
        ({"model_conf": {"task_weights": {"st": 1.0}}}, "task_weights: unknown task 'st': the tasks are asr, slu"),
        ({"ctc_symbols": None, "model_conf": {"ctc_weight": 0.3}}, "ctc_weight is set but there is no CTC head"),
        ({"input_size": None}, "--input_size"),
        ({"blocks": "rnn"}, "unknown audio encoder blocks 'rnn': one of transformer, conformer, e_branchformer"),
        ({"pretrained_vocabulary_size": 1000}, "1000 pretrained rows do not fit a token list of 20"),
        ({"text_encoder_conf": {}}, "text_encoder_conf needs 'model'"),
        ({"text_encoder": None, "model_conf": {"contrast_weight": 1.0}}, "contrast_weight needs an audio"),
        ({"text_encoder": None, "model_conf": {"consistency_weight": 1.0}}, "consistency_weight needs an audio"),
        ({"text_encoder": None, "model_conf": {"ctc_weight": 0.3, "swap_rate": 0.5}}, "swap_rate needs an audio"),
        ({"model_conf": {"ctc_weight": 0.3, "swap_rate": 2.0}}, "swap_rate is a share"),
        ({"model_conf": {"swap_rate": 0.5}}, "swap_rate needs a CTC that finds words"),
        ({"model_conf": {"shorten_audio": True}}, "shorten_audio needs a CTC"),
        ({"model_conf": {"contrast_weight": 1.0, "contrast_conf": {"depths": 0}}}, "depths is a number of layers"),
        ({"model_conf": {"token_noise": 1.0}}, "token_noise is a share"),
        ({"model_conf": {"state_noise": -1.0}}, "state_noise is a standard deviation"),
    ],
)
def test_options_that_do_not_fit_are_named(changes, complaint):
    with pytest.raises(UserError, match=complaint):
        toy_model(**changes)


def test_a_copied_or_pickled_model_is_a_model():
    model = toy_model(blocks="conformer")
    model.follow_frozen_groups(torch.optim.Adam([{"params": model.parameters(), "lr": 0.0}]))
    batch = toy_batch()
    expected = loss_of(model, batch)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert loss_of(twin, batch) == expected
        twin.decoder.tied.pretrained.data.zero_()
        assert loss_of(twin, batch) != expected
        assert loss_of(model, batch) == expected


@torch.no_grad()
def test_specaug_is_of_training_alone():
    masks = {"freq_mask_width_range": (5, 10), "time_mask_width_range": (5, 10)}
    model = toy_model(specaug=SpecAug(apply_time_warp=False, **masks))
    without_dropout(model)
    batch = toy_batch(pieces=())
    audio = batch["speech"], batch["speech_lengths"]
    plain, masked, again = (model.train(flag).encode_audio(*audio).states for flag in (False, True, False))
    assert torch.equal(plain, again)
    assert not torch.allclose(plain, masked)
