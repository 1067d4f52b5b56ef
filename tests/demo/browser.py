"""The page as ``atat demo`` serves it, and a headless Chromium to look at it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: As root Chromium runs without its sandbox only; it visits nothing but the page.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@contextmanager
def serving(package: Path, folder: Path, root: Path) -> Iterator[tuple[str, int]]:
    """URL, at a free port, and process id; ``folder`` is where it runs and may keep temporary files."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"PYTHONPATH": str(root), "TMPDIR": str(folder), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-u", "-m", "espnet_atat.bin.atat", "demo", "--model", str(package), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as process:
        assert process.stdout is not None
        urls = (found[1] for line in process.stdout if (found := re.search(r"open (\S+) in a browser", line)))
        url = next(urls, None)
        assert url, f"the page ended with code {process.wait()} before it was there"
        yield url, process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def find_browser() -> tuple[Path, dict[str, str]]:
    """A Chromium and the environment that it runs in; skips the test where there is none."""
    given = os.environ.get("ATAT_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    installed = Path(os.environ.get("ATAT_MODELS", Path(sys.prefix, "models")), "chromium")
    if found is None and not (installed / "version").is_file():
        pytest.skip("no Chromium: run tools/install_browser.sh, or set ATAT_CHROMIUM to one")
    if found is not None:
        return Path(found), {**os.environ}
    fonts = {"FONTCONFIG_FILE": str(installed / "fonts.conf"), "LD_LIBRARY_PATH": str(installed / "lib")}
    return installed / "chromium", {**os.environ, **fonts}


@contextmanager
def open_browser() -> Iterator[object]:
    """Playwright's browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (the extra dev)")
    path, environment = find_browser()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, env=environment, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
