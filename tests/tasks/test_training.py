"""ESPnet's own trainer on the task: it learns, resumes, and goes on from a checkpoint."""

import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from espnet2.train.reporter import Reporter
from transformers import AutoConfig, AutoModel

from espnet_atat.datadir import read_two_column
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.model.audio_encoder import AudioEncoder
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import TASKS, Vocabulary
from espnet_atat.train.optimiser import NEW_ROWS
from espnet_atat.train.trainer import DeviceTrainer
from espnet_atat.train.transfer import initial_checkpoint
from tests.toy import UTTERANCES
from tests.toy_model import TINY_BLOCKS
from tests.toy_training import CONFIG, FOUR_TASKS, parameters, prepare, reports

#: Everything random that training knows: dropout, SpecAugment, augmentation, draws; and a BatchNorm and a CTC.
RANDOM: dict[str, Any] = {
    "audio_encoder": "conformer",
    "audio_encoder_conf": {"output_size": 16, "cnn_channels": [4, 4], "blocks_conf": TINY_BLOCKS["conformer"]},
    "augment_conf": {"stretch": 0.1, "mel_warp": 0.1, "tilt": 1.0, "noise": 3.0},
    "specaug": "specaug",
    "specaug_conf": {"apply_time_warp": False, "freq_mask_width_range": [0, 10], "time_mask_width_range": [0, 4]},
    "normalize": "utterance_mvn",
    "ctc_unit": "char",
    "ctc_conf": {"subframes": 4, "dropout_rate": 0.1},
    "model_conf": {"ctc_weight": 0.5},
    "decoder_conf": {"num_blocks": 1, "attention_heads": 2, "linear_units": 32},
    "batch_bins": 600,
}


def smoothing_floor(vocabulary_size: int, smoothing: float = 0.1) -> float:
    """The least cross entropy of a smoothed target, which is its own entropy, in nats a token."""
    rest = smoothing / vocabulary_size
    right = 1 - smoothing + rest
    return -(right * math.log(right) + (vocabulary_size - 1) * rest * math.log(rest))


@pytest.fixture(scope="module")
def overfitted(prepared, tmp_path_factory) -> Path:
    """Trained on the eight utterances until it knows them."""
    output = tmp_path_factory.mktemp("overfitted") / "run"
    schedule = {"warmup_steps": 30, "decay": "linear", "total_steps": 300}
    options = {"scheduler_conf": schedule, "optim_conf": {"lr": 4e-3}}
    return prepared.train(output, num_iters_per_epoch=100, max_epoch=3, **options)


@pytest.mark.slow
def test_eight_utterances_of_four_tasks_reach_the_smoothing_floor(overfitted, prepared):
    vocabulary = Vocabulary.load(prepared.toy.token_list)
    tokenizer = TargetTokenizer(vocabulary, prepared.toy.bpemodel)
    targets = read_two_column(prepared.mixture / "text").values()
    tokens = sum(len(tokenizer.encode(target)) for target in targets) / len(targets)  # <eos> for the task token
    floor = tokens * smoothing_floor(len(vocabulary))
    report = reports(overfitted)
    assert report[1]["valid"]["loss_att"] > 1.2 * floor
    last = report[3]["valid"]
    assert floor <= last["loss_att"] < 1.08 * floor
    assert {last[f"acc_{task}"] for task in TASKS} == {1.0}


@pytest.mark.slow
@pytest.mark.parametrize("beam_size", [1, 4])
def test_all_eight_are_decoded_exactly_from_audio_and_from_text(overfitted, prepared, beam_size):
    files = overfitted / "config.yaml", overfitted / "valid.acc.ave.pth"
    feats, masked = prepared.toy.feats("audio"), prepared.toy.feats("audio_mlm")
    words, trees = [list(column) for column in zip(*UTTERANCES, strict=True)]
    understand = Speech2Understand(*files, task="slu", beam_size=beam_size)
    assert [result.tree for result in understand(list(feats.values()))] == trees
    for task, audio in (("asr", feats), ("mlm", masked)):
        listen = Speech2Understand(trained=understand.trained, task=task, beam_size=beam_size)
        assert [result.text for result in listen(list(audio.values()))] == words
    read = Text2Understand(trained=understand.trained, beam_size=beam_size)
    assert [result.tree for result in read(words)] == trees


