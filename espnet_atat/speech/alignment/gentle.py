"""Forced alignment with Gentle, the paper's aligner: running servers, or a local installation.

``tools/start_gentle.sh`` starts servers from Gentle's Docker image. The protocol is Gentle's own:
``POST /transcriptions?async=false`` with the form's files ``audio`` and ``transcript``; it answers JSON.
"""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet_atat.datadir import Clip
from espnet_atat.errors import Unavailable, UserError
from espnet_atat.speech.alignment.record import SUCCESS, AlignedWord, aligned, not_found
from espnet_atat.speech.audio import audio_bytes, probe
from espnet_atat.strict_json import parse_json, read_json

START_IT = "start it with tools/start_gentle.sh, or 'docker run -p 8765:8765 lowerquality/gentle'"
CONNECT_TIMEOUT = 10.0  # seconds
#: Seconds that an utterance may take: so many, and so many for each second of audio.
LEAST, PER_SECOND = 60.0, 6.0
#: Attempts that may end without an answer, within that time. Gentle never answers where it fails on a file.
SLOW_ATTEMPTS = 2
#: Seconds that a server is not asked after it was found gone, unless all are.
ABSENCE = 60.0
_absent_until: dict[str, float] = {}  # of this process


class _TryAgain(Exception):
    """A fault that may be gone at the next attempt."""


class _Slow(_TryAgain):
    """No answer in time."""


class _Gone(_TryAgain):
    """No server answers."""


def time_limit(seconds: float, timeout: float | None) -> float:
    """Seconds that an utterance of so many seconds may take, if no ``timeout`` is given."""
    return LEAST + PER_SECOND * seconds if timeout is None else timeout


def parse_gentle(result: Any, words: list[str], duration: float) -> list[AlignedWord]:
    """Join Gentle's answer, decoded JSON, to the words of the transcript, which were sent joined with one space.

    Gentle divides words in its own way: its pieces are assigned by character offsets, and a word is found if all its
    pieces are. ``<unk>`` in ``alignedWord`` (a word outside Gentle's vocabulary) has times and counts. Words heard in
    addition (``not-found-in-transcript``) are passed over, times past the ``duration`` of the audio, in seconds, cut.
    """
    pieces = result.get("words") if isinstance(result, dict) else None
    if not isinstance(pieces, list) or not all(isinstance(piece, dict) for piece in pieces):
        status = result.get("error", "no list 'words' in it") if isinstance(result, dict) else repr(result)[:80]
        raise UserError(f"Gentle's answer is not an alignment: {status}")
    spoken = [piece for piece in pieces if isinstance(piece.get("startOffset"), int) and "endOffset" in piece]
    made, offset = [], 0
    for word in words:
        end = offset + len(word)
        made.append(_join(word, [piece for piece in spoken if offset <= piece["startOffset"] < end], duration))
        offset = end + 1  # the space
    return made


def _join(word: str, pieces: list[dict[str, Any]], duration: float) -> AlignedWord:
    if not pieces or any(piece.get("case") != SUCCESS for piece in pieces):
        return not_found(word)
    start, end = pieces[0].get("start"), pieces[-1].get("end")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return not_found(word)
    return aligned(word, start, min(end, duration))


@dataclass(frozen=True)
class GentleServers:
    """Aligns through running servers. All give the same alignments: which ones did is not part of what was made.

    An utterance may take ``timeout`` seconds in all (None: see ``time_limit``), an attempt half of them. After a fault
    that may pass (an error of a server, a torn answer, no server) there are ``retries`` further attempts.
    """

    urls: tuple[str, ...] = field(default=("http://localhost:8765",), repr=False)
    timeout: float | None = field(default=None, repr=False)
    retries: int = field(default=4, repr=False)
    backoff: float = field(default=1.0, repr=False)  # seconds before the first; each further pause is twice as long

    def prepare(self) -> None:
        """Check that a server answers; name those that do not."""
        silent = [url for url in self.urls if not _answers(url)]
        if len(silent) == len(self.urls):
            raise Unavailable(f"no Gentle server answers at {' or '.join(silent)}; {START_IT}")
        if silent:
            print(f"warning: no Gentle server answers at {' or '.join(silent)}; the others are used", file=sys.stderr)

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Times of the words. Raises Unavailable if no server is left, or one is not a Gentle server."""
        info = probe(path)
        seconds, words = info.samples / info.rate, text.split()
        form = {"audio": (utt, audio_bytes(path)), "transcript": ("transcript.txt", " ".join(words).encode())}
        limit = time_limit(seconds, self.timeout)
        deadline = time.monotonic() + limit
        faults: list[_TryAgain] = []
        while len(faults) <= self.retries:
            if faults:
                pause = self.backoff * 2 ** (len(faults) - 1)
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            if time.monotonic() >= deadline:
                break
            try:
                return parse_gentle(self._ask_any(form, len(faults), limit, deadline), words, seconds)
            except _TryAgain as fault:
                faults.append(fault)
            if sum(isinstance(fault, _Slow) for fault in faults) == SLOW_ATTEMPTS:
                break
        attempts, last = f"{len(faults)} attempt{'s' if len(faults) > 1 else ''}", faults[-1]
        if isinstance(last, _Gone):
            again = "and run the command again to continue"
            raise Unavailable(f"{utt}: {last} after {attempts}; {START_IT} {again}")
        raise UserError(f"{last} ({attempts}{f' in {limit:.3g} s' if isinstance(last, _Slow) else ''})")

    def _ask_any(self, form: Mapping[str, Any], attempt: int, limit: float, deadline: float) -> Any:
        """One request to the first server that answers: this process's own, and another at each attempt."""
        first = (_process_number() + attempt) % len(self.urls)
        urls = self.urls[first:] + self.urls[:first]
        present = [url for url in urls if _absent_until.get(url, 0.0) <= time.monotonic()]
        for url in present or urls:
            try:
                return _ask(url, form, min(limit / SLOW_ATTEMPTS, deadline - time.monotonic()))
            except _Gone:
                _absent_until[url] = time.monotonic() + ABSENCE
        raise _Gone(f"Gentle at {' or '.join(self.urls)} cannot be reached")


