"""Stage 12 on the tiny recipe: where it computes, and what it says of hypotheses that the search cut."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from espnet_atat.decode.trained import Trained
from espnet_atat.model.precision import device_here
from espnet_atat.report.glance import first_right
from espnet_atat.steps import stage12_decode
from espnet_atat.tasks import language_model
from tests.steps.world import planned, run

STAGES = ("--system", "old", "--stage", "12", "--stop_stage", "13", "--force", "--ngpu", "1")


def cut_of(folder: Path) -> str:
    return json.loads((folder / "metrics.json").read_text())["info"]["cut"]


@pytest.mark.parametrize(
    ("right", "there", "chosen"),
    [
        (("u2", "u3"), ["u1", "u2", "u3"], "u2"),  # the first one understood
        (("u2", "u3"), ["u1", "u3"], "u3"),  # of those with audio
        ((), ["u3", "u2"], "u2"),  # the first of all where none was understood
    ],
)
def test_the_utterance_whose_attention_is_kept_is_the_first_one_understood(right, there, chosen):
    references = {"u1": "[IN:A a ]", "u2": "[IN:B b ]", "u3": "[IN:C c ]"}
    assert first_right(references, {utt_id: references[utt_id] for utt_id in right}, there) == chosen


@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_decoding_uses_the_gpu_of_training_if_this_machine_has_one(monkeypatch, capsys):
    devices, load = [], Trained.load.__func__

    def on_cpu(cls, train_config, model_file, device="cpu"):
        devices.append(device)
        return load(cls, train_config, model_file)

    stage12_decode.load_trained.cache_clear()  # the model that another test decoded with
    monkeypatch.setattr(Trained, "load", classmethod(on_cpu))
    run(*STAGES)
    assert set(devices) == {"cpu"}
    assert "no GPU here: on the CPU" in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    run(*STAGES)
    assert "cuda" in devices
    assert "no GPU" not in capsys.readouterr().out
    assert device_here(0) == "cpu"


@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_a_lexicon_counts_by_its_content(tmp_path):
    decoding, words, keys = planned("old").hypotheses[0], tmp_path / "words.txt", []
    for second, content in enumerate(("moon", "noon", "moon")):
        words.write_text(content)
        os.utime(words, (second, second))  # a digest is kept by the time of the file
        with_words = replace(decoding, options={"oov_penalty": 1.0, "lexicon": str(words)}, within=tmp_path / "w")
        keys.append(with_words.node.key)
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.slow
def test_what_the_search_cut_is_in_the_stamp_and_in_the_metrics(finished, capsys):
    plain, closed = (each.folder for each in planned("old").hypotheses)
    for folder in (plain, closed):  # two epochs: the model babbles to the cap of its configuration
        assert 0 <= int(cut_of(folder)) <= 3
    for name in ("decode", "decode_tree"):
        config = finished / f"egs2/atat/toy/conf/{name}.yaml"
        config.write_text(config.read_text().replace("maxlen: 12", "maxlen: 3"))
    capsys.readouterr()
    run(*STAGES[:-2])
    assert cut_of(plain) == cut_of(closed) == "3"
    assert planned("old").hypotheses[0].node.facts["cut"] == 3
    assert capsys.readouterr().out.count("3 hypotheses were cut (maxlen)") == 2


def test_perplexity_is_measured_where_decoding_computes(tmp_path, monkeypatch):
    def main(options):
        assert options[options.index("--ngpu") + 1] == "1"
        (tmp_path / "ppl").write_text("2.5\n")
        (tmp_path / "utt2ntokens").write_text("u1 4\nu2 3\n")

    monkeypatch.setattr(language_model.lm_calc_perplexity, "main", main)
    arguments = (Path("config.yaml"), Path("model.pth"), Path("text"), tmp_path)
    assert language_model.measure_perplexity(*arguments, device="cuda") == (2.5, 7)
