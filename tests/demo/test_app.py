"""The command: its options, the models that it finds, and what it answers without a page."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.demo.app import find_models, main, refusal, serve
from espnet_atat.demo.engine import LoadedModels
from espnet_atat.errors import UserError
from espnet_atat.graph.work import remove, working
from tests.toy_package import RATE, command, write_command


@pytest.mark.parametrize("call", [["demo"], ["understand", "a.wav"], ["transcribe", "a.wav"]])
def test_a_wrong_device_is_told_before_anything_slow_is_imported(call, root):
    script = (
        "import sys; from espnet_atat.bin.atat import main; "
        f"code = main({[*call, '--model', 'm', '--device', 'tpu']}); "
        "sys.exit(code + len({'gradio', 'torch', 'espnet2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: device 'tpu': one of cpu, cuda, cuda:N\n")


def test_it_listens_on_this_machine_alone_by_default_and_its_parser_is_there_at_once(root):
    script = (
        "import sys, espnet_atat.demo.app as app; assert app.get_parser().parse_args([]).host == '127.0.0.1'; "
        "assert not {'gradio', 'torch', 'espnet2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "70000"], "--port is from 0 to 65535"),
        (["--max_seconds", "0"], "--max_seconds is from 0.1 to 600"),
        ([], "no model: give --model"),
        (["--model", "a/b", "--model", "a/b"], "two models of the name a/b"),
    ],
)
def test_a_wrong_option_is_one_message(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        main(options)


def test_finished_runs_are_found_newest_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, (name, kind) in enumerate({"new": "training", "old": "training", "lm": "language model"}.items()):
        folder = Path("exp/runs", name)
        folder.mkdir(parents=True)
        with working(folder, name, in_place=True, notes={"identity": {"kind": kind}}):
            pass
        (folder / "valid.acc.ave.pth").touch()
        seconds = time.time() - 100 * age
        os.utime(folder / "valid.acc.ave.pth", (seconds, seconds))
    assert list(find_models(None)) == ["new", "old"]
    with working(Path("exp/runs/new"), "new", in_place=True):  # in training again
        assert list(find_models(None)) == ["old"]
    remove(Path("exp/runs/new"), stamp_only=True)
    assert list(find_models(None)) == ["old"]


OWN = "http://127.0.0.1:7860"
#: Host, further headers, and what a request with them is answered: empty is the page.
REQUESTS = [
    ("127.0.0.1:7860", {}, ""),
    ("localhost:9000", {"origin": "http://localhost:9000"}, ""),  # through a tunnel
    ("[::1]:7860", {}, ""),
    ("127.0.0.1:7860", {"origin": OWN, "sec-fetch-site": "same-origin"}, ""),
    ("evil.example:7860", {}, "not served under the name 'evil.example'"),
    ("evil.example:7860", {"origin": "http://evil.example:7860"}, "not served under"),  # DNS rebinding
    ("127.0.0.1.evil.example", {}, "not served under"),
    ("", {}, "not served under the name ''"),
    ("127.0.0.1@evil.example", {}, "not served under the name ''"),
    ("127.0.0.1:7860", {"origin": "http://evil.example"}, "other origins"),
    ("127.0.0.1:7860", {"origin": "http://127.0.0.1:8000"}, "other origins"),
    ("127.0.0.1:7860", {"origin": "null"}, "other origins"),
    ("127.0.0.1:7860", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "other sites"),
]


@pytest.mark.parametrize(("host", "headers", "message"), REQUESTS)
def test_what_another_page_asks_is_refused(host, headers, message):
    found = refusal("127.0.0.1", "POST", {"host": host, **headers})
    assert message in found if message else found is None
    link = {"host": "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert refusal("127.0.0.1", "GET", link) is None
    assert refusal("127.0.0.1", "POST", link) is not None
    name = socket.gethostname()
    assert refusal("0.0.0.0", "GET", {"host": f"{name}:7860"}) is None
    assert refusal("kitchen.lan", "GET", {"host": "kitchen.lan"}) is None


@pytest.mark.slow
def test_the_served_page_refuses_them_too():
    """Uploads included, which Gradio itself takes from everywhere."""
    pytest.importorskip("gradio", reason="Gradio is not installed (the extra demo)")
    boundary = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\nRIFF\r\n--x--\r\n'
    with serve(LoadedModels({"toy": "nowhere"})) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        for host, headers, message in REQUESTS:
            own = {name: value.replace("7860", str(port)) for name, value in {"host": host, **headers}.items()}
            for method, path, body in (("GET", "/", None), ("POST", "/gradio_api/upload", boundary)):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                kind = {"Content-Type": "multipart/form-data; boundary=x"} if body else {}
                connection.request(method, path, body, {**own, **kind})
                answer = connection.getresponse()
                text = answer.read().decode()
                assert (answer.status, message in text) == (403 if message else 200, True), (method, own)
                assert "default-src 'self'" in answer.headers["content-security-policy"]
                connection.close()


@pytest.mark.slow
def test_the_engine_hears_and_reads(toy_run, tmp_path):
    engine = LoadedModels({"toy": str(toy_run)}, max_seconds=2.0)
    heard = engine.hear("toy", "slu", write_command(tmp_path / "play.wav"))
    assert heard.results[0].tree == "[IN:PLAY play [SL:SONG moon ] ]"
    assert heard.features.shape[1] == 80
    assert heard.attention.tokens[-1] == "<eos>"
    read = engine.read("toy", "Stop it.")
    assert read.results[0].frame.intent == "STOP"
    assert len(read.pieces) == read.attention.mean.shape[1]
    quiet = np.zeros(RATE, np.float32)
    several = np.concatenate([quiet, command(0), quiet, command(1), quiet])
    soundfile.write(tmp_path / "several.wav", several, RATE)
    (heard,) = engine.hear("toy", "slu", tmp_path / "several.wav").results
    assert [segment.frame.intent for segment in heard.segments] == ["PLAY", "STOP"]
    soundfile.write(tmp_path / "later.wav", np.concatenate([quiet, command(0)]), RATE)
    later = engine.hear("toy", "slu", tmp_path / "later.wav")
    assert later.results[0].frame.intent == "PLAY"
    assert later.attention.first == pytest.approx(92, abs=4)  # it begins at 100, less a margin of 8
    assert len(later.features) == pytest.approx(160, abs=3)
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000), 8000)
    silence = engine.hear("toy", "slu", tmp_path / "silence.wav")
    assert silence.attention is None
    assert silence.results[0].text == ""


@pytest.mark.slow
def test_the_engine_says_what_it_cannot_take(toy_run, tmp_path):
    engine = LoadedModels({"toy": str(toy_run)}, max_seconds=2.0)
    soundfile.write(tmp_path / "long.wav", np.zeros(8000 * 21), 8000)
    soundfile.write(tmp_path / "slow.wav", np.zeros(8000), 1)  # 8000 samples at 1 Hz would be 128 million at 16 kHz
    (tmp_path / "text.ogg").write_text("no audio")
    for name, message in (
        ("long.wav", "21 s long; at most 20 s"),
        ("slow.wav", "8000 s long"),
        ("text.ogg", "text.ogg cannot be read as audio"),
    ):
        with pytest.raises(UserError, match=message):
            engine.hear("toy", "slu", tmp_path / name)
    for text, message in ((" … !", "no word"), ("a" * 501, "501 characters; at most 500")):
        with pytest.raises(UserError, match=message):
            engine.read("toy", text)
    with pytest.raises(UserError, match="there is no model 'other': choose one of toy"):
        engine.read("other", "stop it")
