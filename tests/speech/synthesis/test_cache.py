"""What was paid for is asked for once."""

import threading
import time

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.polly import SpeechCache

SAMPLES = np.arange(-500, 500, dtype=np.int16)


def test_two_that_want_the_same_make_it_once(tmp_path):
    cache = SpeechCache(tmp_path, "polly-neural", 16_000)
    made, answers = [], []

    def make() -> np.ndarray:
        made.append(1)
        time.sleep(0.1)
        return SAMPLES

    threads = [threading.Thread(target=lambda: answers.append(cache.get("hello.", "Joanna", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(answers) == 4
    assert all(np.array_equal(answer * 2**15, SAMPLES) for answer in answers)


def test_text_voice_and_engine_are_told_apart(tmp_path):
    cache = SpeechCache(tmp_path, "polly-neural", 16_000)
    cache.get("hello.", "Joanna", lambda: SAMPLES)
    assert cache.path("hello.", "Joanna").is_file()
    assert not cache.path("hello!", "Joanna").is_file()
    assert not cache.path("hello.", "Joey").is_file()
    assert not SpeechCache(tmp_path, "polly-standard", 16_000).path("hello.", "Joanna").is_file()


def test_what_failed_is_not_kept_and_what_is_spoilt_is_named(tmp_path):
    cache = SpeechCache(tmp_path, "polly-neural", 16_000)

    def fail() -> np.ndarray:
        raise UserError("refused")

    with pytest.raises(UserError, match="refused"):
        cache.get("hello.", "Joanna", fail)
    assert not cache.path("hello.", "Joanna").is_file()
    cache.get("hello.", "Joanna", lambda: SAMPLES)
    cache.path("hello.", "Joanna").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"\.flac cannot be read as audio: .*: delete it"):
        cache.get("hello.", "Joanna", fail)
