"""``atat demo``: serve the page on this machine until it is interrupted."""

import argparse
import gc
import ipaddress
import logging
import os
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from espnet_atat.arguments import Parser
from espnet_atat.demo.engine import LoadedModels
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import free_port
from espnet_atat.graph.node import RUNS
from espnet_atat.graph.work import read_stamp
from espnet_atat.model.device import check_device
from espnet_atat.package.reader import is_remote

LOOPBACK = "127.0.0.1"
PORT = 7860
#: Bytes of an upload. Half a minute of 16-bit stereo at 48 kHz has 6 MB.
MAX_UPLOAD = 10 * 2**20
#: Requests that wait; more are told to come back.
QUEUE = 16
#: Name or address, and a port, of a ``Host`` header.
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
#: The browser may load nothing from elsewhere, whatever Gradio's page asks for.
CONTENT_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; "
    "frame-ancestors 'none'; form-action 'self'; object-src 'none'"
)


def get_parser() -> argparse.ArgumentParser:
    about = "A page on this machine to speak or type to a model."
    defaults = argparse.ArgumentDefaultsHelpFormatter
    parser = Parser(prog="atat demo", description=about, formatter_class=defaults)
    about = (
        "package, folder of a training run, or hub name; may be given several times. Default: the finished training "
        f"runs below {RUNS}, the newest first"
    )
    parser.add_argument("--model", action="append", metavar="MODEL", help=about)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on; another opens the page to the network")
    parser.add_argument("--port", type=int, default=PORT, help="0: any that is free")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--max_seconds", type=float, default=30.0, help="longer recordings are cut at their pauses")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    args = get_parser().parse_args(argv)
    if not 0 <= args.port <= 65535:
        raise UserError(f"--port is from 0 to 65535, found {args.port}")
    if not 0.1 <= args.max_seconds <= 600:
        raise UserError(f"--max_seconds is from 0.1 to 600, found {args.max_seconds:g}")
    check_device(args.device)
    engine = LoadedModels(find_models(args.model), args.device, args.max_seconds)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with serve(engine, args.host, args.port) as url:
        first = next(iter(engine.models))
        print(f"loading {first} …", flush=True)
        engine.load(first)  # says now what is wrong with it, and the first question need not wait
        gc.freeze()  # see bin.atat.console
        gc.enable()
        print(f"open {url} in a browser; Ctrl-C ends it", flush=True)
        stopped.wait()


def find_models(given: Sequence[str] | None) -> dict[str, str]:
    """Short names of the models to choose from, each with where it is."""
    if given:
        named: dict[str, str] = {}
        for source in given:
            is_remote(source)  # a mistake is told now, not after a slow import
            name = Path(source).name if Path(source).exists() else source
            if name in named:
                raise UserError(f"--model {source}: there are two models of the name {name}")
            named[name] = source
        return named
    found = sorted(RUNS.glob("*/valid.*.ave.pth"), key=lambda path: path.stat().st_mtime, reverse=True)
    stamps = {path.parent: read_stamp(path.parent) for path in found}
    # A language model's run is of another kind, and that of one in training has no seconds yet.
    runs = [run for run, stamp in stamps.items() if "seconds" in stamp and stamp["identity"]["kind"] == "training"]
    if not runs:
        raise UserError(f"no model: give --model PACKAGE, or train one (no finished run below {RUNS})")
    return {folder.name: str(folder) for folder in runs}


@contextmanager
def serve(engine: LoadedModels, host: str = LOOPBACK, port: int = PORT) -> Iterator[str]:
    """Serve the page while the block runs; yields its URL. Whatever is uploaded is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="atat-demo-") as folder, _uploads_to(folder):
        page_module = _import_page()
        from starlette.middleware import Middleware
        from starlette.middleware.base import BaseHTTPMiddleware

        page = page_module.make_page(engine)
        page.queue(max_size=QUEUE, default_concurrency_limit=1, api_open=False)
        try:
            page.launch(
                server_name=host,
                server_port=port or free_port(host),
                max_file_size=MAX_UPLOAD,
                theme=page_module.theme(),
                css=page_module.CSS,
                share=False,
                pwa=False,
                mcp_server=False,
                ssr_mode=False,
                enable_monitoring=False,
                run_history=False,
                footer_links=[],
                quiet=True,
                app_kwargs={"middleware": [Middleware(BaseHTTPMiddleware, dispatch=partial(_guard, host))]},
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise UserError(f"{host}, port {port}: {error}; take another by --port") from error
        try:
            yield page.local_url
        finally:
            page.close(verbose=False)


@contextmanager
def _uploads_to(folder: str) -> Iterator[None]:
    """Have Gradio's files, and what is received, below ``folder``."""
    os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = None  # the folder goes
        os.environ.pop("GRADIO_TEMP_DIR", None)


def _import_page() -> Any:
    """Import Gradio with every call home switched off."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        from espnet_atat.demo import gradio_page
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise UserError("the page needs Gradio: pip install 'espnet_atat[demo]'") from error
    return gradio_page


async def _guard(host: str, request: Any, answer: Any) -> Any:
    """Refuse what another page asks; send the policy with every response."""
    from starlette.responses import PlainTextResponse

    fault = refusal(host, request.method, request.headers)
    response = await answer(request) if fault is None else PlainTextResponse(fault, status_code=403)
    response.headers["content-security-policy"] = CONTENT_POLICY
    response.headers["referrer-policy"] = "no-referrer"
    return response


def refusal(host: str, method: str, headers: Mapping[str, str]) -> str | None:
    """Why a request is not answered; None if it is.

    A page of another site may have its name point to this machine (DNS rebinding): so the ``Host`` that the browser
    asked is an address, ``localhost``, or the name of this machine. Or it may send forms and files here: so ``Origin``
    is this page, and what else a browser says to come from another site is a link that somebody followed.

    Args:
        host: that the page is served at (``--host``).
        headers: with names in lower case, or found in any.
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
