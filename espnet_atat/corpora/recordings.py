"""Checks of a corpus's audio, and copies at the rate and with the channels that the model expects.

Everything is read through soundfile (wav, flac, ogg, NIST sphere …). A file at another rate or with several channels is
refused unless the caller asked for a copy; soxr resamples at its highest quality.
"""

import io
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from espnet_atat.errors import UserError

SAMPLE_RATE = 16_000  # Hz, the rate of every corpus of the paper
TAIL = 0.05  # seconds at the end that must decode, which detects truncated files


class AudioError(UserError):
    """One utterance's audio cannot be used.

    Attributes:
        kind: what reports group by, such as ``missing`` or ``truncated``.
        configurable: True if an option (``--resample``, ``--mixdown``, ``--allow_pipes``) solves the problem for every
            such file, so that the command should stop and name the option rather than drop utterances.
    """

    def __init__(self, kind: str, message: str, *, configurable: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.configurable = configurable


@dataclass(frozen=True)
class AudioRules:
    """Requirements on the audio of a data dir.

    Attributes:
        sample_rate: Hz.
        resample: copy files at another rate to this one rather than refuse them.
        mixdown: copy files with several channels, averaging these, rather than refuse them.
        allow_pipes: run ``wav.scp`` entries that are shell pipes. They can run anything: only for your own files.
        min_duration, max_duration: seconds, both allowed.
    """

    sample_rate: int = SAMPLE_RATE
    resample: bool = False
    mixdown: bool = False
    allow_pipes: bool = False
    min_duration: float = 0.1
    max_duration: float = 60.0


@dataclass(frozen=True)
class RecordingInfo:
    """Header of an audio file: ``sample_rate`` in Hz, ``frames`` a channel."""

    sample_rate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.sample_rate


def is_pipe(entry: str) -> bool:
    """Whether this ``wav.scp`` value is a shell command rather than a path."""
    stripped = entry.strip()
    return stripped.endswith("|") or stripped.startswith("|")


def open_entry(entry: str, *, allow_pipes: bool = False) -> soundfile.SoundFile:
    """Open the value of a ``wav.scp`` line.

    Raises:
        AudioError: a pipe that was not allowed or that failed; a file that is missing, empty or not audio.
    """
    source: str | io.BytesIO = entry
    if is_pipe(entry):
        source = io.BytesIO(_run_pipe(entry, allow_pipes))
    elif not Path(entry).is_file():
        raise AudioError("missing audio", f"{entry}: no such audio file")
    elif Path(entry).stat().st_size == 0:
        raise AudioError("empty audio", f"{entry}: the file has no bytes")
    try:
        return soundfile.SoundFile(source)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError("unreadable audio", f"{entry}: not readable as audio ({error})") from error


def _run_pipe(entry: str, allow_pipes: bool) -> bytes:
    command = entry.strip().strip("|").strip()
    if not allow_pipes:
        message = f"the wav.scp entry {entry!r} is a shell pipe; give a plain path, or --allow_pipes to run it"
        raise AudioError("shell pipe", message, configurable=True)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
        last = why[-1] if why else "no message"
        raise AudioError("unreadable audio", f"{shlex.quote(command)} ended with {done.returncode}: {last}")
    return done.stdout


def examine(entry: str, *, allow_pipes: bool = False, full: bool = False) -> RecordingInfo:
    """Read the header and the end of an audio file (all of it with ``full``).

    Raises:
        AudioError: the file is missing, empty, not audio, or truncated.
    """
    with open_entry(entry, allow_pipes=allow_pipes) as audio:
        info = RecordingInfo(audio.samplerate, audio.channels, audio.frames)
        if info.frames <= 0:
            raise AudioError("empty audio", f"{entry}: the file has no samples")
        # libsndfile shortens a wav whose data chunk announces more than the file contains, and only its log tells.
        if audio.format in {"WAV", "WAVEX"} and "data :" in audio.extra_info:
            line = audio.extra_info.partition("data :")[2].partition("\n")[0]
            promised = line.split()[0] if line.split() else "0"
            if "should be" in line and promised.isdigit() and 0 < int(promised) < 0xFFFF_0000:
                raise AudioError("truncated audio", f"{entry}: the file was cut off (data chunk: {line.strip()} bytes)")
        try:
            start = 0 if full else max(0, info.frames - int(TAIL * info.sample_rate))
            audio.seek(start)
            read = len(audio.read(dtype="float32"))
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError("truncated audio", f"{entry}: damaged or cut off ({error})") from error
        if read != info.frames - start:
            found = start + read
            raise AudioError(
                "truncated audio", f"{entry}: the header promises {info.frames} samples, {found} are there"
            )
    return info


def check(entry: str, info: RecordingInfo, rules: AudioRules) -> None:
    """Compare a file with the rules.

    Raises:
        AudioError: another rate, several channels (unless the rules allow a copy), or a duration out of bounds.
    """
    if info.sample_rate != rules.sample_rate and not rules.resample:
        found = f"{entry}: {info.sample_rate} Hz where {rules.sample_rate} Hz is expected"
        raise AudioError("wrong sample rate", f"{found}; --resample writes resampled copies", configurable=True)
    if info.channels != 1 and not rules.mixdown:
        found = f"{entry}: {info.channels} channels where one is expected"
        raise AudioError("several channels", f"{found}; --mixdown writes copies with their mean", configurable=True)
    if info.duration < rules.min_duration:
        raise AudioError("too short", f"{entry}: {info.duration:.3f} s is shorter than {rules.min_duration:g} s")
    if info.duration > rules.max_duration:
        raise AudioError("too long", f"{entry}: {info.duration:.1f} s is longer than {rules.max_duration:g} s")


def needs_copy(entry: str, info: RecordingInfo, rules: AudioRules) -> bool:
    """Whether a copy must be written for this file to meet the rules."""
    return is_pipe(entry) or info.sample_rate != rules.sample_rate or info.channels != 1


def read(entry: str, *, allow_pipes: bool = False) -> tuple[npt.NDArray[np.float32], int]:
    """Samples in (-1, 1), shape = (frames, channels), and the rate in Hz.

    Raises:
        AudioError: the file cannot be read.
    """
    with open_entry(entry, allow_pipes=allow_pipes) as audio:
        try:
            return audio.read(dtype="float32", always_2d=True), audio.samplerate
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioError("unreadable audio", f"{entry}: damaged ({error})") from error


def write_copy(entry: str, path: Path, rules: AudioRules) -> None:
    """Write a mono 16-bit wav at the rules' rate, atomically.

    Raises:
        AudioError: the source cannot be read.
    """
    samples, rate = read(entry, allow_pipes=rules.allow_pipes)
    mono = samples.mean(axis=1)  # (frames, channels) -> (frames,)
    if rate != rules.sample_rate:
        mono = soxr.resample(mono, rate, rules.sample_rate, quality="VHQ")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        soundfile.write(temporary, np.clip(mono, -1.0, 1.0), rules.sample_rate, subtype="PCM_16", format="WAV")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
