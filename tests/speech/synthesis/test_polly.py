"""Polly without Amazon: botocore's stub for what is asked, a local server for what botocore repeats by itself."""

import io
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from espnet_atat.datadir import DataDir
from espnet_atat.errors import Unavailable, UserError
from espnet_atat.speech.synthesis import polly
from espnet_atat.speech.synthesis.say_set import SynthesisConfig, cost_lines, synthesize_set
from tests.speech.making import made

pytest.importorskip("boto3", reason="boto3, of the extra polly, is not installed")
from botocore.response import StreamingBody
from botocore.stub import Stubber

SPEECH = (3000 * np.sin(np.arange(8000) / 8)).astype("<i2")


@pytest.fixture(scope="module")
def credentials():
    """Credentials that are none, and one client for all that do not change them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        polly._client.cache_clear()
        yield patch
    polly._client.cache_clear()


@pytest.fixture
def engine(credentials, tmp_path):
    assert credentials
    return polly.Polly(cache_dir=tmp_path / "cache")


@pytest.fixture
def stub(engine):
    with Stubber(polly._client(engine.region)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect(stub: Stubber, text: str, voice: str) -> None:
    """The one request that is answered next."""
    audio = SPEECH.tobytes()
    answer = {"AudioStream": StreamingBody(io.BytesIO(audio), len(audio)), "ContentType": "audio/pcm"}
    asked = {"Engine": "neural", "OutputFormat": "pcm", "SampleRate": "16000", "TextType": "text"}
    stub.add_response("synthesize_speech", answer, {**asked, "Text": text, "VoiceId": voice})


def test_the_neural_engine_is_asked_once_for_each_sentence_and_voice(engine, stub):
    expect(stub, "play paper moon.", "Joanna")
    samples, rate = engine.speak("play paper moon.", "Joanna")
    assert rate == 16_000
    assert np.array_equal((samples * 2**15).astype(np.int16), SPEECH)
    again, _ = engine.speak("play paper moon.", "Joanna")  # another request would be an error of the stub's
    assert np.array_equal(samples, again)
    expect(stub, "play paper moon.", "Joey")
    engine.speak("play paper moon.", "Joey")


def test_a_run_pays_for_what_dry_run_said_and_a_second_for_nothing(engine, stub, tmp_path):
    data = DataDir(text={"a": "at 7 : 30 pm", "b": "at 7:30 pm", "c": "stop"})
    config = SynthesisConfig(("Joanna",))
    assert cost_lines(data, engine, config) == [
        "polly: 3 utterances to say, 0 cannot be said; 2 different sentences of 25 characters",
        "voices: Joanna 3",
        "to be paid: 2 sentences, 25 characters, $0.00 at $16.00 per million",
    ]
    expect(stub, "at seven thirty P.M.", "Joanna")
    expect(stub, "stop.", "Joanna")
    report = made(synthesize_set, data, tmp_path / "made", engine, config)
    assert (report.counts["kept"], report.counts["by_voice"]) == (3, {"Joanna": 3})
    assert "to be paid: 0 sentences, 0 characters" in cost_lines(data, engine, config)[2]
    made(synthesize_set, data, tmp_path / "elsewhere", engine, config)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("TextLengthExceededException", UserError, r"Polly refuses 'hello\.': TextLengthExceeded"),
        ("ThrottlingException", Unavailable, r"refused 8 times .*what was paid for is kept"),
        ("AccessDeniedException", Unavailable, "Polly refuses the voice Joanna: AccessDenied"),
    ],
)
def test_refusals_are_told_apart(engine, stub, code, error, message):
    stub.add_client_error("synthesize_speech", code, "so it is")
    with pytest.raises(error, match=message) as caught:
        engine.speak("hello.", "Joanna")
    assert isinstance(caught.value, Unavailable) == (error is Unavailable)


def test_without_credentials_it_says_how_to_give_them(engine, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    polly._client.cache_clear()
    with pytest.raises(Unavailable, match="Polly needs AWS credentials: set AWS_ACCESS_KEY_ID"):
        engine.speak("hello.", "Joanna")


def test_a_throttled_request_is_repeated(engine, monkeypatch):
    """A server that refuses twice as Polly does and then speaks."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            refused = len(asked) < 3
            self.send_response(400 if refused else 200)
            if refused:
                self.send_header("x-amzn-ErrorType", "ThrottlingException")
            self.send_header("Content-Type", "application/json" if refused else "audio/pcm")
            self.end_headers()
            self.wfile.write(b'{"message": "Rate exceeded"}' if refused else SPEECH.tobytes())

        def log_message(self, *args):
            pass

    monkeypatch.setattr("time.sleep", lambda _: None)
    polly._client.cache_clear()
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_POLLY", f"http://127.0.0.1:{server.server_port}")
        samples, _ = engine.speak("hello.", "Kevin")
        server.shutdown()
    assert len(samples) == len(SPEECH)
    assert [(each["Text"], each["VoiceId"], each["Engine"]) for each in asked] == 3 * [("hello.", "Kevin", "neural")]
