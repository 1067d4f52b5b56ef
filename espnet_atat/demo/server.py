"""What answers the browser: the page's files, and to a recording or a sentence its answer as HTML."""

import asyncio
import ipaddress
import logging
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import h11
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from espnet_atat.demo import LOOPBACK
from espnet_atat.demo.drawing import answer_html, attention_picture, message_html
from espnet_atat.demo.engine import MAX_CHARACTERS, LoadedModels
from espnet_atat.errors import UserError

logger = logging.getLogger(__name__)

#: Bytes of an upload. Half a minute of 16-bit stereo at 48 kHz has 6 MB.
MAX_UPLOAD = 10 * 2**20
#: Requests at once: one is answered while the others wait; further ones are told to come back.
QUEUE = 16
#: Pictures of the last answers that a browser may still ask for.
PICTURES = 2 * QUEUE
#: Seconds in which the head of a request must arrive, and then its body.
PATIENCE = 60.0
#: Name or address, and a port, of a ``Host`` header.
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
HEADERS = {
    # The browser may load nothing from elsewhere, and run nothing but the page's own script.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "media-src blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@contextmanager
def serve(engine: LoadedModels, host: str = LOOPBACK, port: int = 0) -> Iterator[str]:
    """Serve the page while the block runs; yields its URL. Port 0: any free port."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]  # of a name the first
        dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(address, family=family, dualstack_ipv6=dual)
    except OSError as error:
        raise UserError(f"{host}, port {port}: {error}; take another by --port") from error
    page = make_page(engine, own_names(host))
    options: dict[str, Any] = {"http": Connection, "loop": "asyncio", "ws": "none", "lifespan": "off"}
    options |= {"log_config": None, "log_level": "error", "access_log": False}
    options |= {"headers": list(HEADERS.items()), "server_header": False, "proxy_headers": False}
    server = Server(Config(page, **options))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    name = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    try:
        yield f"http://{name}:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(1.0)  # who still waits for an answer gets none


class Connection(H11Protocol):
    """Closes if a request's head or its body does not arrive in time: uvicorn would wait for the rest for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.deadline: asyncio.TimerHandle | None = None
        self.expected: object = None
        self._expect()

    def handle_events(self) -> None:
        super().handle_events()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.deadline is not None:
            self.deadline.cancel()

    def _expect(self) -> None:
        """Start the time anew if something else is expected than before, however many bytes have come."""
        state = self.conn.their_state
        expected = (self.cycle, state) if state in (h11.IDLE, h11.SEND_BODY) else None
        if expected == self.expected:
            return
        if self.deadline is not None:
            self.deadline.cancel()
        self.deadline = self.loop.call_later(PATIENCE, self.transport.abort) if expected else None
        self.expected = expected


def make_page(engine: LoadedModels, names: Collection[str]) -> Starlette:
    """The page, which may be asked under ``names``."""
    # Answers are found one at a time, for each takes all cores that it can use.
    places, turn = asyncio.Semaphore(QUEUE), asyncio.Lock()
    pictures = Pictures()
    html, css, js = (Path(__file__).with_name(f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    filled = Template(html).substitute(
        models="".join(f"<option>{escape(name)}</option>" for name in engine.models),
        seconds=f"{engine.max_seconds:g}",
        characters=MAX_CHARACTERS,
        bytes=MAX_UPLOAD,
        welcome=message_html("Speak, drop a recording or type a sentence: the result appears here.", "welcome"),
    )

    async def ask(request: Request) -> Response:
        if places.locked():
            raise HTTPException(503, "Too many requests at once: try again in a minute.\n")
        async with places:
            try:
                content = await request.body()
            except ClientDisconnect:
                return Response()  # to nobody
            async with turn:
                work = partial(answer_of, engine, pictures, request.url.path, request.query_params, content)
                return HTMLResponse(await in_thread(work))

    async def picture(request: Request) -> Response:
        if places.locked():
            raise HTTPException(503, "Too many requests at once: try again in a minute.\n")
        if (draw := pictures.drawings.get(request.url.path)) is None:
            raise HTTPException(404, "This picture belongs to an older answer.\n")
        async with places, turn:
            return Response(await in_thread(draw), media_type="image/png")

    routes = [
        Route("/", HTMLResponse(filled), methods=["GET"]),
        Route("/page.css", Response(css, media_type="text/css"), methods=["GET"]),
        Route("/page.js", Response(js, media_type="text/javascript"), methods=["GET"]),
        Route("/hear", ask, methods=["POST"]),
        Route("/read", ask, methods=["POST"]),
        Route("/attention/{name}", picture, methods=["GET"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(own_only, names)], max_body_size=MAX_UPLOAD)


async def in_thread[Result](work: Callable[[], Result]) -> Result:
    """The result of ``work``, or its error. Unlike a pool's thread, this one keeps no process from ending."""
    loop = asyncio.get_running_loop()
    result = loop.create_future()

    def run() -> None:
        try:
            found = partial(result.set_result, work())
        except BaseException as error:  # raised again where the result is awaited
            found = partial(result.set_exception, error)
        loop.call_soon_threadsafe(found)

    threading.Thread(target=run, daemon=True).start()
    return await result


class Pictures:
    """The attention of the last answers, drawn when the browser asks for it: the answer need not wait for Matplotlib.

    Attributes:
        drawings: a picture's path to what draws it. The path of another's answer cannot be guessed.
    """

    def __init__(self) -> None:
        self.drawings: dict[str, Callable[[], bytes]] = {}

    def keep(self, draw: Callable[[], bytes]) -> str:
        address = f"attention/{secrets.token_hex(16)}.png"
        self.drawings[f"/{address}"] = draw
        for old in list(self.drawings)[:-PICTURES]:
            del self.drawings[old]
        return address


def answer_of(engine: LoadedModels, pictures: Pictures, path: str, asked: Mapping[str, str], content: bytes) -> str:
    """The answer, or the error, as HTML: no input breaks the page."""
    start = time.monotonic()
    model, task, name = asked.get("model", ""), asked.get("task", "slu"), asked.get("name", "the recording")
    try:
        if path == "/hear":
            answer = engine.hear(model, task, content, name)
        else:
            answer = engine.read(model, content.decode(errors="replace"))
        picture = None
        if answer.attention is not None:
            drawn = replace(answer.attention, weights=answer.attention.mean[None, None])  # heads take memory
            picture = pictures.keep(partial(attention_picture, drawn, answer.features, answer.pieces))
        return answer_html(answer.results, picture, time.monotonic() - start)
    except UserError as error:
        return message_html(str(error))
    except Exception:  # a page that shows nothing helps nobody; the terminal has the whole of it
        logger.exception("the page could not answer")
        return message_html("Internal error: see the terminal that the page was started from.")


def own_only(app: ASGIApp, names: Collection[str]) -> ASGIApp:
    """Let through what ``refusal`` has nothing against."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        fault = refusal(names, scope["method"], Headers(scope=scope))
        await (app if fault is None else PlainTextResponse(fault, 403))(scope, receive, send)

    return answer


def refusal(names: Collection[str], method: str, headers: Mapping[str, str]) -> str | None:
    """Why a request is not answered; None if it is.

    A page of another site may have its name point to this machine (DNS rebinding): so the ``Host`` that the browser
    asked is an address, ``localhost``, or the name of this machine. Or it may send forms and files here: so ``Origin``
    is this page, and what else a browser says to come from another site is a link that somebody followed.

    Args:
        names: that the page may be asked under.
        headers: with names in lower case.
    """
    asked = headers.get("host", "")
    named = HOST.fullmatch(asked)
    name = named[1].strip("[]").lower() if named else ""
    if not (_is_address(name) or name in names):
        return f"This page is not served under the name {name!r}: open it by this machine's address.\n"
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{asked.lower()}", f"https://{asked.lower()}"):
        return "This page accepts nothing from pages of other origins.\n"
    followed = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed:
        return "This page accepts nothing from pages of other sites.\n"
    return None


def own_names(host: str) -> frozenset[str]:
    """Names of the page that is served at ``host``: those of this machine too, where it is open to the network."""
    network = () if host == LOOPBACK else (socket.gethostname(), socket.getfqdn())
    return frozenset(name.lower() for name in ("localhost", host, *network))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
