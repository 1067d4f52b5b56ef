"""LoRA through ESPnet's own trainer: what learns, what stands still, resuming and decoding."""

from pathlib import Path
from typing import Any

import pytest
import torch

from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.text.vocabulary import Vocabulary
from espnet_atat.train.adapter import is_adapter
from espnet_atat.train.optimiser import NEW_ROWS
from espnet_atat.train.transfer import OLD_ROWS, initial_checkpoint
from tests.toy_package import make_package
from tests.toy_training import Prepared, parameters, reports

LORA: dict[str, Any] = {
    "use_adapter": True,
    "adapter_conf": {"rank": 4, "alpha": 8, "target_modules": ["linear_q", "linear_v", "query"]},
    "freeze_param": ["audio_encoder", "text_encoder", "decoder.decoders", "decoder.after_norm", OLD_ROWS],
    "pretrained_parameters": ["all"],
    "scheduler_conf": {"warmup_steps": 1, "decay": "constant", "unfreeze_steps": [1000], "multipliers": [0.0]},
    "optim_conf": {"lr": 2e-2},
    "num_iters_per_epoch": 4,
}


@pytest.fixture(scope="module")
def tuned(prepared, tmp_path_factory) -> tuple[Path, Path, dict[str, Any]]:
    """A pretrained run, a run of two epochs with adapters on a grown vocabulary from it, and its options."""
    folder = tmp_path_factory.mktemp("lora")
    first = prepared.train(folder / "first", max_epoch=1)
    old = Vocabulary.load(prepared.toy.token_list)
    new = old.grow(["[IN:BUY"])
    new.save(folder / "tokens.txt")
    initial_checkpoint(first / "1epoch.pth", old, new, folder / "init.pth")
    options = {**LORA, "init_param": [str(folder / "init.pth")], "pretrained_vocabulary_size": len(old)}
    return first, train(prepared, folder / "run", folder / "tokens.txt", **options, max_epoch=2), options


def train(prepared: Prepared, output: Path, token_list: Path, **options: Any) -> Path:
    """As :meth:`Prepared.train`, with another token list."""
    command = prepared.options(output, **options)
    command[command.index("--token_list") + 1] = str(token_list)
    ATATTask.main(cmd=command)
    return output


def test_adapters_and_new_rows_learn_and_all_else_stands_still(tuned):
    first, run, _ = tuned
    before, after = parameters(first / "1epoch.pth"), parameters(run / "2epoch.pth")
    adapters = {name for name in after if is_adapter(name)}
    assert after.keys() - before.keys() == adapters
    assert all(after[name].abs().sum() > 0 for name in adapters if name.endswith("lora_B")), "each has learnt"
    adapted = {f"{name.rpartition('.')[0]}.weight" for name in adapters}
    for name in before.keys() - {NEW_ROWS}:
        if name not in adapted:
            assert torch.equal(before[name], after[name]), name
            continue
        # The saved weight holds its adapter's part: W + alpha / rank * B A, to rounding.
        module = name.removesuffix(".weight")
        learnt = 8 / 4 * after[f"{module}.lora_B"] @ after[f"{module}.lora_A"]
        torch.testing.assert_close(after[name], before[name] + learnt, rtol=1e-5, atol=1e-6)
    report = reports(run)
    assert report[2]["valid"]["loss"] < report[1]["valid"]["loss"]


def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tuned, prepared, tmp_path):
    _, run, options = tuned
    tokens = run.parent / "tokens.txt"
    again = train(prepared, tmp_path / "again", tokens, **options, max_epoch=1)
    train(prepared, again, tokens, **options, max_epoch=2)
    assert reports(again) == reports(run)
    ours, theirs = (parameters(folder / "checkpoint.pth") for folder in (again, run))
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []


def test_a_checkpoint_and_its_package_decode_as_the_model_without_adapters_does(tuned, prepared, tmp_path):
    """Its weights are whole: the same hypotheses come from a configuration that knows of no adapters."""
    _, run, _ = tuned
    feats = list(prepared.toy.feats("audio").values())
    options = {"task": "slu", "maxlen": 20, "beam_size": 3}
    adapted = Speech2Understand(run / "config.yaml", run / "valid.acc.ave.pth", **options)
    plain = {name: value for name, value in parameters(run / "valid.acc.ave.pth").items() if not is_adapter(name)}
    torch.save(plain, tmp_path / "plain.pth")
    config = (run / "config.yaml").read_text()
    assert "use_adapter: true" in config
    (tmp_path / "config.yaml").write_text(config.replace("use_adapter: true", "use_adapter: false"))
    merged = Speech2Understand(tmp_path / "config.yaml", tmp_path / "plain.pth", **options)
    packed = Speech2Understand.from_pretrained(str(make_package(run, tmp_path / "lora.zip")), **options)
    lines = [result.line for result in adapted(feats)]
    assert lines == [result.line for result in merged(feats)] == [result.line for result in packed(feats)]
    for name, value in plain.items():
        assert torch.equal(adapted.trained.model.state_dict()[name], value), name
    assert not any(is_adapter(name) for name in packed.trained.model.state_dict())
