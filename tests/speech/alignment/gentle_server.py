"""A server that speaks Gentle's protocol and answers with real alignments, computed by the local aligner.

As a program (``python -m tests.speech.alignment.gentle_server``) it prints its port and serves until it is killed; as a
module it serves from a thread, and ``faults`` says what goes wrong with the next requests.
"""

import contextlib
import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import soundfile

from espnet_atat.speech.alignment.sphinx import SphinxAligner


def answer(utt: str, audio: bytes, transcript: str) -> dict[str, Any]:
    """What Gentle would say: its words are runs of word characters, with their offsets in the transcript."""
    samples, _ = soundfile.read(io.BytesIO(audio), dtype="float32")
    pieces = list(re.finditer(r"[\w']+", transcript))
    found = SphinxAligner(fit=False).align_samples(utt, samples, [piece.group() for piece in pieces])
    words: list[dict[str, Any]] = []
    for piece, word in zip(pieces, found, strict=True):
        fields = {"word": piece.group(), "startOffset": piece.start(), "endOffset": piece.end(), "case": word.case}
        if word.found:
            fields |= {"alignedWord": word.word, "start": word.start, "end": word.end, "phones": []}
        words.append(fields)
    return {"transcript": transcript, "words": words}


class Handler(BaseHTTPRequestHandler):
    server: "GentleStandIn"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, b"<html>Gentle</html>")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        self.server.requests.append(self.path)
        if self.path != "/transcriptions?async=false" or fault == "404":
            return self._send(404, b"no such page")
        if fault == "500":
            return self._send(500, b"<html>Traceback</html>")
        if fault == "slow":
            self.server.patience.wait(60.0)
        form = message_from_bytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body, policy=HTTP)
        parts = {part.get_param("name", header="Content-Disposition"): part for part in form.iter_parts()}
        audio = parts["audio"].get_payload(decode=True)
        transcript = parts["transcript"].get_payload(decode=True).decode()
        result = answer(parts["audio"].get_filename(), audio, transcript)
        if fault == "partial":
            for word in result["words"][1::2]:
                word["case"] = "not-found-in-audio"
                del word["start"], word["end"]
        encoded = json.dumps(result, indent=2).encode()
        if fault == "torn":
            encoded = encoded[: len(encoded) // 2]
        if fault == "short":  # the header promises more than comes
            return self._send(200, encoded[:100], length=len(encoded))
        return self._send(200, encoded)

    def _send(self, status: int, content: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)


class GentleStandIn(ThreadingHTTPServer):
    """Attributes: ``faults``, one for each of the next requests, ``""`` for none; ``requests``, the paths asked for."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.patience = threading.Event()  # ends the wait of "slow"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving() -> Iterator[GentleStandIn]:
    with GentleStandIn() as stand_in:
        threading.Thread(target=stand_in.serve_forever, daemon=True).start()
        yield stand_in
        stand_in.patience.set()
        stand_in.shutdown()


if __name__ == "__main__":
    stand_in = GentleStandIn(*map(int, sys.argv[1:]))
    print(stand_in.server_port, flush=True)
    stand_in.serve_forever()
