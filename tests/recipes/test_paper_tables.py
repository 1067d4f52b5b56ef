"""The tables of fsc, snips, top, custom, slurp and stop with the paper's model: two updates of each of their rows.

The corpora are generated in their owners' layouts. The rows' YAML is as shipped, but for the model's size and the
number of updates.
"""

import json
from pathlib import Path

import pytest
import yaml

from espnet_atat.bin import features, mask, prepare, run
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_table
from espnet_atat.corpora.fsc import PUBLIC
from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.report.differences import NOT_COMPARABLE
from tests.corpora.conftest import write_fsc, write_lines, write_noise, write_slurp, write_snips, write_stop
from tests.corpora.test_top import TOP_ROWS
from tests.recipes.test_recipes import TINY, shrink
from tests.shell import make_clone

#: Recipe, table, and the corpora that its pretraining then takes.
SNIPS = ["snips/close_fold1_train", "snips/far_fold1_train"]
SPOKEN = ["slurp/train", "stop/train"]
TABLES = [
    ("fsc", "3", ["slurp/train", *SNIPS, "stop/train", "custom/train"]),
    ("snips", "4", ["fsc/train", *SPOKEN, "custom/train"]),
    ("top", "5", ["fsc/train", "slurp/train", *SNIPS, "custom/train"]),
    ("custom", "1", None),
    ("custom", "2", None),
    ("custom", "6", ["fsc/train", "slurp/train", *SNIPS, "stop/train"]),
    ("slurp", "default", ["fsc/train", *SNIPS, "stop/train", "custom/train"]),
    ("stop", "default", ["fsc/train", "slurp/train", *SNIPS, "custom/train"]),
    ("stop", "zeroshot", None),
    ("stop", "lowresource", None),
]
IDS = [f"{recipe}-{table}" for recipe, table, *_ in TABLES]
LENGTH = {"accum_grad": 1, "num_iters_per_epoch": 2, "max_epoch": 1, "num_workers": 0, "use_tensorboard": False}
LENGTH |= {"unused_parameters": False, "keep_nbest_models": 1, "use_matplotlib": False}
SPLITS = ("train-clean-100", "train-clean-360", "train-other-500", "dev-clean", "dev-other")
SAID = [("top/train", "pico"), ("top/dev", "pico"), ("top/test", "flite")]
SAID += [("custom/train", "pico"), ("custom/dev", "pico"), ("stop/train", "pico"), ("stop/dev", "pico")]
SAID += [(f"stop/{domain}_{part}", "pico") for domain in ("reminder", "weather") for part in ("train", "dev")]


def write_librispeech(folder: Path) -> Path:
    """Three utterances of each split, in LibriSpeech's layout."""
    for speaker, split in enumerate(SPLITS, 10):
        chapter = folder / split / str(speaker) / "7"
        ids = [f"{speaker}-7-{number:04d}" for number in range(3)]
        for number, utt in enumerate(ids):
            write_noise(chapter / f"{utt}.flac", 0.8, seed=number)
        write_lines(chapter / f"{speaker}-7.trans.txt", [f"{utt} CHAPTER {n} IT'S LATE" for n, utt in enumerate(ids)])
    return folder


def write_custom(folder: Path) -> Path:
    """Fourteen recordings: ten to train, two for dev, two for test."""
    rooms, colours = ("kitchen", "hall", "attic", "cellar", "porch"), ("blue", "red", "green")
    lines = ["audio,transcript,intent,slots,split"]
    for number in range(14):
        room, colour = rooms[number % 5], colours[number % 3]
        split = "train" if number < 10 else "dev" if number < 12 else "test"
        write_noise(folder / f"{number}.wav", 0.8, seed=number)
        lines.append(f"{number}.wav,make the {room} {colour},set light,room={room}; color={colour},{split}")
    return write_lines(folder / "lights.csv", lines)


def mask_by_hand(name: str) -> None:
    """``librispeech/<name>_mlm``, of words that lie side by side in the noise."""
    data = Path("data/librispeech", name)
    lines = []
    for utt, text in read_two_column(data / "text").items():
        words = enumerate(text.split())
        times = [{"word": word, "start": n / 10, "end": (n + 1) / 10, "case": "success"} for n, word in words]
        lines.append(json.dumps({"utt_id": utt, "words": times}))
    alignments = write_lines(Path("exp/alignments", f"{name}.jsonl"), lines)
    mask.main(["--data_dir", str(data), "--alignments", str(alignments), "--output_dir", f"{data}_mlm"])


def say(name: str, engine: str) -> None:
    """What stage 3 leaves, with noise for speech."""
    output, data = Path("data", f"{name}_{engine}"), DataDir.load(Path("data", name))
    wav = {f"one-{utt}": str(write_noise(output.absolute() / f"audio/{utt}.wav", 0.8)) for utt in data.ids}
    said = {"text": data.text, "target": data.target or {}}
    said = {key: {f"one-{utt}": value for utt, value in values.items()} for key, values in said.items()}
    DataDir(**said, wav=wav, utt2spk=dict.fromkeys(wav, "one")).write_files(output)
    report = {"engine": engine, "utterances": len(wav), "kept": len(wav), "by_voice": {"one": len(wav)}}
    (output / "report.json").write_text(json.dumps(report))