def _process_number() -> int:
    """1, 2, … in the processes of a pool, as they were started; 0 in the first process."""
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return int(number) if number.isdigit() else 0


def _answers(url: str) -> bool:
    """Whether a server answers; Gentle shows a page even while it aligns."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy: the server is near
            session.get(url, timeout=CONNECT_TIMEOUT)
    except requests.RequestException:
        return False
    return True


def _ask(url: str, form: Mapping[str, Any], timeout: float) -> Any:
    """One request to one server: the decoded JSON. A server that neither answers nor shows its page is ``_Gone``."""
    import requests

    if timeout <= 0:
        raise _Slow("Gentle did not answer in time")
    try:
        with requests.Session() as session:
            session.trust_env = False
            patience = (min(CONNECT_TIMEOUT, timeout), timeout)
            answer = session.post(f"{url}/transcriptions", params={"async": "false"}, files=form, timeout=patience)
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
        raise _TryAgain("Gentle's answer broke off") from error
    except requests.RequestException as error:
        if not _answers(url):
            raise _Gone from error
        if isinstance(error, requests.ReadTimeout):
            raise _Slow("Gentle did not answer in time") from error
        raise _TryAgain(f"the connection to Gentle at {url} broke off") from error
    if answer.status_code >= 500:
        raise _TryAgain(f"Gentle's server failed with status {answer.status_code}")
    if answer.status_code != 200:
        raise Unavailable(f"{url} answers with status {answer.status_code}: is it a Gentle server?")
    try:
        return parse_json(answer.content, url)
    except ValueError as error:
        raise _TryAgain(f"Gentle's answer broke off: it is not whole JSON ({error})") from error


@dataclass(frozen=True)
class GentleInstallation:
    """Aligns through ``align.py`` of a local installation, one process an utterance."""

    folder: str  # where Gentle was built by its install.sh
    python: str = "python3"  # that Gentle was installed for
    timeout: float | None = field(default=None, repr=False)

    def prepare(self) -> None:
        if not (Path(self.folder) / "align.py").is_file():
            raise Unavailable(f"no align.py in {self.folder}; give --gentle_dir the folder that Gentle is in")

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Times of the words. Raises Unavailable if the interpreter does not start."""
        info, words = probe(path), text.split()
        seconds = info.samples / info.rate
        limit = time_limit(seconds, self.timeout)
        with tempfile.TemporaryDirectory() as folder:
            transcript, output = Path(folder) / "transcript.txt", Path(folder) / "align.json"
            transcript.write_text(" ".join(words), encoding="utf-8")
            audio = Path(path).resolve()
            if not Clip.of(path).is_whole:
                audio = Path(folder) / "audio"
                audio.write_bytes(audio_bytes(path))
            command = [self.python, "align.py", "--nthreads", "1", "-o", str(output), str(audio), str(transcript)]
            try:
                done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=limit)
            except subprocess.TimeoutExpired as error:
                raise UserError(f"align.py took longer than {limit:.3g} s") from error
            except OSError as error:
                raise Unavailable(f"{utt}: {self.python} does not start ({error.strerror})") from error
            if done.returncode:
                reason = done.stderr.strip().splitlines() or ["it says nothing"]
                raise UserError(f"align.py failed with code {done.returncode}: {reason[-1]}")
            try:
                return parse_gentle(read_json(output), words, seconds)
            except (OSError, ValueError) as error:
                raise UserError(f"align.py wrote no alignment: {error}") from error
