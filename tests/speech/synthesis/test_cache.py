"""What was paid for is asked for once."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.polly import Polly

SAMPLES = np.arange(-500, 500, dtype=np.int16)


@dataclass(frozen=True)
class Counting(Polly):
    """Polly without Amazon, which counts what it is asked."""

    asked: list[str] = field(default_factory=list)

    def _request(self, text: str, voice: str) -> np.ndarray:
        self.asked.append(text)
        time.sleep(0.1)
        if not text:
            raise UserError(f"{voice} refused")
        return SAMPLES


def test_two_that_want_the_same_pay_once(tmp_path):
    polly = Counting(cache_dir=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: polly.speak("hello.", "Joanna"), range(4)))
    assert polly.asked == ["hello."]
    assert all(np.array_equal(samples * 2**15, SAMPLES) and rate == 16_000 for samples, rate in answers)


def test_what_failed_is_not_kept_what_is_spoilt_is_named_and_requests_are_told_apart(tmp_path):
    polly = Counting(cache_dir=tmp_path)
    with pytest.raises(UserError, match="Joanna refused"):
        polly.speak("", "Joanna")
    assert polly.needs_payment("", "Joanna")
    polly.speak("hello.", "Joanna")
    polly.kept("hello.", "Joanna").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"\.flac cannot be read as audio: .*: delete it"):
        polly.speak("hello.", "Joanna")
    assert not polly.needs_payment("hello.", "Joanna")
    assert polly.needs_payment("hello!", "Joanna")
    assert polly.needs_payment("hello.", "Joey")
    assert Polly("standard", cache_dir=tmp_path).needs_payment("hello.", "Joanna")
