"""Two-stage pipelines through stages 7 to 14, with taggers that are really trained."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from espnet_atat.baselines.pipeline import load_pipeline
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.installed import models_dir
from espnet_atat.steps.pipelines import TaggedHypotheses
from tests.conftest import ROOT
from tests.shell import run_script
from tests.steps.lamps import FILES, ORACLE, TESTS, write_lamps, write_set
from tests.steps.world import planned, training, write_features, write_recipe
from tests.steps.world import run as run_stages

pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")

HEARD = {"t0": "turn on the cellar lights", "t1": "play blue in the haul", "t2": ""}


@pytest.fixture
def lamps(tmp_path, monkeypatch):
    """The recipe ``lamps`` in the working directory, with what a recogniser heard."""
    write_lamps(tmp_path)
    write_two_column(tmp_path / "heard/seed1/test", HEARD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*options: str) -> None:
    run_stages("--recipe", "lamps", *options)


def tagging(system: str, *options: str) -> TaggedHypotheses:
    (found,) = planned(system, "--recipe", "lamps", *options).hypotheses
    assert isinstance(found, TaggedHypotheses)
    return found


def hypotheses(system: str, config: str = "oracle", label: str = "seed1") -> dict[str, str]:
    return read_two_column(Path(f"exp/lamps/{system}/{label}/{config}/test/hyp"))


def table(name: str) -> dict:
    return json.loads(Path(f"exp/lamps/tables/{name}.json").read_text())


@pytest.mark.usefixtures("lamps")
def test_from_trees_to_a_table_without_espnet():
    script = """
import sys
from espnet_atat.bin.run import main
main(["--recipe", "lamps", "--stage", "11", "--stop_stage", "11"])
assert not {"torch", "espnet2", "transformers"} & set(sys.modules)
main(["--recipe", "lamps", "--stage", "7", "--stop_stage", "14"])
"""
    done = run_script(script)
    assert done.stdout.count(" exp/runs/crf-train-") == 2  # both systems' tagger is made once, and skipped once
    skipped = [line for line in done.stdout.splitlines() if line.endswith("skipped")]
    assert len(skipped) == 1
    assert hypotheses("oracle") == TESTS
    assert hypotheses("heard", "transcripts")["t0"] == TESTS["t0"]
    assert hypotheses("heard", "transcripts")["t1"].startswith("[IN:PLAY play [SL:SONG blue ] in the ")
    assert read_two_column(Path("exp/lamps/heard/seed1/transcripts/test/transcripts")) == HEARD
    assert read_two_column(Path("exp/lamps/heard/seed1/transcripts/test/ref")) == TESTS
    oracle, heard = table("default")["rows"]
    (tagger,) = Path("exp/runs").glob("crf-*")
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
def test_a_dry_run_names_what_would_be_made_whether_there_is_data_or_not(capsys):
    def planned_lines() -> list[str]:
        run("--dry_run", "--system", "oracle", "--seeds", "1,2")
        assert not Path("exp").exists()
        return capsys.readouterr().out.splitlines()

    lines = planned_lines()
    assert sum(line.startswith("stage 11: exp/runs/crf-train-") for line in lines) == 1  # the same with every seed
    assert "stage 12: exp/lamps/oracle/seed2/oracle/test: to be made (lamps/test (nlu))" in lines
    shutil.rmtree("dump")
    assert "stage 11: exp/runs/crf-train-…: to be made (crf on the trees of lamps/train)" in planned_lines()


@pytest.mark.usefixtures("lamps")
def test_a_tagger_is_named_by_what_decides_it():
    first, again, other = (tagging("bilstm", "--seeds", seed).tagger for seed in "112")
    assert first.place == again.place != other.place
    assert first.name == "bilstm_crf-train-seed1"
    oracle = tagging("oracle").tagger.place
    assert oracle == tagging("heard", "--seeds", "2").tagger.place, "whatever words it reads, with every seed"
    assert oracle != tagging("oracle", "--set", "pipeline.options.c1=0.5").tagger.place
    system = ORACLE.replace("lamps/train", '"lamps/fold{fold}_train"').replace("lamps/test", '"lamps/fold{fold}_test"')
    write_recipe(Path(), "lamps", {"rows/folded": f"{system}folds: 2\n"})
    names = [tagging("folded", "--fold", fold).tagger.name for fold in "12"]
    assert names == ["crf-fold1_train", "crf-fold2_train"]  # of each fold one


@pytest.mark.usefixtures("lamps")
def test_words_that_change_are_read_again(capsys):
    run("--system", "heard")
    write_two_column(Path("heard/seed1/test"), HEARD | {"t2": "turn off the lights in the attic"})
    capsys.readouterr()
    run("--system", "heard")
    printed = capsys.readouterr().out
    assert re.search(r"stage 11: exp/runs/crf-train-\w+: done already", printed)
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
    with pytest.raises(UserError, match=r"heard/seed2/test: no such file; the system heard reads the words of lamps"):
        run("--system", "heard", "--seeds", "2")
    write_two_column(Path("heard/seed1/test"), {"t1": "play"})
    with pytest.raises(UserError, match=r"heard/seed1/test: no prediction for 't0', 't2'"):
        run("--system", "heard")


def test_nested_trees_are_refused_before_anything_is_trained(lamps):
    write_set(lamps, "train", {"u0": "[IN:OPEN open [SL:BOOK [IN:FIND the book by [SL:AUTHOR ann ] ] ] ]"})
    with pytest.raises(UserError, match=r"dump/lamps/train/target:1: utterance 'u0': nested tree: \[IN:FIND is inside"):
        run("--system", "oracle", "--stage", "7")
    assert not Path("exp/runs").exists()


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


ASR_MODEL = "pretrain: {config: pretrain, mixture: pretrain}\n"


def test_a_pipeline_over_its_own_asr_shares_the_model_of_others_and_keeps_its_words_apart(world):
    asr = ORACLE.replace("oracle: true", "asr: decode_tree").replace("lamps/train", "toy/new")
    write_recipe(world, "toy", {"rows/asr": asr.replace("lamps/test", "toy/test") + ASR_MODEL})
    row = planned("asr")
    (found,) = row.hypotheses
    assert isinstance(found, TaggedHypotheses)
    assert found.asr is not None
    assert row.training.run.place == training("old").run.place
    assert str(found.folder) == "exp/toy/asr/seed1/decode_tree/test"
    assert str(found.asr.folder) == "exp/toy/asr/seed1/asr/decode_tree/test"
    assert (found.asr.test.task, found.asr.config["constrain_trees"]) == ("asr", True)
    assert found.origin["asr_model"] == str(training("old").model_file)
    assert found.heard == set(" ".join(read_two_column(Path("dump/toy/audio/text")).values()).split())


@pytest.mark.slow
def test_a_pipeline_over_its_own_asr_from_nothing_to_scores(world):
    asr = ORACLE.replace("oracle: true", "asr: decode").replace("lamps/train", "toy/new").replace("lamps/", "toy/")
    write_recipe(world, "toy", {"rows/asr": asr + ASR_MODEL})
    run_stages("--system", "asr")
    folder = Path("exp/toy/asr/seed1/decode/test")
    heard = read_two_column(folder / "transcripts")
    assert heard.keys() == read_two_column("exp/toy/asr/seed1/asr/decode/test/ref").keys()
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
