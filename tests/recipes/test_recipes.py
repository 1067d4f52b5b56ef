"""Recipes from a corpus in its owner's layout to a table, by run.sh, with two updates of a tiny model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from espnet_atat.corpora.recordings import AudioRules
from espnet_atat.corpora.validation import validate
from espnet_atat.datadir import DataDir
from espnet_atat.installed import installed_model
from espnet_atat.speech.synthesis.flite import Flite
from espnet_atat.speech.synthesis.kokoro import KokoroEngine
from espnet_atat.speech.synthesis.pico import Pico
from tests.corpora.conftest import (
    write_common_voice,
    write_fsc,
    write_mls,
    write_noise,
    write_slurp,
    write_stop,
    write_switchboard,
    write_wordnet,
)
from tests.shell import make_clone, run
from tests.speech.synthesis.conftest import installed
from tests.spoken import spoken

pytestmark = pytest.mark.slow
#: What makes pretrain_small.yaml a matter of seconds: top-level options, and one level below them.
TINY = yaml.safe_load("""
audio_encoder_conf:
  output_size: 16
  cnn_channels: [4, 4, 4]
  blocks_conf: {num_blocks: 1, attention_heads: 2, linear_units: 16}
text_encoder_conf:
  config: {model_type: bert, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16,
           vocab_size: 3000, max_position_embeddings: 128}
decoder_conf: {num_blocks: 1, attention_heads: 2, linear_units: 16}
num_iters_per_epoch: 2
max_epoch: 1
cpu_processes: 1
""")


def shrink(path: Path, **changes: Any) -> None:
    """Change top-level options of a training YAML; mappings key by key."""
    config = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(config))


@pytest.fixture
def clone(root, tmp_path):
    """The repository's shell part, with two updates in its small configuration."""
    clone = make_clone(root, tmp_path / "clone")
    shrink(clone / "conf/pretrain_small.yaml", **TINY)
    for name in ("decode", "decode_tree"):
        with (clone / f"conf/{name}.yaml").open("a") as handle:
            handle.write("maxlen: 12\n")
    return clone


def run_recipe(clone: Path, recipe: str, *options: str, **environment: str) -> str:
    """Everything that it printed."""
    call = ("./run.sh", "--recipe", recipe, "--stop_stage", "14", "--nj", "1", *options)
    done = run(clone, *call, OMP_NUM_THREADS="1", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(clone: Path, table: str) -> list[dict]:
    return json.loads((clone / f"exp/{table}.json").read_text())["rows"]


def test_fluent_speech_commands(clone, tmp_path):
    recipe = clone / "egs2/atat/fsc/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("corpus: $FSC", "corpus: $FSC\nprepare: [--splits, original]"))
    corpus = write_fsc(tmp_path / "fluent_speech_commands_dataset")
    printed = run_recipe(clone, "fsc", "--system", "small", FSC=str(corpus))
    assert all(re.search(f"^stage {stage}[:,]", printed, re.M) for stage in (1, 6, 7, 9, 10, 12, 13, 14))
    (row,) = rows(clone, "fsc/tables/small")
    assert (row["set"], row["utterances"], row["hypothesis"]) == ("fsc/test", 9, "tags")
    folder = clone / "exp/fsc/small/seed1/decode/test"
    assert (folder / "ref").read_text() == (clone / "data/fsc/test/target").read_text()
    assert {"hyper", "em_hypothesis"} <= json.loads((folder / "metrics.json").read_text())["figures"].keys()
    assert "fsc/test (slu), n = 9" in printed


@pytest.mark.parametrize(
    ("recipe", "write", "tested", "figure"), [("slurp", write_slurp, 12, "slu_f1"), ("stop", write_stop, 16, "em_tree")]
)
def test_a_corpus_that_an_engine_said(recipe, write, tested, figure, clone, tmp_path):
    flite = installed(Flite())

    def say(words: str, path: Path) -> None:
        samples, rate = flite.speak(words, "slt")
        soundfile.write(path, samples, rate, subtype="PCM_16")

    corpus = write(tmp_path / recipe, say=say)
    printed = run_recipe(clone, recipe, "--table", "small", **{recipe.upper(): str(corpus)})
    assert all(re.search(f"^stage {stage}[:,]", printed, re.M) for stage in (1, 6, 7, 9, 10, 12, 13, 14))
    assert not re.search(r"[1-9]\d* problems", printed)
    (row,) = rows(clone, f"{recipe}/tables/small")
    assert (row["set"], row["utterances"]) == (f"{recipe}/test", tested)
    metrics = json.loads((clone / f"exp/{recipe}/small/seed1/decode/test/metrics.json").read_text())
    assert figure in metrics["figures"]
    assert f"{recipe}/test (slu" in printed


def write_corpus(recipe: str, folder: Path) -> Path:
    """A corpus in its owner's layout: 20 sentences of some voices to train on, others of other voices."""
    said = spoken("sentences_train")
    voices = sorted({one.voice for one in said})
    apart = (voices[:-2], voices[-2:-1], voices[-1:])
    train, dev, test = ([one for one in said if one.voice in part] for part in apart)
    parts = {"train": train[:20], "dev": dev[:2], "test": test[:2]}
    if recipe == "switchboard":
        return write_switchboard(folder, said[:40])
    return (write_common_voice if recipe == "common_voice" else write_mls)(folder, parts)


@pytest.mark.parametrize(("recipe", "tested"), [("common_voice", 2), ("mls", 2), ("switchboard", 4)])
def test_speech_with_transcripts_alone(clone, tmp_path, monkeypatch, recipe, tested):
    corpus = write_corpus(recipe, tmp_path / recipe)
    # One of them from MFCC, with deltas.
    mfcc = ("--set", "pretrain.options.feats_type=mfcc", "--set", "pretrain.options.input_size=39")
    options = ("--table", "small", *(mfcc if recipe == "mls" else ()))
    printed = run_recipe(clone, recipe, *options, **{recipe.upper(): str(corpus)})
    assert all(re.search(f"^stage {stage}[:,]", printed, re.M) for stage in (1, 4, 5, 6, 7, 9, 10, 12, 13, 14))
    assert (clone / "dump/mfcc13d/mls/test/feats.scp").is_file() == (recipe == "mls")
    (row,) = rows(clone, f"{recipe}/tables/small")
    assert (row["set"], row["utterances"]) == (f"{recipe}/test", tested)
    assert f"{recipe}/test (asr), n = {tested}" in printed
    monkeypatch.chdir(clone)
    folders = [path.parent for path in Path("data", recipe).glob("*/text")]
    assert len(folders) >= 4
    assert [problem for folder in folders for problem in validate(folder, AudioRules()).problems] == []


def test_broad_is_said_by_three_engines(clone, tmp_path):
    for engine in (Pico(), Flite(), KokoroEngine()):
        installed(engine)
    recipe = clone / "egs2/atat/broad/recipe.yaml"
    shipped = "prepare: [--held_out, egs2/atat/mini/corpus]"  # which a clone has not
    assert shipped in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(shipped, 'prepare: [--times, "2", --spelled, "6"]'))
    printed = run_recipe(clone, "broad", WORDNET=str(write_wordnet(tmp_path / "wordnet")))
    assert "broad: wrote 4 sets" in printed
    voices = {}
    said = {"train": ("pico", "flite"), "spelled": ("pico", "flite"), "dev": ("pico",), "test": ("kokoro",)}
    for name, engine in ((name, engine) for name, engines in said.items() for engine in engines):
        data = DataDir.load(clone / "data/broad" / f"{name}_{engine}")
        assert sorted(data.text.values()) == sorted(DataDir.load(clone / "data/broad" / name).text.values())
        assert len(list((clone / f"dump/broad/{name}_{engine}").glob("feats*"))) > 0
        voices[name, engine] = set(data.utt2spk.values())
    assert voices["train", "pico"] == {"en-GB", "en-US"}
    assert len(voices["train", "flite"]) >= 3
    (row,) = rows(clone, "broad/tables/default")
    assert (row["set"], row["utterances"]) == ("broad/test_kokoro", 1)
    assert "broad/test_kokoro (asr), n = 1" in printed


