"""Two-stage pipelines through stages 7 to 14, with taggers that are really trained."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from espnet_atat.bin.run import main
from espnet_atat.recipe.pipelines import plan_hypotheses, plan_run
from espnet_atat.steps.systems import plan_system

from espnet_atat.baselines.pipeline import load_pipeline
from espnet_atat.config.system import load_system
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.installed import models_dir
from tests.steps.lamps import FILES, ORACLE, TESTS, write_lamps, write_set
from tests.steps.world import write_features, write_recipe

pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")

ROOT = Path(__file__).resolve().parents[2]
HEARD = {"t0": "turn on the cellar lights", "t1": "play blue in the haul", "t2": ""}


@pytest.fixture
def lamps(tmp_path, monkeypatch):
    """The recipe ``lamps`` in the working directory, with what a recogniser heard."""
    write_lamps(tmp_path)
    write_two_column(tmp_path / "heard/seed1/test", HEARD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*options: str) -> None:
    main(["--recipe", "lamps", *options])


def hypotheses(system: str, config: str = "oracle", label: str = "seed1") -> dict[str, str]:
    return read_two_column(Path(f"exp/lamps/{system}/{label}/{config}/test/hyp"))


def table(name: str) -> dict:
    return json.loads(Path(f"exp/lamps/tables/{name}.json").read_text())


@pytest.mark.usefixtures("lamps")
def test_from_trees_to_a_table_without_espnet():
    script = """
import sys
from espnet_atat.bin.run import main
main(["--recipe", "lamps", "--stage", "11"])
assert not {"torch", "espnet2", "transformers"} & set(sys.modules)
main(["--recipe", "lamps"])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split("stage 14: wrote", 1)
    assert (
        first.count("exp/runs/crf-train-") == 2
    )  # the line of stage 11 and what was written: trained for both systems
    assert all(line.endswith("skipped") or not line.startswith("stage") for line in second.splitlines()[1:-1])
    assert hypotheses("oracle") == TESTS
    assert hypotheses("heard", "transcripts")["t0"] == TESTS["t0"]
    assert hypotheses("heard", "transcripts")["t1"].startswith("[IN:PLAY play [SL:SONG blue ] in the ")
    assert read_two_column(Path("exp/lamps/heard/seed1/transcripts/test/transcripts")) == HEARD
    assert read_two_column(Path("exp/lamps/heard/seed1/transcripts/test/ref")) == TESTS
    oracle, heard = table("default")["rows"]
    (tagger,) = Path("exp/runs").iterdir()
    assert (oracle["runs"], heard["runs"]) == ([str(tagger)], [str(tagger)])
    assert oracle["training"]["parameters"] == load_pipeline(tagger / "tagger").parameters > 0
    assert oracle["training"] | {"parameters": 0, "commits": []} == {
        "parameters": 0, "updates": None, "hours": 0, "utterances": 0, "commits": []
    }  # fmt: skip
    assert {heard["training"][key] for key in ("parameters", "updates", "hours", "utterances")} == {None}
    em = heard["baseline"]["columns"]["transcripts"]["em_full"]
    assert em["difference"] == pytest.approx(1 / 3 - 1)
    assert heard["columns"]["transcripts"]["em_full"]["mean"] == pytest.approx(1 / 3)


@pytest.mark.usefixtures("lamps")
def test_a_dry_run_names_what_would_be_made(capsys):
    run("--dry_run", "--system", "oracle", "--seeds", "1,2")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("stage 11: exp/runs/crf-train-") for line in lines) == 1  # the same with every seed
    assert "stage 12: exp/lamps/oracle/seed2/oracle/test: to be made" in lines
    assert not Path("exp").exists()
    Path("dump/lamps/train/target").unlink()
    run("--dry_run", "--system", "oracle")
    printed = capsys.readouterr().out
    assert "dump/lamps/train: has no trees, and the tagger crf learns from trees" in printed
    assert "    stage 11: crf on the trees of lamps/train\n    stage 12: words by the text itself\n" in printed


@pytest.mark.usefixtures("lamps")
def test_a_tagger_is_named_by_what_decides_it():
    first, again, other = (plan_run(load_system("lamps", "bilstm"), seed).tagger.run for seed in (1, 1, 2))
    assert first.folder == again.folder != other.folder
    assert first.name == "bilstm_crf-train-seed1"
    systems = {name: load_system("lamps", name) for name in ("oracle", "heard")}
    assert plan_run(systems["oracle"], 1).tagger.run.place == plan_run(systems["heard"], 2).tagger.run.place
    write_recipe(Path(), "lamps", {"rows/other": ORACLE.replace("crf,", "crf, options: {c1: 0.5},")})
    other = plan_run(load_system("lamps", "other"), 1).tagger.run
    assert other.folder != plan_run(systems["oracle"], 1).tagger.run.place