@pytest.fixture(scope="module")
def house(root, tmp_path_factory):
    """A repository with all corpora prepared up to stage 6, and tiny models."""
    base = tmp_path_factory.mktemp("paper")
    house = make_clone(root, base / "house")
    small = {key: value for key, value in TINY.items() if key not in ("cpu_processes", "text_encoder_conf")}
    small["audio_encoder_conf"] = {**small["audio_encoder_conf"], "cnn_channels": [4, 4]}
    shrink(house / "conf/pretrain.yaml", **{**small, **LENGTH})
    pretrain = yaml.safe_load((house / "conf/pretrain.yaml").read_text())
    pretrain["text_encoder_conf"] = TINY["text_encoder_conf"]
    (house / "conf/pretrain.yaml").write_text(yaml.safe_dump(pretrain))
    shrink(house / "conf/finetune.yaml", **LENGTH)
    (house / "conf/tokens.yaml").write_text((house / "conf/tokens_small.yaml").read_text())
    shrink(house / "conf/decode.yaml", maxlen=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        prepare.main(["librispeech", str(write_librispeech(base / "LibriSpeech")), "data/librispeech"])
        prepare.main(["fsc", str(write_fsc(base / "fsc", speakers=5)), "data/fsc", "--splits", "original", *PUBLIC])
        for field in ("close", "far"):
            write_snips(base / "snips", field=field)
        prepare.main(["snips", str(base / "snips"), "data/snips"])
        for part in ("train", "eval", "test"):
            write_lines(base / "top" / f"{part}.tsv", TOP_ROWS)
        prepare.main(["top", str(base / "top"), "data/top"])
        prepare.main(["slurp", str(write_slurp(base / "slurp")), "data/slurp"])
        prepare.main(["stop", str(write_stop(base / "stop", lists=True)), "data/stop"])
        prepare.main(["custom", str(write_custom(base / "custom")), "data/custom"])
        for name in ("train_clean_100", "train_clean_360", "train_other_500"):
            mask_by_hand(name)
        for name, engine in SAID:
            say(name, engine)
        for data in sorted(path.parent for path in Path("data").glob("*/*/text")):
            features.main(["--data_dir", str(data), "--output_dir", f"dump/{data.parent.name}/{data.name}"])
    return house


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "table", "sets"), TABLES, ids=IDS)
def test_two_updates_of_every_row(recipe, table, sets, house, monkeypatch, capsys):
    if (recipe, table) == ("custom", "2"):
        pytest.importorskip("sklearn_crfsuite", reason="sklearn-crfsuite, of the extra baselines, is not installed")
        pytest.importorskip("torchcrf", reason="pytorch-crf, of the extra baselines, is not installed")
    monkeypatch.chdir(house)
    command = ["--recipe", recipe, "--table", table, "--stage", "7", "--stop_stage", "14"]
    for key in ("accum_grad", "num_iters_per_epoch", "max_epoch"):
        command += ["--set", f"pretrain.options.{key}={LENGTH[key]}"]
    if (recipe, table) == ("custom", "2"):  # no model of Whisper's is at hand
        command += ["--set", "first_stage={whisper: null, oracle: true}"]
    run.main([*command, "--dry_run"])
    planned = capsys.readouterr().out
    assert "stage 10: exp/runs/pretrain-" in planned
    assert "…" not in planned
    run.main(command)
    capsys.readouterr()
    path = Path("exp", recipe, "tables", f"table{table}.json" if table.isdigit() else f"{table}.json")
    content, shipped = json.loads(path.read_text()), load_table(recipe, table)
    assert list(dict.fromkeys(row["system"] for row in content["rows"])) == [*shipped.systems]
    for row in content["rows"]:
        system = load_system(recipe, row["system"])
        missing = set(shipped.figures) - next(iter(row["columns"].values())).keys()
        assert not {figure for figure in missing if "precision" not in figure}  # of nothing, where nothing is valid
        if system.pipeline is not None:
            continue
        assert row["training"]["updates"] == (4 if system.finetune is not None else 2)
        chosen = (row["pretrain_slu"] or {}).get("sets")
        assert chosen == (sets if system.pretrain.mixture == "pretrain_slu" else None)
    text = path.with_suffix(".md").read_text()
    assert all(cited.title in text for cited in shipped.cited)
    if sets is not None:
        header = f"The slu and nlu of pretraining (--pretrain_slu): {', '.join(sets)} (every prepared corpus"
        for suffix in (".md", ".html"):
            assert header in path.with_suffix(suffix).read_text()
    assert {row["folds"] for row in content["rows"]} == ({5} if recipe == "snips" else {None})
    if recipe == "top":
        assert {row["set"] for row in content["rows"]} == {"top/test_flite"}
        assert {row["paper"] for row in content["rows"]} == {NOT_COMPARABLE}
    elif shipped.paper is not None:
        assert shipped.paper.citation in text
        assert "†" in text
    run.main([*command, "--dry_run"])
    assert "to be made" not in capsys.readouterr().out
