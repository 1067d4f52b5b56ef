"""Dump dirs: what they hold."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import HEAD, SUMS_FILE, features_digest
from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.fbank import fbank
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.speech.features import FeatureConfig, make_dump, shard_size
from tests.speech.making import made


def test_a_dump_holds_the_features_of_each_utterance(tone_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = DataDir.load(tone_set(30))
    report = made(make_dump, data, Path("dump"), FeatureConfig(compress=False))
    paths = read_two_column(tmp_path / "dump/feats.scp").values()
    assert all(path.startswith("dump/data/feats.000") for path in paths)  # relative to the root
    scp = kaldiio.load_scp(str(tmp_path / "dump/feats.scp"))
    frames = read_two_column(tmp_path / "dump/utt2num_frames")
    assert list(scp) == list(frames) == data.ids
    for utt, path in data.wav.items():
        assert np.array_equal(scp[utt], fbank(read_audio(path)))
        assert int(frames[utt]) == len(scp[utt])
    assert DataDir.load(tmp_path / "dump").text == data.text
    assert not (tmp_path / "dump.partial").exists()
    assert (report.counts["kept"], report.counts["frames"]) == (30, sum(map(int, frames.values())))


@pytest.mark.parametrize("compress", [True, False])
def test_compressed_features_are_near_and_sums_are_of_what_is_read(tone_set, tmp_path, compress):
    data = DataDir.load(tone_set(30))
    Path(data.wav[data.ids[1]]).write_bytes(b"RIFF nonsense")
    made(make_dump, data, tmp_path / "dump", FeatureConfig(compress=compress))
    read = np.concatenate(list(kaldiio.load_scp(str(tmp_path / "dump/feats.scp")).values())).astype(np.float64)
    kept = [fbank(read_audio(path)) for utt, path in data.wav.items() if utt != data.ids[1]]
    assert np.abs(read - np.concatenate(kept)).max() < (0.3 if compress else 1e-6)
    size = sum(path.stat().st_size for path in (tmp_path / "dump/data").iterdir())
    assert (size < 0.5 * read.size * 4) == compress
    sums = FeatureSums.load(tmp_path / "dump" / SUMS_FILE)
    assert sums.count == len(read)
    np.testing.assert_allclose(sums.sum, read.sum(0), rtol=1e-12)
    np.testing.assert_allclose(sums.sum_square, (read**2).sum(0), rtol=1e-12)


def test_bad_audio_is_dropped_by_name(tone_set, tmp_path):
    data = DataDir.load(tone_set(5))
    corrupt, short = data.ids[1], data.ids[3]
    Path(data.wav[corrupt]).write_bytes(b"RIFF nonsense")
    soundfile.write(data.wav[short], np.zeros(399), 16_000)
    report = made(make_dump, data, tmp_path / "dump", FeatureConfig())
    assert list(report.counts["dropped"]) == [corrupt, short]
    assert "cannot be read as audio" in report.counts["dropped"][corrupt]
    assert "399 samples" in report.counts["dropped"][short]
    assert any(short in line for line in report.lines)
    kept = [utt for utt in data.ids if utt not in (corrupt, short)]
    assert DataDir.load(tmp_path / "dump").ids == kept
    assert list(read_two_column(tmp_path / "dump/feats.scp")) == kept
    with pytest.raises(UserError, match=rf"{corrupt}.*cannot be read.*--allow_bad_test"):
        made(make_dump, data, tmp_path / "dump2", FeatureConfig(allow_bad=False))
    assert not (tmp_path / "dump2").exists()
    with pytest.raises(UserError, match=r"no utterance is left.*cannot be read"):
        made(make_dump, data.subset([corrupt]), tmp_path / "dump2", FeatureConfig())


def test_text_alone_is_copied_and_shards_grow_with_the_set(tmp_path):
    data = DataDir(text={"a": "play it", "b": "stop"}, target={"a": "[IN:PLAY play it ]", "b": "[IN:STOP stop ]"})
    made(make_dump, data, tmp_path / "dump", FeatureConfig())
    assert DataDir.load(tmp_path / "dump") == data
    assert not (tmp_path / "dump/feats.scp").exists()
    assert [shard_size(n) for n in (1, 640, 6400, 281_241)] == [25, 25, 200, 1000]


def test_raw_checks_audio_and_lists_it(tone_set, tmp_path):
    data = DataDir.load(tone_set(4))
    soundfile.write(data.wav[data.ids[0]], np.zeros(8000), 8000)
    soundfile.write(data.wav[data.ids[1]], np.full(8000, np.nan), 16_000, subtype="FLOAT")
    report = made(make_dump, data, tmp_path / "dump", FeatureConfig(feats_type="raw"))
    assert list(report.counts["dropped"]) == data.ids[:2]
    assert DataDir.load(tmp_path / "dump") == data.subset(data.ids[2:])
    assert set(read_two_column(tmp_path / "dump/utt2num_samples")) == set(data.ids[2:])
    assert (tmp_path / "dump/feats_type").read_text() == "raw\n"


def test_other_features_have_another_fingerprint_wherever_they_lie(tone_set, tmp_path):
    data = DataDir.load(tone_set(25))
    made(make_dump, data, tmp_path / "dump", FeatureConfig())
    before = features_digest(tmp_path / "dump")
    last = data.wav[data.ids[-1]]
    samples, rate = soundfile.read(last)
    soundfile.write(last, samples[::-1], rate)
    made(make_dump, data, tmp_path / "again", FeatureConfig())
    heads = [next((tmp_path / name / "data").glob("*.ark")).read_bytes()[:HEAD] for name in ("dump", "again")]
    assert heads[0] == heads[1]
    assert features_digest(tmp_path / "again") != before
