"""Forced alignment with Gentle, the paper's aligner: a running server, or a local installation.

Start a server from Gentle's Docker image with ``docker run -p 8765:8765 lowerquality/gentle``. The protocol is
Gentle's own: ``POST /transcriptions?async=false`` with the form's files ``audio`` and ``transcript``; it answers JSON.
Several requests are in flight when several processes align.
"""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import SUCCESS, AlignedWord, aligned, not_found
from espnet_atat.speech.alignment.run import AlignerUnavailable
from espnet_atat.speech.audio import probe

START_IT = "start it with 'docker run -p 8765:8765 lowerquality/gentle'"
CONNECT_TIMEOUT = 10.0  # seconds
DIED = "cannot be reached"


class _TryAgain(Exception):
    """A fault that may be gone at the next attempt; the text tells which."""


def parse_gentle(result: Any, words: list[str], duration: float) -> list[AlignedWord]:
    """Join Gentle's answer to the words of the transcript.

    Gentle has its own idea of a word, so its pieces are joined to the transcript's words by their character offsets.
    A word is found if all its pieces are: ``<unk>`` in ``alignedWord`` (a word outside Gentle's vocabulary) has times
    and counts. Words that Gentle heard in addition (``not-found-in-transcript``) are passed over.

    Args:
        result: the decoded JSON.
        words: the transcript, whose words joined with one space were sent.
        duration: of the audio in seconds; times past it are cut.

    Raises:
        UserError: the answer is not Gentle's.
    """
    pieces = result.get("words") if isinstance(result, dict) else None
    if not isinstance(pieces, list) or not all(isinstance(piece, dict) for piece in pieces):
        status = result.get("error", "no list 'words' in it") if isinstance(result, dict) else repr(result)[:80]
        raise UserError(f"Gentle's answer is not an alignment: {status}")
    spoken = [piece for piece in pieces if isinstance(piece.get("startOffset"), int) and "endOffset" in piece]
    made, offset, place = [], 0, 0
    for word in words:
        end = offset + len(word)
        mine = []
        while place < len(spoken) and spoken[place]["startOffset"] < end:
            if spoken[place]["startOffset"] >= offset:
                mine.append(spoken[place])
            place += 1
        made.append(_join(word, mine, duration))
        offset = end + 1  # the space
    return made


def _join(word: str, pieces: list[dict[str, Any]], duration: float) -> AlignedWord:
    """A word from its pieces."""
    if not pieces or any(piece.get("case") != SUCCESS for piece in pieces):
        return not_found(word)
    start, end = pieces[0].get("start"), pieces[-1].get("end")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return not_found(word)
    return aligned(word, start, min(end, duration))


@dataclass(frozen=True)
class GentleServer:
    """Aligns through a running server.

    Attributes:
        url: where it listens.
        timeout: seconds that an utterance may take.
        retries: further attempts after a fault that may pass: an error of the server, a torn answer, no answer.
        backoff: seconds before the first of them; each further pause is twice as long.
    """

    url: str = "http://localhost:8765"
    timeout: float = 300.0
    retries: int = 4
    backoff: float = 1.0

    def prepare(self) -> None:
        """Check that a server answers. Raises AlignerUnavailable."""
        import requests

        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy: the server is near
                session.get(self.url, timeout=CONNECT_TIMEOUT)
        except requests.RequestException as error:
            raise AlignerUnavailable(f"no Gentle server answers at {self.url}; {START_IT}") from error

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Times of the words of an utterance.

        Raises:
            UserError: the audio cannot be read, or this utterance failed at every attempt.
            AlignerUnavailable: the server is gone, or it is not a Gentle server.
        """
        info = probe(path)
        audio, words = Path(path).read_bytes(), text.split()
        fault = ""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(self.backoff * 2 ** (attempt - 1))
            try:
                return parse_gentle(self._ask(utt, audio, " ".join(words)), words, info.samples / info.rate)
            except _TryAgain as error:
                fault = str(error)
        if fault.endswith(DIED):
            raise AlignerUnavailable(
                f"{utt}: {fault} after {self.retries + 1} attempts; {START_IT} and run the command again to continue"
            )
        raise UserError(f"{fault} ({self.retries + 1} attempts)")

    def _ask(self, utt: str, audio: bytes, transcript: str) -> Any:
        """One request. Returns the decoded JSON."""
        import requests

        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    f"{self.url.rstrip('/')}/transcriptions",
                    params={"async": "false"},
                    files={"audio": (utt, audio), "transcript": ("transcript.txt", transcript.encode())},
                    timeout=(CONNECT_TIMEOUT, self.timeout),
                )
        except requests.ReadTimeout as error:
            raise _TryAgain(f"Gentle took longer than {self.timeout:g} s") from error
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise _TryAgain("Gentle's answer broke off") from error
        except requests.RequestException as error:
            raise _TryAgain(f"Gentle at {self.url} {DIED}") from error
        if answer.status_code >= 500:
            raise _TryAgain(f"Gentle's server failed with status {answer.status_code}")
        if answer.status_code != 200:
            raise AlignerUnavailable(f"{self.url} answers with status {answer.status_code}: is it a Gentle server?")
        try:
            return json.loads(answer.content)
        except ValueError as error:
            raise _TryAgain("Gentle's answer broke off: it is not whole JSON") from error


@dataclass(frozen=True)
class GentleInstallation:
    """Aligns through ``align.py`` of a local installation, one process an utterance.

    Attributes:
        folder: where Gentle was built by its ``install.sh``.
        python: the interpreter that Gentle was installed for.
        timeout: seconds that an utterance may take.
    """

    folder: str
    python: str = "python3"
    timeout: float = 300.0

    def prepare(self) -> None:
        """Check that it is there. Raises AlignerUnavailable."""
        if not (Path(self.folder) / "align.py").is_file():
            raise AlignerUnavailable(f"no align.py in {self.folder}; give --gentle_dir the folder that Gentle is in")

    def align(self, utt: str, path: str, text: str) -> list[AlignedWord]:
        """Times of the words of an utterance.

        Raises:
            UserError: the audio cannot be read, or align.py failed.
            AlignerUnavailable: the interpreter does not start.
        """
        info, words = probe(path), text.split()
        with tempfile.TemporaryDirectory() as folder:
            transcript, output = Path(folder) / "transcript.txt", Path(folder) / "align.json"
            transcript.write_text(" ".join(words), encoding="utf-8")
            command = [self.python, "align.py", "--nthreads", "1", "-o", str(output), str(Path(path).resolve())]
            command.append(str(transcript))
            try:
                done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=self.timeout)
            except subprocess.TimeoutExpired as error:
                raise UserError(f"align.py took longer than {self.timeout:g} s") from error
            except OSError as error:
                raise AlignerUnavailable(f"{utt}: {self.python} does not start ({error.strerror})") from error
            if done.returncode:
                reason = done.stderr.strip().splitlines() or ["it says nothing"]
                raise UserError(f"align.py failed with code {done.returncode}: {reason[-1]}")
            try:
                return parse_gentle(json.loads(output.read_bytes()), words, info.samples / info.rate)
            except (OSError, ValueError) as error:
                raise UserError(f"align.py wrote no alignment: {error}") from error
