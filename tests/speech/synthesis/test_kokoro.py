"""Kokoro says what it is told, and says what is missing where it is not installed."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.kokoro import KOKORO_RATE, Kokoro


@pytest.fixture(scope="module")
def kokoro() -> Kokoro:
    models = Path(os.environ.get("ATAT_MODELS", f"{sys.prefix}/models"))
    try:
        return Kokoro(models / "kokoro")
    except UserError as error:
        pytest.skip(f"no Kokoro here: {error}")


def test_without_a_model_the_message_tells_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.onnx: no Kokoro model here; run `tools/install_extra\.sh tts`"):
        Kokoro(tmp_path)


@pytest.mark.slow
def test_has_the_28_english_voices(kokoro: Kokoro) -> None:
    voices = kokoro.voices()
    assert len(voices) == 28
    assert {voice[:3] for voice in voices} == {"af_", "am_", "bf_", "bm_"}


@pytest.mark.slow
def test_faster_speech_is_shorter_and_within_range(kokoro: Kokoro) -> None:
    slow, fast = (kokoro.speak("Play paper moon.", "af_heart", speed) for speed in (1.0, 1.3))
    assert slow.dtype == np.float32
    assert 0.5 * KOKORO_RATE < len(fast) < len(slow) < 4 * KOKORO_RATE
    assert 0.05 < np.abs(slow).max() <= 1.0


@pytest.mark.slow
def test_british_voices_have_british_phonemes(kokoro: Kokoro) -> None:
    assert kokoro.phonemes("silver harbor", "af_heart") != kokoro.phonemes("silver harbor", "bf_emma")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("Hello.", "xx_nobody", "unknown voice 'xx_nobody'; installed: af_alloy, "),
        ("", "af_heart", "0 phonemes; Kokoro says 1 to 509 at once"),
        ("Hello there. " * 80, "af_heart", "phonemes; Kokoro says 1 to 509 at once, split the text"),
    ],
)
def test_what_cannot_be_said_is_refused(kokoro: Kokoro, text: str, voice: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        kokoro.speak(text, voice)
