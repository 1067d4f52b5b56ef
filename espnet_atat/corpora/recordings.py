"""Checks of a corpus's audio, and copies at the rate and with the channels that the model expects.

Everything is read through soundfile (wav, flac, ogg, NIST sphere …). A file at another rate or with several channels is
refused unless the caller asked for a copy; soxr resamples at its highest quality.
"""

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from espnet_atat.arguments import check_ranges, option
from espnet_atat.datadir import Clip
from espnet_atat.graph.pool import spread, with_progress
from espnet_atat.speech.audio import (
    FASTEST,
    SAMPLE_RATE,
    AudioError,
    AudioInfo,
    OpenAudio,
    is_pipe,
    open_audio,
    read_samples,
    write_audio,
)

TAIL = 0.05  # seconds at the end that must decode, which detects truncated files


@dataclass(frozen=True)
class AudioRules:
    """Requirements on the audio of a data dir. Pipes can run anything: only for your own files."""

    sample_rate: int = option(SAMPLE_RATE, "Hz", least=1, most=FASTEST)
    resample: bool = option(False, "write copies of audio at another rate, rather than refuse it")
    mixdown: bool = option(False, "write copies of audio with several channels, rather than refuse it")
    min_duration: float = option(0.1, "seconds", least=0.0)
    max_duration: float = option(60.0, "seconds", least=0.0)
    allow_pipes: bool = option(False, "run wav.scp entries that are shell pipes, rather than refuse them")
    nj: int = option(min(4, os.cpu_count() or 1), "threads that examine audio", least=1)

    def __post_init__(self) -> None:
        check_ranges(self)


def _open(entry: str, rules: AudioRules) -> OpenAudio:
    return open_audio(entry, _run_pipe(entry, rules.allow_pipes) if is_pipe(entry) else None)


def _run_pipe(entry: str, allow_pipes: bool) -> bytes:
    command = Clip.of(entry).path.strip().strip("|").strip()
    if not allow_pipes:
        message = f"the wav.scp entry {entry!r} is a shell pipe; give a plain path, or --allow_pipes to run it"
        raise AudioError("shell pipe", message, configurable=True)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", errors="replace").strip().splitlines() or ["no message"]
        raise AudioError("unreadable audio", f"{shlex.quote(command)} ended with {done.returncode}: {why[-1]}")
    return done.stdout


def examine(entry: str, rules: AudioRules, *, full: bool = True) -> AudioInfo:
    """Read an audio file, or its header and its end, and compare it with the rules."""
    with _open(entry, rules) as audio:
        info = AudioInfo(audio.samplerate, audio.channels, audio.frames)
        read_samples(audio, entry, 0 if full else max(0, info.samples - int(TAIL * info.rate)))
    check_recording(entry, info, rules)
    return info


def check_recording(entry: str, info: AudioInfo, rules: AudioRules) -> None:
    if info.rate != rules.sample_rate and not rules.resample:
        found = f"{entry}: {info.rate} Hz where {rules.sample_rate} Hz is expected"
        raise AudioError("wrong sample rate", f"{found}; --resample writes resampled copies", configurable=True)
    if info.channels != 1 and not rules.mixdown:
        found = f"{entry}: {info.channels} channels where one is expected"
        raise AudioError("several channels", f"{found}; --mixdown writes copies with their mean", configurable=True)
    seconds = info.samples / info.rate
    if seconds < rules.min_duration:
        raise AudioError("too short", f"{entry}: {seconds:.3f} s is shorter than {rules.min_duration:g} s")
    if seconds > rules.max_duration:
        raise AudioError("too long", f"{entry}: {seconds:.1f} s is longer than {rules.max_duration:g} s")


def in_threads[Part, Found](
    work: Callable[[Part], Found], parts: Sequence[Part], nj: int, label: str
) -> list[Found | AudioError]:
    """What ``work`` gives for each part, or the error that it raises."""

    def one(part: Part) -> Found | AudioError:
        try:
            return work(part)
        except AudioError as error:
            return error

    found = dict(with_progress(spread(one, parts, nj, threads=True), label, len(parts)))
    return [found[part] for part in parts]


def write_copy(entry: str, path: Path, rules: AudioRules) -> None:
    """Write a mono 16-bit wav at the rules' rate, atomically."""
    with _open(entry, rules) as audio:
        samples, rate = read_samples(audio, entry), audio.samplerate
    mono = samples.mean(axis=1)  # (frames, channels) -> (frames,)
    if rate != rules.sample_rate:
        mono = soxr.resample(mono, rate, rules.sample_rate, quality="VHQ")
    write_audio(path, np.clip(mono, -1.0, 1.0), rules.sample_rate, "WAV", "PCM_16")
