"""Reading audio: formats, and what is wrong with a file."""

import numpy as np
import pytest
import soundfile

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import read_audio, read_lossless


def wave(rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize(("name", "tolerance"), [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.ogg", 0.05)])
def test_reads_wav_flac_and_opus(tmp_path, name, tolerance):
    path = tmp_path / name
    soundfile.write(path, wave(), 16_000, **({"format": "OGG", "subtype": "OPUS"} if name == "a.ogg" else {}))
    samples = read_audio(path)
    assert samples.dtype == np.float32
    assert samples.shape == (8000,)
    assert np.abs(samples[1000:7000] - wave()[1000:7000]).max() < tolerance


def test_another_rate_or_channels_are_errors_unless_converted(tmp_path):
    soundfile.write(tmp_path / "rate.wav", wave(8000), 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([wave(), 0 * wave()], axis=1), 16_000)
    with pytest.raises(UserError, match=r"rate\.wav has 8000 samples per second, not 16000.*--resample"):
        read_audio(tmp_path / "rate.wav")
    with pytest.raises(UserError, match=r"stereo\.wav has 2 channels"):
        read_audio(tmp_path / "stereo.wav")
    converted = read_audio(tmp_path / "rate.wav", resample=True)
    assert len(converted) == 8000
    assert np.abs(converted[500:7500] - wave()[500:7500]).max() < 0.01
    assert np.abs(read_audio(tmp_path / "stereo.wav", resample=True) - 0.5 * wave()).max() < 1e-4


def test_each_bad_file_has_its_own_message(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.0]), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", np.array([0.0, 1e30, 0.0]), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "cut.flac", np.random.default_rng(0).normal(size=16_000) * 0.1, 16_000)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(tmp_path / "cut.wav", wave(), 16_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:4000])
    (tmp_path / "bytes.wav").touch()
    for name, message in {
        "text.wav": "cannot be read as audio",
        "empty.wav": "has no samples",
        "bytes.wav": "has no bytes",
        "nan.wav": "not finite",
        "loud.wav": "a sample of 1e\\+30, where full scale is 1",
        "cut.flac": "damaged or cut off|cut short",
        "cut.wav": "was cut off",
        "none.wav": "no such file",
        "sph2pipe a.sph |": "a pipe",
    }.items():
        with pytest.raises(UserError, match=message):
            read_audio(tmp_path / name)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_lossless_reading_and_writing_changes_no_sample(tmp_path, subtype):
    soundfile.write(tmp_path / "in.wav", wave(), 16_000, subtype=subtype)
    samples, rate, container, written = read_lossless(tmp_path / "in.wav")
    soundfile.write(tmp_path / "out", samples, rate, format=container, subtype=written)
    again, *_ = read_lossless(tmp_path / "out")
    assert soundfile.info(tmp_path / "out").subtype == subtype
    assert again.dtype == samples.dtype
    assert np.array_equal(again, samples)