@pytest.mark.usefixtures("lamps")
def test_words_that_change_are_read_again(capsys):
    run("--system", "heard")
    write_two_column(Path("heard/seed1/test"), HEARD | {"t2": "turn off the lights in the attic"})
    capsys.readouterr()
    run("--system", "heard")
    printed = capsys.readouterr().out
    assert "crf-train" in printed.splitlines()[1]
    assert "done already" in printed.splitlines()[1]
    assert "stage 12: exp/lamps/heard/seed1/transcripts/test:\n" in printed
    assert hypotheses("heard", "transcripts")["t2"] == TESTS["t2"]


@pytest.mark.usefixtures("lamps")
def test_a_dropped_utterance_counts_as_wrong():
    for name in ("text", "target"):
        kept = read_two_column(Path("dump/lamps/test", name))
        write_two_column(Path("dump/lamps/test", name), {key: kept[key] for key in ("t1", "t2")})
    with pytest.raises(UserError, match=r"dump/lamps/test: lacks t0, which data/lamps/test has: redo stage 6"):
        run("--system", "oracle")
    Path("dump/lamps/test/report.json").write_text(json.dumps({"dropped": {"t0": "not audio"}}))
    run("--system", "oracle")
    assert hypotheses("oracle") == {**TESTS, "t0": ""}
    write_two_column(Path("heard/seed1/test"), {"t1": HEARD["t1"], "t2": HEARD["t2"]})  # not heard, and need not be
    run("--system", "heard")
    assert hypotheses("heard", "transcripts")["t0"] == ""


@pytest.mark.usefixtures("lamps")
def test_words_that_are_missing_are_named():
    with pytest.raises(
        UserError, match=r"heard/seed2/test: no such file; the system heard reads the words of lamps/te"
    ):
        run("--system", "heard", "--seeds", "2")
    write_two_column(Path("heard/seed1/test"), {"t1": "play"})
    with pytest.raises(UserError, match=r"heard/seed1/test: no prediction for 't0', 't2'"):
        run("--system", "heard")


def test_nested_trees_are_refused_before_anything_is_trained(lamps):
    write_set(lamps, "train", {"u0": "[IN:OPEN open [SL:BOOK [IN:FIND the book by [SL:AUTHOR ann ] ] ] ]"})
    with pytest.raises(UserError, match=r"dump/lamps/train/target:1: utterance 'u0': nested tree: \[IN:FIND stands in"):
        run("--system", "oracle", "--stage", "7")
    assert not Path("exp/runs").exists()


def test_folds_have_taggers_of_their_own_and_are_pooled(lamps):
    system = ORACLE.replace("lamps/train", '"lamps/fold{fold}_train"').replace("lamps/test", '"lamps/fold{fold}_test"')
    write_recipe(lamps, "lamps", {"rows/folded": f"{system}folds: 2\n"})
    for fold, utterances in ((1, ("t0", "t1")), (2, ("t2",))):
        write_set(
            lamps, f"fold{fold}_train", read_two_column(Path("data/lamps/train/target")) | {"v": f"[IN:F{fold} x ]"}
        )
        write_set(lamps, f"fold{fold}_test", {utt_id: TESTS[utt_id] for utt_id in utterances})
    run("--system", "folded")
    (row,) = table("folded")["rows"]
    assert (row["utterances"], row["folds"], row["set"]) == (3, 2, "lamps/fold_test")
    assert sorted(Path(run).name.rpartition("-")[0] for run in row["runs"]) == ["crf-fold1_train", "crf-fold2_train"]
    assert row["columns"]["oracle"]["em_full"]["mean"] == 1
    run("--system", "folded", "--stage", "14", "--fold", "2")
    assert table("folded_fold2")["rows"][0]["utterances"] == 1


