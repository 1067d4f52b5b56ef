"""Amazon Polly, the paper's engine: the neural engine and nine voices, through boto3 (the extra ``polly``).

Credentials and region are found as boto3 finds them: environment, ``~/.aws``, role. botocore repeats throttled and
failed requests with back-off. Every answer is kept, so that nothing is paid for twice, whatever is killed.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from espnet_atat.errors import Unavailable, UserError
from espnet_atat.graph.work import locked
from espnet_atat.speech.audio import SAMPLE_RATE, read_mono, write_audio
from espnet_atat.speech.synthesis.engines import Engine

DEFAULT_REGION = "us-east-1"
DOLLARS_PER_MILLION = {"neural": 16.0, "standard": 4.0}  # characters; the list price when this was written
ATTEMPTS = 8  # of one request; botocore waits up to 20 s between two
THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceFailureException"}
OF_THIS_TEXT = {"TextLengthExceededException", "InvalidSsmlException", "ValidationException"}


def default_cache() -> Path:
    """$XDG_CACHE_HOME/atat/speech, by default below ~/.cache: it outlives any data dir."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atat" / "speech"


@dataclass(frozen=True)
class Polly(Engine):
    name: ClassVar[str] = "polly"
    #: The American voices of the neural engine when the paper was written, nine as it has.
    default_voices: ClassVar[tuple[str, ...]] = (
        "Ivy", "Joanna", "Joey", "Justin", "Kendra", "Kevin", "Kimberly", "Matthew", "Salli",
    )  # fmt: skip

    engine: str = "neural"  # the paper's, or "standard"
    region: str | None = None  # None: as configured, else us-east-1
    cache_dir: Path = field(default_factory=default_cache)
    price: float | None = None  # dollars for a million characters; None: the list price

    @property
    def dollars_per_million(self) -> float:
        return DOLLARS_PER_MILLION[self.engine] if self.price is None else self.price

    def voices(self) -> tuple[str, ...]:
        """Those of English that the neural engine has; Amazon adds to them now and then."""
        others = ("Amy", "Arthur", "Brian", "Danielle", "Emma", "Gregory", "Olivia", "Ruth", "Stephen")
        return tuple(sorted((*self.default_voices, *others)))

    def prepare(self, voices: Sequence[str]) -> None:  # noqa: ARG002
        _client(self.region)

    def needs_payment(self, text: str, voice: str) -> bool:
        return not self.kept(text, voice).is_file()

    def kept(self, text: str, voice: str) -> Path:
        """Where the sentence lies, or will."""
        kind = f"polly-{self.engine}"
        digest = hashlib.sha256(json.dumps([kind, voice, SAMPLE_RATE, text]).encode()).hexdigest()
        return self.cache_dir / kind / voice / digest[:2] / f"{digest}.flac"

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        """Two processes that need the same sentence pay once: the second waits."""
        path = self.kept(text, voice)
        if not path.is_file():
            with locked(path):
                if not path.is_file():
                    write_audio(path, self._request(text, voice), SAMPLE_RATE, "FLAC", "PCM_16", sync=True)
        try:
            return read_mono(path)
        except UserError as error:
            raise UserError(f"{error}: delete it to request it again") from error

    def _request(self, text: str, voice: str) -> np.ndarray:
        """Ask Polly: shape (num_samples,), int16."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

        try:
            answer = _client(self.region).synthesize_speech(
                Engine=self.engine,
                OutputFormat="pcm",
                SampleRate=str(SAMPLE_RATE),
                Text=text,
                TextType="text",
                VoiceId=voice,
            )
            samples = np.frombuffer(answer["AudioStream"].read(), "<i2")
        except (NoCredentialsError, PartialCredentialsError) as error:
            ways = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run `aws configure`"
            raise Unavailable(f"Polly needs AWS credentials: {ways}") from error
        except ClientError as error:
            raise _explained(error, text, voice) from error
        except BotoCoreError as error:
            message = f"Polly cannot be reached: {error}; what was paid for is kept, run again"
            raise Unavailable(message) from error
        if not samples.any():
            raise UserError(f"Polly says nothing for {text!r}")
        return samples


def _explained(error: Any, text: str, voice: str) -> UserError:
    """Whether it is this text's fault or everything's."""
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code in THROTTLED or code.startswith("5"):
        return Unavailable(f"Polly refused {ATTEMPTS} times ({code}); what was paid for is kept: run again later")
    if code in OF_THIS_TEXT and voice not in message:
        return UserError(f"Polly refuses {text!r}: {code}: {message}")
    return Unavailable(f"Polly refuses the voice {voice}: {code}: {message}")


@cache
def _client(region: str | None) -> Any:
    """One client per process and region."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise Unavailable("Polly needs the package boto3: pip install 'espnet_atat[polly]', or boto3") from error
    config = Config(retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS})
    session = boto3.session.Session()
    return session.client("polly", region_name=region or session.region_name or DEFAULT_REGION, config=config)
