"""Audio checks: what is refused, what is found damaged, and what a copy sounds like."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.corpora.recordings import AudioRules, check_recording, examine, write_copy
from espnet_atat.speech.audio import AudioError, AudioInfo, read_audio
from tests.corpora.conftest import write_noise


def kind_of(path: Path | str, **options: bool) -> str:
    with pytest.raises(AudioError) as caught:
        examine(str(path), AudioRules(min_duration=0), **options)
    assert str(path) in str(caught.value)
    return caught.value.kind


def test_sound_files_of_every_kind_pass(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac", ".sph", ".ogg"):
        path = tmp_path / f"a{suffix}"
        soundfile.write(path, np.zeros(8000), 16_000, format="NIST" if suffix == ".sph" else None)
        assert examine(str(path), AudioRules(), full=True) == AudioInfo(16_000, 1, 8000)


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes.wav").touch()
    (tmp_path / "page.wav").write_text("<html>404</html>" * 100)
    assert kind_of(tmp_path / "none.wav") == kind_of(tmp_path) == "missing audio"
    assert kind_of(tmp_path / "bytes.wav") == kind_of(write_noise(tmp_path / "samples.wav", 0.0)) == "empty audio"
    assert kind_of(tmp_path / "page.wav") == "unreadable audio"
    soundfile.write(tmp_path / "nan.wav", np.r_[np.zeros(9000), np.nan, np.zeros(9000)], 16_000, subtype="FLOAT")
    assert kind_of(tmp_path / "nan.wav") == "damaged audio"


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_a_file_cut_off_is_found_from_header_and_end_alone(
    tmp_path: Path, suffix: str, full: bool, part: float
) -> None:
    whole = write_noise(tmp_path / f"whole{suffix}", 2.0).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole[: int(part * len(whole))])
    assert kind_of(cut, full=full) == "truncated audio"


@pytest.mark.parametrize(
    ("info", "kind", "advice"),
    [
        (AudioInfo(8000, 1, 8000), "wrong sample rate", "--resample"),
        (AudioInfo(16_000, 2, 16_000), "several channels", "--mixdown"),
        (AudioInfo(16_000, 1, 1000), "too short", "0.1 s"),
        (AudioInfo(16_000, 1, 16_000 * 61), "too long", "60 s"),
    ],
)
def test_rules_refuse(info: AudioInfo, kind: str, advice: str) -> None:
    with pytest.raises(AudioError, match=advice) as caught:
        check_recording("a.wav", info, AudioRules())
    assert caught.value.kind == kind
    assert caught.value.configurable == advice.startswith("--")


def test_a_copy_keeps_the_sound(tmp_path: Path) -> None:
    seconds = np.arange(44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, 0.5 * tone], axis=1), 44_100)
    rules = AudioRules(resample=True, mixdown=True)
    write_copy(str(tmp_path / "tone.wav"), tmp_path / "copies" / "tone.wav", rules)
    copy = tmp_path / "copies" / "tone.wav"
    assert examine(str(copy), AudioRules(), full=True) == AudioInfo(16_000, 1, 16_000)
    expected = 0.375 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(read_audio(copy)[500:-500] - expected[500:-500]).max() < 1e-3
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["tone.wav"]


def test_a_pipe_runs_only_if_allowed(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "a.wav")
    marker = tmp_path / "ran"
    pipe = f"touch {marker}; cat {path} |"
    assert kind_of(pipe) == "shell pipe"
    assert not marker.exists()
    assert examine(pipe, AudioRules(allow_pipes=True)) == examine(str(path), AudioRules())
    assert marker.exists()
    with pytest.raises(AudioError, match="ended with 3: no such tape"):
        examine("echo no such tape >&2; exit 3 |", AudioRules(allow_pipes=True))
