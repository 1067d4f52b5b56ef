"""The command pipeline, from data dirs to scores."""

import json

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.pipeline import main
from espnet_atat.bin.score import main as score
from espnet_atat.datadir import read_two_column
from tests.baselines.corpus import write_set
from tests.shell import run_script

pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")

TEST = (
    "[IN:LIGHTS_ON turn on the [SL:ROOM cellar ] lights ]",
    "[IN:PLAY play [SL:SONG blue ] in the [SL:ROOM hall ] ]",
)


@pytest.fixture
def folder(tmp_path):
    write_set(tmp_path / "train")
    write_set(tmp_path / "test", TEST)
    return tmp_path


def train(folder, tagger: str, *options: str) -> int:
    paths = ["--data_dirs", str(folder / "train"), "--output_dir", str(folder / tagger)]
    return main_guard(main, ["train", tagger, *paths, *options])


def understand(folder, tagger: str, *options: str) -> int:
    paths = ["--model_dir", folder / tagger, "--data_dir", folder / "test", "--output_dir", folder / "out"]
    return main_guard(main, ["understand", *map(str, paths), *options])


def test_from_data_dirs_to_scores(folder, capsys) -> None:
    assert train(folder, "crf") == 0
    assert "crf, trained on 26 utterances" in capsys.readouterr().out
    assert understand(folder, "crf", "--oracle") == 0
    assert read_two_column(folder / "out/transcripts") == read_two_column(folder / "test/text")
    files = ["--ref", folder / "test/target", "--hyp", folder / "out/hyp", "--output", folder / "metrics.json"]
    assert main_guard(score, list(map(str, files))) == 0
    assert json.loads((folder / "metrics.json").read_text())["figures"]["em_full"]["numerator"] == 2
    (folder / "asr").write_text("utt00 turn on the hall lights\nutt01\n")  # of another recogniser
    assert understand(folder, "crf", "--transcripts", str(folder / "asr")) == 0
    assert read_two_column(folder / "out/hyp")["utt00"] == "[IN:LIGHTS_ON turn on the [SL:ROOM hall ] lights ]"
    assert understand(folder, "crf", "--oracle", "--language", "en") == 2
    assert "--language goes with --whisper" in capsys.readouterr().err


def test_the_bilstm_by_the_same_command(folder) -> None:
    pytest.importorskip("torchcrf", reason="pytorch-crf, of the extra baselines, is not installed")
    sizes = ["--embed_size", "24", "--hidden_size", "24", "--batch_size", "4", "--lr", "0.01", "--dropout", "0.1"]
    assert train(folder, "bilstm_crf", *sizes, "--epochs", "20") == 0
    assert understand(folder, "bilstm_crf", "--oracle") == 0
    assert read_two_column(folder / "out/hyp")["utt01"] == TEST[1]


def test_the_crf_does_without_torch(folder) -> None:
    script = """
import sys
from espnet_atat.bin.pipeline import main
main("train crf --data_dirs train --output_dir crf".split())
main("understand --model_dir crf --data_dir test --output_dir out --oracle".split())
assert not {"torch", "espnet2", "transformers"} & sys.modules.keys()
"""
    run_script(script, cwd=folder)