def assert_same_run(one: Path, other: Path) -> None:
    assert reports(one) == reports(other)
    first, second = (parameters(folder / "checkpoint.pth") for folder in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def unbroken(prepared, tmp_path_factory) -> Path:
    """Four epochs of everything random."""
    output = tmp_path_factory.mktemp("unbroken") / "run"
    return prepared.train(output, **RANDOM, max_epoch=4, ctc_characters=str(prepared.toy.characters))


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(prepared, unbroken, tmp_path):
    options = {**RANDOM, "ctc_characters": str(prepared.toy.characters)}
    prepared.train(tmp_path / "run", **options, max_epoch=2)
    assert set(reports(tmp_path / "run")) == {1, 2}
    prepared.train(tmp_path / "run", **options, max_epoch=4)
    assert set(reports(tmp_path / "run")) == {1, 2, 3, 4}
    assert_same_run(tmp_path / "run", unbroken)


def test_mixed_precision_changes_nothing_on_a_cpu_and_its_run_resumes_on_a_gpu(prepared, unbroken, tmp_path):
    options = {**RANDOM, "ctc_characters": str(prepared.toy.characters), "use_amp": True}
    for epochs in (2, 4):
        prepared.train(tmp_path / "run", **options, max_epoch=epochs)
    assert_same_run(tmp_path / "run", unbroken)
    # A GPU's scaler refuses what a CPU saved of its own; one in use on the CPU takes the GPU's part here.
    model, scaler = torch.nn.Module(), torch.amp.GradScaler("cpu", init_scale=8.0)
    state = {"model": {}, "reporter": Reporter().state_dict(), "optimizers": [], "schedulers": [], "scaler": {}}
    torch.save(state, tmp_path / "of_cpu.pth")
    DeviceTrainer.resume(tmp_path / "of_cpu.pth", model, Reporter(), [], [], scaler=scaler)
    torch.save(state | {"scaler": scaler.state_dict() | {"scale": 4.0}}, tmp_path / "of_gpu.pth")
    DeviceTrainer.resume(tmp_path / "of_gpu.pth", model, Reporter(), [], [], scaler=scaler)
    assert scaler.get_scale() == 4.0


def test_a_kill_that_tears_the_checkpoint_changes_nothing_in_the_end(prepared, unbroken, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(unbroken, run, symlinks=True)
    content = (run / "checkpoint.pth").read_bytes()  # of epoch 4
    (run / "checkpoint.pth").write_bytes(content[: len(content) // 2])
    (run / "4epoch.pth").unlink()
    prepared.train(run, **RANDOM, max_epoch=4, ctc_characters=str(prepared.toy.characters))
    assert_same_run(run, unbroken)
    names = sorted(path.name for path in unbroken.glob("*.pth"))
    assert names == sorted(path.name for path in run.glob("*.pth"))
    for name in set(names) - {"checkpoint.pth", "checkpoint.backup.pth"}:
        ours, theirs = parameters(run / name), parameters(unbroken / name)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name


def test_validation_losses_depend_on_the_seed_and_not_on_the_batches(prepared, unbroken, tmp_path):
    options = {**RANDOM, "ctc_characters": str(prepared.toy.characters), "max_epoch": 1}
    small, other = (
        reports(prepared.train(tmp_path / name, **options, **changes))[1]["valid"]
        for name, changes in (("small", {"valid_batch_bins": 40}), ("other", {"seed": 2}))
    )
    for key in ("loss", *(f"loss_{task}" for task in TASKS)):
        assert small[key] == pytest.approx(reports(unbroken)[1]["valid"][key], rel=1e-5) != other[key], key


@pytest.mark.parametrize(
    ("entries", "changes", "absent"),
    [
        ([FOUR_TASKS[0]], {"text_encoder": "none"}, "text_encoder"),
        ([FOUR_TASKS[3]], {"audio_encoder": "none"}, "audio_encoder"),
        ([FOUR_TASKS[3]], {}, None),
    ],
    ids=["e2e baseline", "text alone", "text alone with an idle audio encoder"],
)
def test_one_modality_trains_alone(prepared, tmp_path, entries, changes, absent):
    one = prepare(prepared.toy, entries, f"one_{entries[0]['task']}_{absent}")
    report = reports(one.train(tmp_path / "run", **changes, max_epoch=2))
    task = entries[0]["task"]
    assert report[2]["valid"][f"loss_{task}"] < report[1]["valid"][f"loss_{task}"]
    saved = parameters(tmp_path / "run" / "2epoch.pth")
    assert not any(name.startswith(f"{absent}.") for name in saved)
    assert all(torch.isfinite(value).all() for value in saved.values())


def test_the_text_encoders_folder_names_its_tokenizer(prepared, tmp_path):
    folder = tmp_path / "bert"
    bert = AutoModel.from_config(AutoConfig.for_model(**CONFIG["text_encoder_conf"]["config"]))
    bert.save_pretrained(folder)
    for file in prepared.toy.text_tokenizer.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    options = prepared.options(tmp_path / "run", text_encoder_conf={"model": str(folder)}, max_epoch=1)
    options[options.index("--text_tokenizer") + 1] = "none"
    ATATTask.main(cmd=options)
    _, args = ATATTask.build_model_from_file(tmp_path / "run" / "config.yaml", tmp_path / "run" / "1epoch.pth")
    assert args.text_tokenizer == str(folder)
    assert "model" not in args.text_encoder_conf  # it is in the run's own folder


def test_a_text_longer_than_the_encoders_positions_is_cut(prepared, tmp_path):
    args = ATATTask.get_parser().parse_args(prepared.options(tmp_path))
    model = ATATTask.build_model(args).eval()
    pieces = ATATTask.build_preprocess_fn(args, train=False)("nlu-a-b", {"text_in": "rain " * 100})["text_in"]
    assert len(pieces) == CONFIG["text_encoder_conf"]["config"]["max_position_embeddings"]
    with torch.no_grad():
        encoded = model.encode_text(torch.from_numpy(pieces)[None], torch.tensor([len(pieces)]))
    assert torch.isfinite(encoded.states).all()


def test_fine_tuning_from_a_grown_checkpoint(prepared, unbroken, new_domain, tmp_path):
    old, new = Vocabulary.load(prepared.toy.token_list), Vocabulary.load(new_domain.toy.token_list)
    assert len(new) == len(old) + 2
    initial_checkpoint(unbroken / "4epoch.pth", old, new, tmp_path / "init.pth")
    options = {
        **RANDOM,
        "ctc_characters": str(prepared.toy.characters),
        "init_param": [str(tmp_path / "init.pth")],
        "pretrained_vocabulary_size": len(old),
        "pretrained_parameters": ["all"],
        "num_iters_per_epoch": 5,
        "keep_nbest_models": 3,
        "scheduler_conf": {"warmup_steps": 1, "decay": "constant", "unfreeze_steps": [10], "multipliers": [0.0]},
    }
    run = new_domain.train(tmp_path / "run", **options, max_epoch=3)
    initial = torch.load(tmp_path / "init.pth", weights_only=True)
    first, second, third = (parameters(run / f"{epoch}epoch.pth") for epoch in (1, 2, 3))
    assert first.keys() - initial.keys() == {NEW_ROWS}
    for frozen in (first, second):  # ten updates with multiplier 0
        assert [name for name in initial if not torch.equal(initial[name], frozen[name])] == []
    assert not torch.equal(first[NEW_ROWS], second[NEW_ROWS])
    moved = {name for name in initial if not torch.equal(initial[name], third[name])}
    assert {"decoder.embed.0.pretrained", "text_encoder.project.weight"} <= moved
    assert not any(name.startswith("audio_encoder") for name in moved), "no audio was heard"
    report = reports(run)
    assert report[3]["valid"]["loss_nlu"] < report[1]["valid"]["loss_nlu"]
    rates = [report[epoch]["train"]["optim0_lr1"] for epoch in (1, 2, 3)]
    # ESPnet reports a rate after the scheduler's step, so the last of epoch 2 is that of update 11.
    assert rates == pytest.approx([0.0, 2e-3 / 5, 2e-3])

    again = new_domain.train(tmp_path / "again", **options, max_epoch=1)
    new_domain.train(again, **options, max_epoch=3)
    assert_same_run(again, run)


def test_the_audio_encoder_sees_parts_and_the_log_has_the_shares(prepared, tmp_path, monkeypatch, caplog):
    seen: list[int] = []
    forward = AudioEncoder.forward
    monkeypatch.setattr(AudioEncoder, "forward", lambda *args: seen.append(1) or forward(*args))
    caplog.set_level(logging.INFO)
    calls, losses = {}, {}
    for parts in (1, 3):
        seen.clear()
        run = prepared.train(tmp_path / str(parts), max_parts=parts, max_epoch=1, batch_bins=2000)
        calls[parts], losses[parts] = len(seen), reports(run)[1]["train"]["loss"]
    assert calls[3] > calls[1]
    assert losses[3] == pytest.approx(losses[1], rel=1e-4)  # one batch of all examples: the same in parts
    assert "[train]   slu-audio: 8, 25.00%, " in caplog.text
    assert "2000 frames (batch_bins) a batch: " in caplog.text


@pytest.mark.slow
def test_masks_reach_the_model_and_a_resumed_run_draws_the_same(toy, tmp_path, caplog):
    heard = prepare(toy, [{"task": "mlm", "set": "toy/audio"}, FOUR_TASKS[3]], "on_the_fly")  # not a masked copy
    alignments = tmp_path / "audio.jsonl"
    with alignments.open("w") as handle:
        for number, (text, _) in enumerate(UTTERANCES):  # a word is 8 frames
            places = [(word, {"start": 0.08 * n, "end": 0.08 * (n + 1)}) for n, word in enumerate(text.split())]
            words = [{"word": word, **place, "case": "success"} for word, place in places]
            handle.write(json.dumps({"utt_id": f"spk0-{number:02d}", "words": words}) + "\n")
    conf = {"alignments": {"audio": str(alignments)}, "ratio": 0.5, "min_masked": 1}

    def last(name: str, epochs: int = 2, mask_conf: dict = conf) -> dict[str, torch.Tensor]:
        options = {"num_iters_per_epoch": 4, "keep_nbest_models": 2, "mask_conf": mask_conf}
        return parameters(heard.train(tmp_path / name, **options, max_epoch=epochs) / f"{epochs}epoch.pth")

    caplog.set_level("INFO")
    unbroken = last("unbroken")
    assert "8 mlm examples get fresh masks every epoch; 0 of them have no aligned word" in caplog.text
    last("resumed", epochs=1)
    resumed, unmasked = last("resumed"), last("unmasked", mask_conf={})
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    assert not all(torch.equal(unbroken[name], unmasked[name]) for name in unbroken)
