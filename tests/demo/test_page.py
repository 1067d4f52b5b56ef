"""A person at the page, in a headless Chromium: types, uploads a recording, speaks, uploads rubbish."""

import os
import re
from pathlib import Path

import pytest

from tests.demo.browser import open_browser, serving
from tests.toy_package import write_command

pytestmark = pytest.mark.slow

PATIENCE = 120_000  # milliseconds: a busy machine starts slowly
RESULT = "#result .answer"
MESSAGE = "#result .message:not(.welcome)"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory) -> Path:
    """Where the page's process may keep temporary files."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def server(toy_package, temporary, root):
    with serving(toy_package, temporary, root) as (url, _):
        yield url
        assert list(temporary.iterdir()) == []  # what is uploaded never reaches the disk


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    """The page, freshly opened; nothing on it may ask any other address."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["microphone"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    elsewhere: list[str] = []
    page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith((server, "data:", "blob:")) else None)
    page.goto(server)
    page.wait_for_selector("#result .welcome")
    yield page
    context.close()
    assert elsewhere == []


def upload(page, path: Path) -> None:
    page.get_by_role("tab", name="Recording").click()
    page.set_input_files("#upload input[type=file]", path)


def test_a_typed_sentence_is_understood(page):
    page.get_by_role("tab", name="Type").click()
    page.fill("#sentence", "Play moon!")
    page.keyboard.press("Enter")
    page.wait_for_selector(RESULT)
    assert page.locator("#result h3").all_inner_texts() == ["Tree", "Frame", "Words", "Alternatives", "Attention"]
    assert page.locator("#result svg text").all_inner_texts() != []
    assert page.locator("#result table.frame td").all_inner_texts() == ["PLAY", "SONG", "moon"]
    assert page.locator("#result .words").inner_text() == "play moon"
    assert page.locator("#result table.alternatives tr").count() > 2
    page.wait_for_function("() => document.querySelector('#result img').naturalWidth > 500")


def test_a_recording_is_understood_and_written_down(page, tmp_path):
    upload(page, write_command(tmp_path / "stop.wav", 1))
    page.wait_for_selector(RESULT)
    assert page.locator("#result table.frame td").first.inner_text() == "STOP"
    page.locator("#task").get_by_label("write down the words").check()
    page.locator("#ask").click()
    page.wait_for_selector("#result h3:text('Words')")
    page.wait_for_function("() => !document.querySelector('#result svg')")
    assert page.locator("#result .words").inner_text() == "stop it"


def test_rubbish_is_named_and_the_page_goes_on(page, tmp_path):
    rubbish = tmp_path / "rubbish.wav"
    rubbish.write_bytes(os.urandom(3000))
    upload(page, rubbish)
    page.wait_for_selector(MESSAGE)
    message = "rubbish.wav cannot be read as audio; take a recording in WAV, FLAC, Ogg or MP3"
    assert page.locator(MESSAGE).inner_text() == message
    page.get_by_role("tab", name="Type").click()
    page.locator("#ask").click()
    page.wait_for_selector(f"{MESSAGE}:has-text('no word')")
    page.fill("#sentence", "stop it")
    page.locator("#ask").click()
    page.wait_for_selector(RESULT)


def test_what_is_too_large_is_refused(page, tmp_path):
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(11 * 2**20))
    upload(page, large)
    page.get_by_text(re.compile("maximum|too large|exceed", re.IGNORECASE)).first.wait_for()
    assert page.locator(RESULT).count() == 0


def test_a_person_can_speak(page):
    """Chromium's stand-in for a microphone beeps: what is heard in that is no matter."""
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(RESULT)
    assert page.locator("#microphone audio").evaluate("audio => audio.duration") > 1
    page.locator("#microphone .clear").click()
    page.wait_for_selector("#result .welcome")
