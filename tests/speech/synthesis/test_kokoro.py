"""Kokoro says what it is told, and says what cannot be said."""

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.kokoro import KOKORO_RATE, KokoroEngine, phonemizer


@pytest.mark.slow
def test_faster_speech_is_shorter_and_within_range(kokoro_engine: KokoroEngine) -> None:
    slow, fast = (kokoro_engine.say("Play paper moon.", "af_heart", speed) for speed in (1.0, 1.3))
    assert slow.dtype == np.float32
    assert 0.5 * KOKORO_RATE < len(fast) < len(slow) < 4 * KOKORO_RATE
    assert 0.05 < np.abs(slow).max() <= 1.0


@pytest.mark.slow
@pytest.mark.usefixtures("kokoro_engine")
def test_british_voices_have_british_phonemes() -> None:
    assert phonemizer(False)("silver harbor") != phonemizer(True)("silver harbor")


@pytest.mark.slow
def test_what_cannot_be_said_is_refused(kokoro_engine: KokoroEngine) -> None:
    for text, message in (("", "0 phonemes; Kokoro says 1 to 509"), ("Hello there. " * 80, "at once, split the text")):
        with pytest.raises(UserError, match=message):
            kokoro_engine.say(text, "af_heart")
