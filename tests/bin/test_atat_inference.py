"""The command: files in, files out, options, and one line for a mistake."""

import json
import re

import pytest
import torch
import yaml

from espnet_atat.bin import main_guard
from espnet_atat.bin.atat_inference import main, parse_arguments
from espnet_atat.datadir import read_two_column
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError
from espnet_atat.tasks.atat import ATATTask
from tests.decode.conftest import speech, texts, tiny_model, train_args, vocabulary, write_dump

__all__ = ["speech", "texts", "train_args", "vocabulary"]  # fixtures of the search's own tests


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, vocabulary, train_args):
    """What a training leaves: config.yaml and a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    model, layer = tiny_model(vocabulary), {"attention_heads": 2, "linear_units": 64}
    config = ATATTask.get_default_config() | {
        "token_list": list(vocabulary.tokens),
        "text_tokenizer": train_args.text_tokenizer,
        "input_size": 80,
        "audio_encoder_conf": {"output_size": 32, "cnn_channels": [4, 4], "blocks_conf": {"num_blocks": 1, **layer}},
        "text_encoder_conf": {"config": model.text_encoder.config.to_diff_dict()},
        "decoder_conf": {"num_blocks": 2, **layer},
        "pretrained_vocabulary_size": len(vocabulary) - 5,
        "normalize": None,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(config))))  # without aliases, as ESPnet
    torch.save(model.state_dict(), folder / "model.pth")
    return folder


@pytest.fixture
def command(run_dir, tmp_path, speech, texts):
    dump_dir = write_dump(tmp_path / "dump", speech[:5], texts[:5])
    return [
        *("--train_config", str(run_dir / "config.yaml"), "--model_file", str(run_dir / "model.pth")),
        *("--data_dir", str(dump_dir), "--output_dir", str(tmp_path / "out"), "--maxlen", "10"),
    ]


def test_the_command_writes_what_the_python_interface_gives(command, run_dir, speech, tmp_path, capsys):
    assert main_guard(main, [*command, "--constrain_trees", "true", "--nbest", "2"]) == 0
    assert "5 utterances, task slu" in capsys.readouterr().out
    understand = Speech2Understand(run_dir / "config.yaml", run_dir / "model.pth", maxlen=10, constrain_trees=True)
    assert list(read_two_column(tmp_path / "out" / "hyp").values()) == [r.tree for r in understand(speech[:5])]
    assert (tmp_path / "out" / "nbest.jsonl").is_file()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("feats.scp", "spk-00 .*\n", "", r"text has 'spk-00', which .*feats.scp lacks \(1 such\)"),
        ("feats.scp", "spk-00 ", "foreign ", r"feats.scp has 'foreign', which .*text lacks \(1 such\)"),
        ("text", "spk-04 .*\n", "", r"feats.scp has 'spk-04', which .*text lacks \(1 such\)"),
        ("text", "spk-00 ", "spk-99 play\nspk-00 ", r"text has 'spk-99', which .*feats.scp lacks \(1 such\)"),
        ("utt2num_frames", "spk-00 .*", f"spk-00 {'1' * 5000}", "spk-00: '1+' is not a number of frames"),
        ("utt2num_frames", "spk-00 .*", "spk-00 many", "spk-00: 'many' is not a number of frames"),
    ],
)
def test_a_set_whose_files_name_other_utterances_is_refused(command, tmp_path, capsys, file, old, new, message):
    path = tmp_path / "dump" / file
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    assert main_guard(main, command) == 2
    assert re.search(message, capsys.readouterr().err.splitlines()[-1])
    assert not (tmp_path / "out").exists()


def test_weights_that_are_no_numbers_write_nothing(command, run_dir, tmp_path, capsys):
    weights = torch.load(run_dir / "model.pth", weights_only=True)
    weights["decoder.after_norm.weight"].fill_(float("nan"))
    torch.save(weights, tmp_path / "nan.pth")
    arguments = [str(tmp_path / "nan.pth") if each == str(run_dir / "model.pth") else each for each in command]
    assert main_guard(main, arguments) == 2
    assert "'decoder.after_norm.weight' holds numbers that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_stream_of_text(command, tmp_path):
    stream = f"{tmp_path}/dump/text,text_in,text"
    arguments = [*command, "--data_path_and_name_and_type", stream, "--task", "nlu"]
    position = arguments.index("--data_dir")
    del arguments[position : position + 2]
    assert main_guard(main, arguments) == 0
    assert len(read_two_column(tmp_path / "out" / "hyp")) == 5
    assert not (tmp_path / "out" / "nbest.jsonl").exists()


def test_the_command_line_goes_before_the_inference_config(command, tmp_path):
    path = tmp_path / "decode.yaml"
    path.write_text("beam_size: 7\nconstrain_trees: true\nctc_weight: 0.3\ntask: nlu\n")
    args = parse_arguments([*command, "--inference_config", str(path), "--task", "slu"])
    assert (args.beam_size, args.constrain_trees, args.ctc_weight, args.task) == (7, True, 0.3, "slu")
    path.write_text("beam: 7\n")
    with pytest.raises(UserError, match="unknown option 'beam'; known: batch_size, beam_size"):
        parse_arguments([*command, "--inference_config", str(path)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--model_file", "nowhere.pth"], "--model_file nowhere.pth: no such file"),
        (["--task", "sing"], "unknown task 'sing'"),
        (["--ctc_weight", "0.3"], "the model has no CTC"),
        (["--batch_size", "0"], "--batch_size is at least 1"),
        (["--source", "text_in", "--text_tokenizer", "tests"], "no tokenizer there"),
    ],
)
def test_a_mistake_is_one_line(command, capsys, change, message):
    assert main_guard(main, [*command, *change]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


def test_a_checkpoint_that_does_not_fit_is_one_line(command, run_dir, tmp_path, capsys):
    state = torch.load(run_dir / "model.pth", weights_only=True)
    path = tmp_path / "bad.pth"
    whole = (run_dir / "model.pth").read_bytes()
    changes = [
        (lambda: path.write_bytes(whole[:5000]), "not a whole checkpoint"),
        (lambda: torch.save({}, path), "not of an AT-AT model"),
        (lambda: torch.save({k: v for k, v in state.items() if "embed" not in k}, path), "lacks 'decoder.embed"),
        (lambda: torch.save(state | {"extra": torch.zeros(1)}, path), "holds 'extra'"),
        (lambda: torch.save(state | {"decoder.embed.0.new": torch.zeros(9, 32)}, path), "is (9, 32)"),
    ]
    for change, message in changes:
        change()
        assert main_guard(main, [*command, "--model_file", str(path)]) == 2
        assert message in capsys.readouterr().err
    config = tmp_path / "config.yaml"
    config.write_text("a: 1\n")
    with pytest.raises(UserError, match="not the configuration of an AT-AT training"):
        Trained.load(config, run_dir / "model.pth")
    saved = yaml.safe_load((run_dir / "config.yaml").read_text())
    for option in ("token_list", "text_encoder_conf", "text_tokenizer", "text_pace"):
        config.write_text(yaml.safe_dump({key: value for key, value in saved.items() if key != option}))
        with pytest.raises(UserError, match=rf"{config}: .* AT-AT training \(it lacks the option {option}\)"):
            Trained.load(config, run_dir / "model.pth")


@pytest.mark.slow
def test_processes_change_nothing(command, run_dir, tmp_path, capsys):
    arguments = [*command, "--nbest", "3", "--batch_size", "2"]
    assert main_guard(main, arguments) == 0
    one = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert main_guard(main, [*arguments, "--nj", "2", "--output_dir", str(tmp_path / "two")]) == 0
    assert {path.name: path.read_text() for path in (tmp_path / "two").iterdir()} == one
    torn = tmp_path / "torn.pth"
    torn.write_bytes((run_dir / "model.pth").read_bytes()[:5000])
    assert main_guard(main, [*arguments, "--nj", "2", "--model_file", str(torn)]) == 2
    assert "not a whole checkpoint" in capsys.readouterr().err.splitlines()[-1]
