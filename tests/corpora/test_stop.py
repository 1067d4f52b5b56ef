"""STOP: normalised trees, recordings in either folder, and the sets of domain adaptation, listed or drawn."""

from collections import Counter
from pathlib import Path

import pytest

from espnet_atat.corpora.builder import Utterance
from espnet_atat.corpora.stop import Spoken, few_of_each, prepare
from espnet_atat.datadir import DataDir, find_data_dirs
from espnet_atat.errors import UserError
from tests.corpora.conftest import problems_below, write_stop


def sizes(data: Path) -> dict[str, int]:
    return {path.name: len(DataDir.load(path)) for path in find_data_dirs(data)}


def test_all_sets_without_the_owner_s_lists(tmp_path: Path) -> None:
    stop = write_stop(tmp_path / "stop")
    report = str(prepare(stop, tmp_path / "data"))
    found = sizes(tmp_path / "data")
    assert "train: alarm 1, music 1, reminder 3, timer 1, weather 2" in report
    assert "the owner's lists: none; drawn with seed 0: reminder_25spis_train, reminder_10spis_train" in report
    assert found == {
        **{"train": 8, "dev": 16, "test": 16, "heldin_train": 3, "heldin_dev": 6, "heldin_test": 6},
        **{"reminder_train": 3, "reminder_dev": 6, "reminder_test": 6},
        **{"weather_train": 2, "weather_dev": 4, "weather_test": 4},
        **{f"{d}_{n}spis_train": size for d, size in (("reminder", 3), ("weather", 2)) for n in (25, 10)},
        **{f"{d}_{n}spis_dev": size for d, size in (("reminder", 6), ("weather", 4)) for n in (25, 10)},
    }
    assert problems_below(tmp_path / "data") == []
    test = DataDir.load(tmp_path / "data/test")
    assert test.wav["stop_test_0_alarm_test_0_00000000"] == str(stop / "test_0/alarm_test_0/00000000.wav")
    assert test.wav["stop_test_1_music_test_1_00000001"] == str(stop / "test_1/music_test/00000001.wav")
    assert test.target["stop_test_0_alarm_test_0_00000000"] == "[IN:CREATE_ALARM wake me [SL:DATE_TIME at seven ] ]"
    assert test.target["stop_test_0_timer_test_0_00000002"] == "[IN:PAUSE_TIMER hold the timer ]"  # nothing normalised
    assert test.target["stop_test_0_reminder_test_0_00000003"] == "[IN:GET_REMINDER what's on ]"
    assert {key.split("_")[3] for key in DataDir.load(tmp_path / "data/weather_test").ids} == {"weather"}


def test_the_owner_s_lists_are_taken_where_they_are(tmp_path: Path) -> None:
    stop = write_stop(tmp_path / "stop", lists=True)
    report = str(prepare(stop, tmp_path / "data"))
    found = sizes(tmp_path / "data")
    assert [found[name] for name in ("reminder_25spis_train", "reminder_25spis_dev", "reminder_test")] == [2, 2, 2]
    assert found["reminder_10spis_train"] == 3
    assert found["weather_test"] == 4
    assert "low_resource_splits; drawn with seed 0: reminder_10spis_train, weather_25spis_train" in report
    listed = [f"stop_test_0_reminder_test_0_0000000{number}" for number in (3, 4)]
    assert DataDir.load(tmp_path / "data/reminder_test").ids == listed
    (stop / "low_resource_splits").rename(tmp_path / "low_resource_splits")  # as the archives unpack to one folder
    prepare(tmp_path, tmp_path / "above")
    assert sizes(tmp_path / "above") == found
    (tmp_path / "low_resource_splits").rename(tmp_path / "elsewhere")
    prepare(stop, tmp_path / "named", low_resource=tmp_path / "elsewhere")
    assert sizes(tmp_path / "named") == found
    with pytest.raises(UserError, match=r"--low_resource: .* has none of"):
        prepare(stop, tmp_path / "named", low_resource=tmp_path)
    listed = tmp_path / "elsewhere/held_out_reminder_test.tsv"
    listed.write_text("/a/folder\ntest_0/reminder_test/00000099.wav\t7\n")
    message = r"held_out_reminder_test\.tsv:2: the manifests have no recording 0/reminder_test"
    with pytest.raises(UserError, match=message):
        prepare(stop, tmp_path / "named", low_resource=tmp_path / "elsewhere")
    prepare(stop, tmp_path / "plain", no_adaptation=True)
    assert sorted(sizes(tmp_path / "plain")) == ["dev", "test", "train"]


def test_few_samples_have_every_intent_and_slot() -> None:
    trees = [f"[IN:{'ABC'[n % 3]} x [SL:{'PQRS'[n % 4]} y ] ]" for n in range(60)] + ["[IN:RARE x ]"]
    spoken = [Spoken(Utterance(f"u{n:02d}", "x y", tree), "weather", (str(n),)) for n, tree in enumerate(trees)]
    drawn = few_of_each(spoken, 5, seed=0)
    counts = Counter(token for one in drawn for token in one.utterance.target.split() if token.startswith("["))
    assert counts.pop("[IN:RARE") == 1  # all that there is
    assert min(counts.values()) >= 5
    assert len(drawn) <= 5 * 4 + 5
    assert few_of_each(spoken[::-1], 5, seed=0) == drawn != few_of_each(spoken, 5, seed=1)


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    manifest = write_stop(tmp_path / "stop") / "manifests/test.tsv"
    manifest.write_text(manifest.read_text().replace("\tmusic\t", "\tcooking\t"))
    with pytest.raises(UserError, match="no domain of STOP: cooking"):
        prepare(tmp_path / "stop", tmp_path / "data")
