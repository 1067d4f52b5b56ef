"""Packing a model from its files, as a user would."""

import json
import zipfile
from argparse import Namespace

import pytest
import torch
import yaml
from espnet2.tasks.lm import LMTask
from huggingface_hub import ModelCard

from espnet_atat.bin.pack import main
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError
from espnet_atat.metrics.scoring import score_files
from espnet_atat.package.manifest import Manifest
from espnet_atat.package.reader import list_files, read_manifest
from espnet_atat.package.writer import Sources, write_package
from espnet_atat.text.vocabulary import CONTROL_TOKENS, Vocabulary
from tests.toy_commands import TREES
from tests.toy_package import command


@pytest.fixture
def options(toy_run):
    return ["--train_config", str(toy_run / "config.yaml"), "--model_file", str(toy_run / "valid.acc.ave.pth")]


def read(path, member: str) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read(member).decode()


def test_a_package_of_files_with_its_scores(options, tmp_path, capsys):
    decoded = tmp_path / "exp/mini/system/seed1/decode/test"
    decoded.mkdir(parents=True)
    for name in ("ref", "hyp"):
        (decoded / name).write_text(f"u1 {TREES[0]}\nu2 {TREES[1]}\n")
    score_files([decoded / "ref"], [decoded / "hyp"], decoded / "metrics.json", info={"recipe": "mini", "task": "slu"})
    (tmp_path / "decode.yaml").write_text("beam_size: 2\nbatch_size: 8\n")
    package = tmp_path / "given.zip"
    options += ["--outpath", str(package), "--title", "Mine", "--license", "cc-by-4.0", "--task", "slu"]
    options += ["--metrics", str(decoded / "metrics.json"), "--inference_config", str(tmp_path / "decode.yaml")]
    main([*options, "--trained_on", "slu:mine/train", "asr:mine/train", "--command", "./run.sh --recipe mine"])
    assert f"wrote {package}: 0.1 MB" in capsys.readouterr().out
    manifest = read_manifest(package)
    assert (manifest.name, manifest.corpora, manifest.decode) == ("given", ["mine"], {"beam_size": 2})
    (result,) = manifest.results
    assert (result["set"], result["config"], result["utterances"]) == ("mini/test", "decode", 2)
    assert result["figures"]["em_full"]["value"] == 1.0
    card = read(package, "README.md")
    front = ModelCard(card).data  # by the hub's own reader
    assert front.tags[:3] == ["espnet", "audio", "spoken-language-understanding"]
    assert {"task-slu", "task-asr"} <= set(front.tags)
    assert (front.library_name, front.language, front.license) == ("espnet", "en", "cc-by-4.0")
    assert front.datasets == ["mine"]
    figure = front.eval_results[0]
    assert (figure.metric_type, figure.metric_name, figure.metric_value) == ("em_full", "EM (full)", 100.0)
    for part in ("| mini/test | `<slu>` | 2 | 100.0 [100.0, 100.0] |", "./run.sh --recipe mine", "rongali2021atat"):
        assert part in card
    assert "| SemER | 0.0 | [0.0, 0.0] |" in read(package, "RESULTS.md")


def test_paths_are_relative_and_nothing_of_the_training_is_left(toy_package, toy_run):
    assert all(not name.startswith("/") and ".." not in name for name in list_files(toy_package))
    config = yaml.safe_load(read(toy_package, "exp/config.yaml"))
    assert config["bpemodel"] == "data/bpe.model"
    assert config["text_tokenizer"] == "data/text_tokenizer"
    assert "train_shape_file" not in config
    for member in ("exp/config.yaml", "meta.yaml", "atat.yaml", "README.md"):
        assert str(toy_run.parent) not in read(toy_package, member)
    meta = yaml.safe_load(read(toy_package, "meta.yaml"))
    assert meta["yaml_files"] == {"train_config": "exp/config.yaml"}
    assert meta["files"] == {"model_file": "exp/model.pth", "text_tokenizer": "data/text_tokenizer"}
    assert {"LICENSE", "RESULTS.md", "data/tokens.txt", "data/characters.txt"} <= list_files(toy_package).keys()
    assert json.loads(read(toy_package, "data/text_encoder.json"))["hidden_size"] == 24


def test_an_optimizers_state_is_left_out(toy_run, tmp_path):
    model = torch.load(toy_run / "valid.acc.ave.pth", weights_only=True)
    moments = {name: (tensor, tensor) for name, tensor in model.items()}
    torch.save({"model": model, "optimizers": [moments], "epoch": 3}, tmp_path / "checkpoint.pth")
    sources = Sources(train_config=toy_run / "config.yaml", model_file=tmp_path / "checkpoint.pth")
    manifest = write_package(sources, Manifest(name="lean"), tmp_path / "lean.zip")
    assert manifest.parameters == sum(tensor.numel() for tensor in model.values())
    with zipfile.ZipFile(tmp_path / "lean.zip") as archive, archive.open("exp/model.pth") as file:
        packed = torch.load(file, weights_only=True)
    assert all(torch.equal(packed[name], tensor) for name, tensor in model.items())


def test_a_language_model_travels_with_it(options, toy_run, tmp_path):
    own = Vocabulary.load(toy_run / "tokens.txt").tokens[len(CONTROL_TOKENS) :]
    config = {
        "token_list": ["<blank>", "<unk>", *own, "<sos/eos>"],
        **{"lm": "seq_rnn", "lm_conf": {"unit": 8, "nlayers": 1}, "model": "lm", "model_conf": {}, "init": None},
    }
    torch.manual_seed(0)
    torch.save(LMTask.build_model(Namespace(**config)).state_dict(), tmp_path / "lm.pth")
    (tmp_path / "lm.yaml").write_text(yaml.safe_dump({**config, "train_data_path_and_name_and_type": ["exp/x"]}))
    package = tmp_path / "with_lm.zip"
    lm = ["--lm_train_config", str(tmp_path / "lm.yaml"), "--lm_file", str(tmp_path / "lm.pth")]
    main([*options, *lm, "--outpath", str(package)])
    assert {"exp/lm/config.yaml", "exp/lm/model.pth"} <= list_files(package).keys()
    without = Speech2Understand.from_pretrained(package, constrain_trees=True)(command(0))
    scored = Speech2Understand.from_pretrained(package, constrain_trees=True, lm_weight=0.01)(command(0))
    assert "lm" not in without.scores
    assert scored.tree == without.tree == TREES[0]
    assert scored.score == pytest.approx(without.score + 0.01 * scored.scores["lm"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outpath", "x.zip", "--train_config", "absent", "--model_file", "x"], "absent: no such file"),
        (["--outpath", "x.tar", "RUN"], "a package is a zip"),
        (["--outpath", "x.zip", "RUN", "--system", "music"], "--system goes with --recipe, not with --outpath"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [part for argument in arguments for part in (options if argument == "RUN" else [argument])]
    with pytest.raises(UserError, match=message):
        main(given)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_model_leave_no_package(options, tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="not of an AT-AT model"):
        main([*options[:2], "--model_file", str(tmp_path / "other.pth"), "--outpath", str(tmp_path / "out.zip")])
    assert [path.name for path in tmp_path.iterdir()] == ["other.pth"]
