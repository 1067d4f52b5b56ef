"""``atat demo``: serve the page on this machine until it is interrupted."""

import argparse
import gc
import logging
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from espnet_atat.arguments import Parser
from espnet_atat.demo import LOOPBACK
from espnet_atat.demo.engine import LoadedModels
from espnet_atat.errors import UserError
from espnet_atat.graph.node import RUNS
from espnet_atat.graph.work import read_stamp
from espnet_atat.model.device import check_device
from espnet_atat.package.reader import is_remote

PORT = 7860


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
    parser.add_argument("--port", type=int, default=PORT, help="0: any free port")
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
    try:
        from espnet_atat.demo.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise UserError("the page needs Starlette and uvicorn: pip install 'espnet_atat[demo]'") from error
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
                raise UserError(f"--model {source}: two models have the name {name}")
            named[name] = source
        return named
    found = sorted(RUNS.glob("*/valid.*.ave.pth"), key=lambda path: path.stat().st_mtime, reverse=True)
    stamps = {path.parent: read_stamp(path.parent) for path in found}
    # A language model's run has another kind, and a run that is still training has no seconds yet.
    runs = [run for run, stamp in stamps.items() if "seconds" in stamp and stamp["identity"]["kind"] == "training"]
    if not runs:
        raise UserError(f"no model: give --model PACKAGE, or train one (no finished run below {RUNS})")
    return {folder.name: str(folder) for folder in runs}