def test_what_is_not_installed_is_said_at_once(lamps, monkeypatch):
    write_features(lamps, "dump/lamps/test", TESTS)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)  # as if it were not installed
    wanted = r"Whisper tiny.en needs faster-whisper: `tools/install_extra.sh whisper` installs"
    with pytest.raises(UserError, match=wanted):
        run("--system", "whisper")
    monkeypatch.setitem(sys.modules, "sklearn_crfsuite", None)
    with pytest.raises(UserError, match=r"the tagger crf needs sklearn-crfsuite: pip install"):
        run("--system", "oracle")
    assert not Path("exp/runs").exists()


@pytest.mark.usefixtures("lamps")
def test_whisper_wants_audio():
    with pytest.raises(UserError, match=r"dump/lamps/test: has no feats.scp or wav.scp: a set of text alone"):
        run("--system", "whisper")


def test_a_pipeline_over_its_own_asr_shares_the_model_of_others(world):
    asr = ORACLE.replace("oracle: true", "asr: decode_tree").replace("lamps/train", "toy/new")
    model = "pretrain: {config: pretrain, mixture: pretrain}\n"
    write_recipe(world, "toy", {"rows/asr": asr.replace("lamps/test", "toy/test") + model})
    system = load_system("toy", "asr")
    run = plan_run(system, 1)
    assert run.asr.final.run.place == plan_system(load_system("toy", "old"), 1).final.run.place
    planned = plan_hypotheses(run, system.decode[0], system.test[0])
    assert str(planned.folder) == "exp/toy/asr/seed1/decode_tree/test"
    assert planned.words.folder == planned.folder / "asr"
    assert (planned.words.test.task, planned.words.config["constrain_trees"]) == ("asr", True)
    assert planned.origin["asr_model"] == str(run.asr.final.model_file)
    assert planned.heard == {
        word for words in read_two_column(Path("dump/toy/audio/text")).values() for word in words.split()
    }


@pytest.mark.slow
def test_a_pipeline_over_its_own_asr_from_nothing_to_scores(world):
    asr = ORACLE.replace("oracle: true", "asr: decode").replace("lamps/train", "toy/new").replace("lamps/", "toy/")
    model = "pretrain: {config: pretrain, mixture: pretrain}\n"
    write_recipe(world, "toy", {"rows/asr": asr + model})
    main(["--recipe", "toy", "--system", "asr"])
    folder = Path("exp/toy/asr/seed1/decode/test")
    heard = read_two_column(folder / "transcripts")
    assert heard.keys() == read_two_column(folder / "asr/ref").keys()
    assert {utt_id: " ".join(line.split()) for utt_id, line in heard.items()} == heard
    assert all(tree.startswith("[IN:") for tree in read_two_column(folder / "hyp").values())
    (row,) = json.loads(Path("exp/toy/tables/asr.json").read_text())["rows"]
    kinds = {Path(run).name.split("-")[0] for run in row["runs"]}
    assert kinds == {"pretrain", "stats", "tokens", "crf"}
    assert row["training"]["updates"] == 6
    assert row["training"]["hours"] > 0
    assert row["subsets"].keys() == {"heard", "unheard"}


@pytest.mark.slow
def test_a_pipeline_over_whisper(lamps, capsys):
    if importlib.util.find_spec("faster_whisper") is None or not (models_dir() / "whisper-tiny.en").is_dir():
        pytest.skip("no Whisper tiny.en: tools/install_extra.sh whisper")
    target = {"t0": "[IN:PLAY play [SL:SONG blue ] in the [SL:ROOM hall ] ]"}
    write_set(lamps, "test", target)
    write_features(lamps, "dump/lamps/test", target)
    recording = ROOT / "egs2/atat/mini/corpus/audio/music_dev/af_sky-music_dev_0006.ogg"
    Path("data/lamps/test/wav.scp").write_text(f"t0 {recording}\n")
    second = {"rows/second": FILES["rows/whisper"].replace("crf, ", "crf, options: {c1: 0.5}, ")}
    write_recipe(lamps, "lamps", {**second, "tables/both.yaml": "title: both\nrows: {whisper, second}\n"})
    run("--table", "both")
    assert capsys.readouterr().out.count("stage 12: exp/runs/whisper-tiny.en-test-") == 1  # heard once for both
    for system in ("whisper", "second"):
        transcripts = read_two_column(Path(f"exp/lamps/{system}/seed1/whisper/test/transcripts"))
        assert transcripts["t0"].split()[-1] == "music"
    row = table("both")["rows"][0]
    assert sorted(Path(run).name.split("-")[0] for run in row["runs"]) == ["crf", "whisper"]
    assert row["training"]["parameters"] is None
