"""Engines that run on this machine, as they are installed: what they say does not depend on what they said before."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.engines import EngineUnavailable
from espnet_atat.speech.synthesis.flite import Flite
from espnet_atat.speech.synthesis.kokoro import KokoroEngine
from espnet_atat.speech.synthesis.waveform import LEVEL_DB, finish


def check_repeats(engine, first: str, second: str) -> None:
    samples, rate = engine.speak(first, engine.voices()[0])
    other, _ = engine.speak(second, engine.voices()[-1])
    again, _ = engine.speak(first, engine.voices()[0])
    assert np.array_equal(samples, again)
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 1.0
    assert 0.3 * rate < len(samples) < 4 * rate
    assert not np.array_equal(samples[: len(other)], other[: len(samples)])


def test_pico_repeats_itself_to_the_bit(pico):
    for _ in range(3):
        check_repeats(pico, "play paper moon.", "what's next?")


def test_flite_repeats_itself_to_the_bit(flite):
    check_repeats(flite, "play paper moon.", "what's next?")


@pytest.mark.slow
def test_kokoro_repeats_itself_to_the_bit(kokoro_engine):
    check_repeats(kokoro_engine, "play paper moon.", "what's next?")


def test_silence_is_an_error_and_not_an_utterance(pico):
    with pytest.raises(UserError, match="pico says nothing for ''"):
        pico.speak("", "en-US")


def test_without_flite_the_message_tells_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(EngineUnavailable, match=r"no program flite on the path .*tools/install_extra\.sh tts"):
        Flite(tmp_path).prepare(["slt"])


def test_a_model_that_is_another_file_is_refused(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("hibari")
    with pytest.raises(EngineUnavailable, match=r"model\.onnx: no such file; run `tools/install_extra\.sh tts`"):
        KokoroEngine(tmp_path).prepare(["af_heart"])
    (tmp_path / "model.onnx").write_bytes(b"another model")
    with pytest.raises(EngineUnavailable, match=r"model\.onnx has the sha256 \w{64}, not 6e742170"):
        KokoroEngine(tmp_path).prepare(["af_heart"])


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_an_utterance_is_trimmed_and_levelled(rate):
    time = np.arange(rate) / rate
    tone = 0.01 * np.sin(2 * np.pi * 440 * time).astype(np.float32)
    silence = np.zeros(rate, np.float32)
    samples = finish(np.concatenate((silence, tone, silence)), rate)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(1.1 * 16_000, rel=0.01)  # 50 ms of the silence at each end
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(LEVEL_DB, abs=0.1)
