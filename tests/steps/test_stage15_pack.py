"""Stages 15 and 16 on the tiny recipe: a package of a system whose fine-tuning grew the BPE model."""

import zipfile
from argparse import Namespace
from pathlib import Path

import pytest

from espnet_atat.datadir import read_two_column
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.source import Source
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError
from espnet_atat.model.build import vocabulary_of
from espnet_atat.package.reader import open_package, read_manifest
from espnet_atat.package.run_folder import read_config
from espnet_atat.text.tokenizer import TargetTokenizer, load_grown_words
from tests.steps.world import NEW_TARGETS, run, training, write_recipe

ZIP = Path("exp/toy/packages/toy_zeroshot_seed1.zip")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("finished")]


def pack(*options: str) -> None:
    run("--stage", "15", "--stop_stage", "16", *options)


def test_the_package_says_how_the_model_came_about():
    manifest = read_manifest(ZIP)
    assert manifest.name == "toy_zeroshot_seed1"
    # Tuned on text alone, it understands speech under the text's label.
    assert manifest.tasks == {"speech": "nlu", "text_in": "nlu"}
    assert manifest.decode == {"beam_size": 2, "maxlen": 12}
    trained_on = [(part["phase"], part["task"], part["set"]) for part in manifest.trained_on]
    first = [("pretrain", task, f"toy/{name}") for task, name in (("slu", "audio"), ("asr", "audio"), ("nlu", "words"))]
    assert trained_on == [*first, ("finetune", "nlu", "toy/new")]
    results = [(result["set"], result["config"]) for result in manifest.results]
    assert results == [("toy/test", "decode"), ("toy/test", "decode_tree")]
    assert manifest.command == "./run.sh --recipe toy --system zeroshot --seeds 1"


def test_the_package_has_the_tokens_that_the_model_was_trained_with():
    final = training("zeroshot")
    ours = TargetTokenizer.load(final.tokens.place)
    assert "quartz" in ours.grown_words
    with open_package(ZIP) as package:
        args = Namespace(**read_config(package.train_config))
        theirs = TargetTokenizer(vocabulary_of(args), args.bpemodel, load_grown_words(args.grown_words))
    assert (theirs.vocabulary, theirs.grown_words) == (ours.vocabulary, ours.grown_words)
    assert [theirs.encode(target) for target in NEW_TARGETS] == [ours.encode(target) for target in NEW_TARGETS]
    saved = read_config(final.run.place / "config.yaml")
    assert Path(saved["grown_words"]) == final.tokens.place / "grown_words.txt"


def test_it_decodes_as_stage_12_did(finished, monkeypatch):
    """The package's statistics, tokenizer and options are those of the recipe."""
    away = finished / "away.zip"
    away.write_bytes(ZIP.read_bytes())
    features = Source.of_dump("dump/toy/test", "speech")
    expected = read_two_column("exp/toy/zeroshot/seed1/decode/test/hyp")
    monkeypatch.chdir("/")
    understand = Speech2Understand.from_pretrained(away)
    monkeypatch.chdir(finished)
    assert {utt: understand(features.read(utt)).line for utt in expected} == expected


def test_what_is_packed_is_skipped_until_its_scores_change(capsys):
    pack("--system", "zeroshot")
    assert f"stage 15: {ZIP}: done already" in capsys.readouterr().out
    Path("exp/toy/zeroshot/seed1/decode/test/hyp").write_text("t0 [IN:PLAY ]\nt1 [IN:PLAY ]\nt2 [IN:PLAY ]\n")
    with pytest.raises(UserError, match=r"decode/test/metrics\.json is missing or .*: run stage 13 too"):
        pack("--system", "zeroshot", "--force")
    run("--system", "zeroshot", "--stage", "13", "--stop_stage", "13")
    pack("--system", "zeroshot", "--dry_run")
    assert f"stage 15: {ZIP}: to be made" in capsys.readouterr().out


def test_a_row_says_how_much_stays_around_the_speech_that_its_package_finds():
    pack("--system", "zeroshot", "--set", "vad_margin=1.5")
    packed = load_pretrained(ZIP)
    assert packed.search_options("speech", {})["vad_margin"] == 1.5
    assert "vad_margin" not in packed.search_options("text_in", {}) | packed.search_options("speech", {"vad": "none"})
    with pytest.raises(UserError, match="vad_margin: is a number from 0 to 60, found -1"):
        pack("--system", "zeroshot", "--set", "vad_margin=-1")


def test_a_recipe_names_the_licence_of_its_models():
    write_recipe(Path(), "toy", {"recipe.yaml": "license: {name: cc-by-4.0, file: terms.txt}"})
    with pytest.raises(UserError, match=r"license: file: terms\.txt: no such file"):
        pack("--system", "zeroshot")
    Path("terms.txt").write_text("share it")
    pack("--system", "zeroshot")
    with open_package(ZIP) as package:
        assert package.manifest.license == "cc-by-4.0"
    assert zipfile.ZipFile(ZIP).read("LICENSE").decode() == "share it"


def test_models_of_several_tables_are_packed_once_and_one_is_uploaded(finished, capsys):
    write_recipe(finished, "toy", {"tables/turned.yaml": "title: turned\nrows: {zeroshot, old}"})
    pack("--table", "default,turned", "--dry_run")
    packages = [line for line in capsys.readouterr().out.splitlines() if ".zip" in line]
    assert [line.split("/")[-1].partition(".zip")[0] for line in packages] == ["toy_old_seed1", "toy_zeroshot_seed1"]
    with pytest.raises(UserError, match="one model is uploaded at a time: name its system"):
        pack("--upload_dir", "given")
    capsys.readouterr()
    for done in ("to be made (of exp/toy/packages/toy_zeroshot_seed1.zip)", "done already"):
        pack("--system", "zeroshot", "--upload_dir", "given", "--dry_run")
        assert f"stage 16: given: {done}" in (printed := capsys.readouterr().out)
        assert " atat.yaml\n" in printed
        pack("--system", "zeroshot", "--upload_dir", "given")
        assert Path("given/README.md").is_file()
        capsys.readouterr()
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="mine was not made by this step"):
        pack("--system", "zeroshot", "--upload_dir", "mine")
    assert Path("mine/thesis.txt").read_text() == "years of work"
