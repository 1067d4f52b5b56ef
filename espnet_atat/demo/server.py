"""What answers the browser: the page's files, and to a recording or a sentence its answer as HTML."""

import ipaddress
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from string import Template
from urllib.parse import parse_qsl, urlsplit

from espnet_atat.demo.drawing import answer_html, attention_picture, message_html
from espnet_atat.demo.engine import MAX_CHARACTERS, Answer, LoadedModels
from espnet_atat.errors import UserError

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
#: Bytes of an upload. Half a minute of 16-bit stereo at 48 kHz has 6 MB.
MAX_UPLOAD = 10 * 2**20
#: Questions at once, of which one is answered and the others wait; more are told to come back.
QUEUE = 16
#: Name or address, and a port, of a ``Host`` header.
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
HEADERS = {
    # The browser may load nothing from elsewhere, and run nothing but the page's own script.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; media-src blob:; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
#: Path to a file of the page and its type.
FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


@contextmanager
def serve(engine: LoadedModels, host: str = LOOPBACK, port: int = 0) -> Iterator[str]:
    """Serve the page while the block runs; yields its URL. Port 0: any that is free."""
    try:
        server = Server(engine, host, port)
    except OSError as error:
        raise UserError(f"{host}, port {port}: {error}; take another by --port") from error
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.url
        finally:
            server.shutdown()


class Server(ThreadingMixIn, TCPServer):
    """A thread for each connection; answers are found one at a time, for each takes all cores that it can use."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, engine: LoadedModels, host: str, port: int):
        self.engine = engine
        self.host = host
        self.questions = threading.BoundedSemaphore(QUEUE)
        self.answering = threading.Lock()
        # Of a name the first address.
        self.address_family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__(address, Handler)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        name = "localhost" if self.host in ("0.0.0.0", "::") else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.server_address[1]}/"

    def handle_error(self, *_: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # of a browser that waits no longer
            logger.exception("the page could not answer")


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = 60  # seconds that the browser may be silent

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if self._refuses():
            return
        if path not in FILES:
            self._send("There is no such page.\n", HTTPStatus.NOT_FOUND)
            return
        name, kind = FILES[path]
        content = Path(__file__).with_name(name).read_text(encoding="utf-8")
        self._send(self._filled(content) if path == "/" else content, kind=kind)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_UPLOAD:
            self._send(f"At most {MAX_UPLOAD >> 20} MB are accepted at once.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif not self.server.questions.acquire(blocking=False):
            self._send("Too many ask at once: try again in a minute.\n", HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            try:
                self._reply(self.rfile.read(int(length)))
            finally:
                self.server.questions.release()

    def _reply(self, content: bytes) -> None:
        """Answer a question, whose body was read whatever becomes of it: or its sender might not see the answer."""
        address = urlsplit(self.path)
        asked = dict(parse_qsl(address.query))
        model, engine = asked.get("model", ""), self.server.engine
        if self._refuses():
            return
        if address.path == "/hear":
            task, name = asked.get("task", "slu"), asked.get("name", "the recording")
            question = partial(engine.hear, model, task, content, name)
        elif address.path == "/read":
            question = partial(engine.read, model, content.decode(errors="replace"))
        else:
            self._send("There is no such page.\n", HTTPStatus.NOT_FOUND)
            return
        with self.server.answering:
            html = answer_of(question)
        self._send(html, kind="text/html")

    def _refuses(self) -> bool:
        fault = refusal(self.server.host, self.command, {name.lower(): value for name, value in self.headers.items()})
        if fault is not None:
            self._send(fault, HTTPStatus.FORBIDDEN)
        return fault is not None

    def _filled(self, page: str) -> str:
        engine = self.server.engine
        return Template(page).substitute(
            models="".join(f"<option>{escape(name)}</option>" for name in engine.models),
            seconds=f"{engine.max_seconds:g}",
            characters=MAX_CHARACTERS,
            bytes=MAX_UPLOAD,
            welcome=message_html("Speak, drop a recording or type a sentence: the result appears here.", "welcome"),
        )

    def _send(self, text: str, status: HTTPStatus = HTTPStatus.OK, kind: str = "text/plain") -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """The terminal shows what went wrong only."""


def answer_of(question: Callable[[], Answer]) -> str:
    """The answer, or the error, as HTML: no input breaks the page."""
    start = time.monotonic()
    try:
        answer = question()
        picture = None
        if answer.attention is not None:
            picture = attention_picture(answer.attention, answer.features, answer.pieces)
        return answer_html(answer.results, picture, time.monotonic() - start)
    except UserError as error:
        return message_html(str(error))
    except Exception:  # a page that shows nothing helps nobody; the terminal has the whole of it
        logger.exception("the page could not answer")
        return message_html("Internal error: see the terminal that the page was started from.")


def refusal(host: str, method: str, headers: Mapping[str, str]) -> str | None:
    """Why a request is not answered; None if it is.

    A page of another site may have its name point to this machine (DNS rebinding): so the ``Host`` that the browser
    asked is an address, ``localhost``, or the name of this machine. Or it may send forms and files here: so ``Origin``
    is this page, and what else a browser says to come from another site is a link that somebody followed.

    Args:
        host: that the page is served at (``--host``).
        headers: with names in lower case.
    """
    asked = headers.get("host", "")
    named = HOST.fullmatch(asked)
    name = named[1].strip("[]").lower() if named else ""
    if not (_is_address(name) or name in {"localhost", host.lower(), *own_names(host)}):
        return f"This page is not served under the name {name!r}: open it by this machine's address.\n"
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{asked.lower()}", f"https://{asked.lower()}"):
        return "This page takes nothing from pages of other origins.\n"
    followed = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
        return "This page takes nothing from pages of other sites.\n"
    return None


def own_names(host: str) -> frozenset[str]:
    """Names of this machine, where the page is open to the network."""
    if host == LOOPBACK:
        return frozenset()
    return frozenset({socket.gethostname().lower(), _full_name()})


@cache
def _full_name() -> str:
    return socket.getfqdn().lower()  # asks the network, perhaps


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
