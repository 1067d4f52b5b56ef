"""Engines that run on this machine, as they are installed: what they say does not depend on what they said before."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from espnet_atat.errors import Unavailable, UserError
from espnet_atat.speech.synthesis.flite import Flite
from espnet_atat.speech.synthesis.kokoro import KokoroEngine
from espnet_atat.speech.synthesis.waveform import LEVEL_DB, finish


@pytest.mark.parametrize("engine", ["pico", "flite", pytest.param("kokoro_engine", marks=pytest.mark.slow)])
def test_an_engine_repeats_itself_to_the_bit(engine, request):
    engine = request.getfixturevalue(engine)
    if engine.name == "pico":
        with pytest.raises(UserError, match="pico says nothing for ''"):  # silence is no utterance
            engine.speak("", "en-US")
    for _ in range(3 if engine.name == "pico" else 1):
        samples, rate = engine.speak("play paper moon.", engine.voices()[0])
        other, _ = engine.speak("what's next?", engine.voices()[-1])
        again, _ = engine.speak("play paper moon.", engine.voices()[0])
        assert np.array_equal(samples, again)
        assert samples.dtype == np.float32
        assert np.abs(samples).max() <= 1.0
        assert 0.3 * rate < len(samples) < 4 * rate
        assert not np.array_equal(samples[: len(other)], other[: len(samples)])


def test_what_is_not_installed_is_said(tmp_path: Path, monkeypatch):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("hibari")
    with pytest.raises(Unavailable, match=r"model\.onnx: no such file; run `tools/install_extra\.sh tts`"):
        KokoroEngine(tmp_path).prepare(["af_heart"])
    (tmp_path / "model.onnx").write_bytes(b"another model")
    with pytest.raises(Unavailable, match=r"model\.onnx has the sha256 \w{64}, not 6e742170"):
        KokoroEngine(tmp_path).prepare(["af_heart"])
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Unavailable, match=r"no program flite on the path .*tools/install_extra\.sh tts"):
        Flite(tmp_path).prepare(["slt"])


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_an_utterance_is_trimmed_and_levelled(rate):
    time = np.arange(rate) / rate
    tone = 0.01 * np.sin(2 * np.pi * 440 * time).astype(np.float32)
    silence = np.zeros(rate, np.float32)
    samples = finish(np.concatenate((silence, tone, silence)), rate)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(1.1 * 16_000, rel=0.01)  # 50 ms of the silence at each end
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(LEVEL_DB, abs=0.1)
