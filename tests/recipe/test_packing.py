"""Stage 15 on the tiny recipe, and stage 16 into a folder, as run.sh calls them."""

import json
import os
import re
from argparse import Namespace
from pathlib import Path

import pytest
from espnet_atat.bin.run_systems import main as run_systems
from espnet_atat.recipe.plan import plan_system

from espnet_atat.bin import pack
from espnet_atat.config.system import load_system
from espnet_atat.errors import UserError
from espnet_atat.package.reader import open_package, read_manifest
from espnet_atat.text.tokenizer import TargetTokenizer
from tests.recipe.world import NEW_TARGETS, make_world, write_recipe

ZIP = Path("exp/toy/packages/toy_zeroshot_seed1.zip")


def test_before_there_is_a_model_it_is_planned_or_missed(world, capsys):
    pack.main(["--recipe", "toy", "--dry_run"])
    assert f"stage 15: {ZIP}: to be made" in capsys.readouterr().out
    with pytest.raises(UserError, match="run stages 10 and 11"):
        pack.main(["--recipe", "toy", "--system", "zeroshot"])
    with pytest.raises(UserError, match="run stages 10 and 11"):
        pack.main(["--recipe", "toy", "--system", "zeroshot", "--use_results"])  # there are no results either
    assert not (world / "exp/toy").exists()
    (world / "dump/toy/words/target").unlink()
    pack.main(["--recipe", "toy", "--dry_run"])
    assert "stage 15: zeroshot: to be made, after the stages before it" in capsys.readouterr().out


def test_models_of_several_tables_are_packed_once(world, capsys):
    write_recipe(world, "toy", {"tables/turned.yaml": "title: turned\nrows: {zeroshot, old}"})
    pack.main(["--recipe", "toy", "--table", "default,turned", "--dry_run"])
    packages = re.findall(r"(\w+)_seed1.zip: to be made", capsys.readouterr().out)
    assert packages == ["toy_old", "toy_zeroshot"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A system whose fine-tuning grew the BPE model, packed."""
    root = tmp_path_factory.mktemp("packed")
    make_world(root)
    config = root / "egs2/atat/toy/conf/pretrain.yaml"
    config.write_text(config.read_text().replace("cpu_processes: 2", "cpu_processes: 1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run_systems(["--recipe", "toy", "--system", "zeroshot", "--grow_bpe", "true"])
        pack.main(["--recipe", "toy", "--system", "zeroshot", "--grow_bpe", "true"])
    return root


@pytest.mark.slow
def test_the_package_says_how_the_model_came_about(packed, monkeypatch):
    monkeypatch.chdir(packed)
    manifest = read_manifest(ZIP)
    assert manifest.name == "toy_zeroshot_seed1"
    # Tuned on text alone, it understands speech under the text's label.
    assert manifest.tasks == {"speech": "nlu", "text_in": "nlu"}
    assert manifest.decode == {"beam_size": 2, "maxlen": 12}
    assert [(part["phase"], part["task"], part["set"]) for part in manifest.trained_on] == [
        ("pretrain", "slu", "toy/audio"),
        ("pretrain", "asr", "toy/audio"),
        ("pretrain", "nlu", "toy/words"),
        ("finetune", "nlu", "toy/new"),
    ]
    assert [(result["set"], result["config"]) for result in manifest.results] == [
        ("toy/test", "decode"),
        ("toy/test", "decode_tree"),
    ]
    assert manifest.command == "./run.sh --recipe toy --system zeroshot --seeds 1 --grow_bpe true"
    table = json.loads(Path("exp/toy/tables/zeroshot.json").read_text())
    assert table["command"] == "./run.sh --recipe toy --system zeroshot --grow_bpe true"


@pytest.mark.slow
def test_the_package_has_the_tokens_that_the_model_was_trained_with(packed, monkeypatch):
    from espnet_atat.package.run_folder import read_config
    from espnet_atat.tasks.atat import ATATTask

    monkeypatch.chdir(packed)
    final = plan_system(load_system("toy", "zeroshot", {"finetune": {"grow_bpe": {}}}, ("--grow_bpe true",)), 1).final
    ours = TargetTokenizer.load(final.tokens.folder)
    assert "quartz" in ours.grown_words
    with open_package(ZIP) as package:
        args = Namespace(**read_config(package.train_config))
        theirs = TargetTokenizer(ATATTask.vocabulary(args), args.bpemodel, ATATTask.grown_words(args))
    assert (theirs.vocabulary, theirs.grown_words) == (ours.vocabulary, ours.grown_words)
    assert [theirs.encode(target) for target in NEW_TARGETS] == [ours.encode(target) for target in NEW_TARGETS]
    saved = read_config(final.run.folder / "config.yaml")
    assert Path(saved["grown_words"]) == final.tokens.folder / "grown_words.txt"


@pytest.mark.slow
def test_it_decodes_as_stage_12_did(packed, monkeypatch):
    """The package's statistics, tokenizer and options are those of the recipe."""
    from espnet_atat.datadir import read_two_column
    from espnet_atat.decode.source import Source
    from espnet_atat.decode.understand import Speech2Understand

    monkeypatch.chdir(packed)
    away = packed / "away.zip"
    away.write_bytes(ZIP.read_bytes())
    features = Source.of_dump("dump/toy/test", "speech")
    expected = read_two_column("exp/toy/zeroshot/seed1/decode/test/hyp")
    monkeypatch.chdir("/")
    understand = Speech2Understand.from_pretrained(away)
    monkeypatch.chdir(packed)
    assert {utt: understand(features.read(utt)).line for utt in expected} == expected


@pytest.mark.slow
def test_what_is_packed_is_skipped_until_its_scores_change(packed, monkeypatch, capsys):
    monkeypatch.chdir(packed)
    arguments = ["--recipe", "toy", "--system", "zeroshot", "--grow_bpe", "true"]
    pack.main(arguments)
    assert capsys.readouterr().out == f"stage 15: {ZIP}: done already, skipped\n"
    metrics = Path("exp/toy/zeroshot/seed1/decode/test/metrics.json")
    os.utime(metrics, ns=(1, 1))
    pack.main([*arguments, "--dry_run"])
    assert capsys.readouterr().out == f"stage 15: {ZIP}: to be made\n"
    (metrics.parent / "hyp").write_text("t0 [IN:PLAY ]\nt1 [IN:PLAY ]\nt2 [IN:PLAY ]\n")
    with pytest.raises(UserError, match="not scored with the model as it is now: run stages 12 and 13"):
        pack.main([*arguments, "--force"])