def test_the_three_lines_of_the_readme(clone, tmp_path):
    readme = (clone / "egs2/atat/custom/README.md").read_text()
    table = readme.split("```\n")[1]
    (tmp_path / "lights.csv").write_text(table)
    for number, line in enumerate(table.splitlines()[1:]):
        write_noise(tmp_path / line.split(",")[0], 1.5, seed=number)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", readme, re.S) for line in block.splitlines()]
    assert commands[:3] == [
        "export CUSTOM=/path/to/lights.csv",
        "./run.sh --recipe custom --stage 1 --stop_stage 1",
        "./run.sh --recipe custom",
    ]
    from_text = re.search(r"## From text to a model that listens.*?```sh\n(.*?)```", readme, re.S)
    assert from_text is not None
    assert from_text[1].splitlines()[-1] == "CUSTOM=/path/to/text.csv ./run.sh --recipe custom --table synthetic"
    assert len(from_text[1].splitlines()) <= 4, "four commands at most"
    if not Path(installed_model("whisper-tiny.en-encoder")).is_dir():
        pytest.skip("tools/install_extra.sh ears was not run")
    ears = {"output_size": 16, "blocks_conf": TINY["audio_encoder_conf"]["blocks_conf"]}
    shrink(clone / "egs2/atat/mini/conf/pretrain_ears.yaml", audio_encoder_conf=ears, num_iters_per_epoch=2)
    custom = str(tmp_path / "lights.csv")
    assert "train: 1 read, 1 kept" in run_recipe(clone, "custom", "--stage", "1", "--stop_stage", "1", CUSTOM=custom)
    printed = run_recipe(clone, "custom", CUSTOM=custom)
    assert "stage 1: data/custom/prepared: done already" in printed
    assert re.search(r"^  wrote exp/runs/pretrain_ears-slu_augmented-seed1-\w+/valid.acc.ave.pth$", printed, re.M)
    assert [row["utterances"] for row in rows(clone, "custom/tables/default")] == [1]
    assert soundfile.info(tmp_path / "c.wav").frames == 24000  # the user's audio is as it was
