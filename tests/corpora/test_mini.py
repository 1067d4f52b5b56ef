"""mini: what the committed corpus is, and what its preparation makes of it."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

from espnet_atat.corpora.far_field import far_field
from espnet_atat.corpora.mini import SETS, prepare
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError

KEPT = 2  # utterances a set in the small copy


@pytest.fixture(scope="module")
def recipe(root: Path) -> Path:
    return root / "egs2" / "atat" / "mini"


def run_check(recipe: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(recipe / "local" / "check_corpus.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_promise_of_the_datasheet_holds(recipe: Path) -> None:
    done = run_check(recipe)
    assert done.returncode == 0, done.stderr
    assert "FAIL" not in done.stdout
    assert "no text of 18 files differs when made again from the seeds" in done.stdout


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.slow
def test_the_check_names_a_leaked_sentence_a_wrong_tuple_and_a_broken_tree(recipe: Path, tmp_path: Path) -> None:
    for path in (recipe / "corpus").glob("*.tsv"):
        shutil.copy(path, tmp_path)
    leaked = (tmp_path / "music_test.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")
    first = (tmp_path / "music_text.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")
    edit(tmp_path / "music_text.tsv", "\t".join(first), "\t".join([*first[:3], *leaked[3:]]))
    edit(tmp_path / "lights_tuples.tsv", "kitchen", "cellar")
    done = run_check(recipe, tmp_path, "--no_audio", "--no_regeneration")
    sentence, triple = done.stderr.splitlines()
    assert re.search(rf"no sentence occurs in training.*the first is {leaked[0]}", sentence)
    assert "3-tuples" in triple
    edit(tmp_path / "books_dev.tsv", "[SL:", "[XX:")
    done = run_check(recipe, tmp_path, "--no_audio", "--no_regeneration")
    assert done.returncode == 1
    assert "books_dev: no tree fails to parse or to strip to the words: 1 do" in done.stderr


@pytest.fixture(scope="module")
def small_corpus(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first utterances of every set, with the real audio."""
    folder = tmp_path_factory.mktemp("mini")
    for name in SETS:
        lines = (recipe / "corpus" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[: 1 + KEPT]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "audio" / name).mkdir(parents=True)
        for row in csv.DictReader(lines, delimiter="\t"):
            if row["voice"]:
                audio = f"audio/{name}/{row['utt_id']}.ogg"
                shutil.copy(recipe / "corpus" / audio, folder / audio)
    return folder


@pytest.fixture(scope="module")
def prepared(small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("data")
    report = prepare(small_corpus, data_dir, folds=0)
    assert [one.name for one in report.sets if one.kept != KEPT] == []
    return data_dir


def test_every_set_becomes_a_data_dir_with_what_it_has(prepared: Path, small_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--folds is 0 or from 2 on, found 1"):
        prepare(small_corpus, tmp_path, folds=1)
    written = {path.name for path in find_data_dirs(prepared)}
    assert written == {*SETS, "lights_far_train", "lights_far_dev", "lights_far_test"}
    for name in written:
        data = DataDir.load(prepared / name)
        assert (data.wav is None) == (name.endswith("_text") or name == "chores_dev")
        assert (data.utt2spk is None) == (data.wav is None)
        assert (data.target is None) == name.startswith("sentences")
        for utterance, speaker in (data.utt2spk or {}).items():
            assert utterance.startswith(f"{speaker}-{name}_")


def test_folds_of_lights_share_no_voice_near_and_far_alike(recipe: Path, tmp_path: Path) -> None:
    """With the real tables, and one recording in place of all."""
    source = tmp_path / "corpus"
    sample = next((recipe / "corpus/audio/lights_dev").glob("*.ogg"))
    for name in SETS:
        lines = (recipe / "corpus" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        lines = lines if name.startswith("lights") else lines[:2]
        folder = source / "audio" / name
        folder.mkdir(parents=True)
        (source / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for row in csv.DictReader(lines, delimiter="\t"):
            if row["voice"]:
                (folder / f"{row['utt_id']}.ogg").symlink_to(sample)
    prepare(source, tmp_path / "data", folds=2)
    tests: dict[str, set[str]] = {}
    for fold in (1, 2):
        near, far = (
            {part: DataDir.load(tmp_path / "data" / f"{field}_fold{fold}_{part}") for part in ("train", "dev", "test")}
            for field in ("lights", "lights_far")
        )
        voices = [set((data.utt2spk or {}).values()) for data in near.values()]
        assert not voices[0] & voices[1] | voices[0] & voices[2] | voices[1] & voices[2]
        assert sum(len(data) for data in near.values()) == 300
        for part, data in near.items():
            assert [utt.replace("lights_", "lights_far_") for utt in data.ids] == list(far[part].ids)
        tests[f"{fold}"] = set(near["test"].ids)
        assert 140 <= len(near["test"]) <= 160
    assert not tests["1"] & tests["2"]


def test_far_field_keeps_the_words_and_adds_a_room(prepared: Path) -> None:
    """The copy is 0.3 s longer, as loud, and correlates with the close recording at zero lag above all others."""
    far = DataDir.load(prepared / "lights_far_test")
    near = DataDir.load(prepared / "lights_test")
    assert list(far.text.values()) == list(near.text.values())
    for near_id, path in near.wav.items():
        close, _ = soundfile.read(path)
        distant, rate = soundfile.read(far.wav[near_id.replace("lights_", "lights_far_")])
        assert rate == 16_000
        assert len(distant) - len(close) == 4800
        correlation = correlate(distant[: len(close)], close, mode="same", method="fft")
        assert abs(int(np.argmax(correlation)) - len(close) // 2) <= 1
        assert 20 * abs(np.log10(np.std(distant) / np.std(close))) < 3.0  # dB; the tail makes it a little softer


def test_far_field_rooms_differ_between_utterances() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    one, again, other = far_field(samples, "a"), far_field(samples, "a"), far_field(samples, "b")
    assert np.array_equal(one, again)
    assert not np.allclose(one, other, atol=1e-3)
    assert np.abs(one).max() <= 0.95
