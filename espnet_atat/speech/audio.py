"""Reading speech: any format of libsndfile (wav, flac, mp3, sphere, Ogg with Opus or Vorbis …), mono, 16 kHz.

What is read is a file, or a stretch of one, perhaps of one channel: ``datadir.Clip`` says how an entry names it.
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile

from espnet_atat.atomic import write_bytes
from espnet_atat.datadir import SAMPLE_RATE, Clip
from espnet_atat.errors import UserError, first_line
from espnet_atat.speech.containers import counted, damage

#: Floating-point samples may be integers of 32 bits by mistake, which features bear; what is larger is no audio.
LOUDEST_SAMPLE = 2.0**31
SLOWEST, FASTEST = 1_000, 1_000_000  # Hz: a file that says anything else is damaged, and would fill the memory
STREAMED = 0xFFFF_0000  # bytes: a data chunk of such a length was written before its length was known

#: Seconds by which a stretch may end behind its recording, and is then cut there: as Kaldi's extract-segments has it.
OVERSHOOT = 0.5

# libsndfile subtype -> array type that holds its samples without loss, and the format and subtype to write them with
LOSSLESS = {
    "PCM_24": ("int32", "FLAC", "PCM_24"),
    "PCM_32": ("int32", "WAV", "PCM_32"),
    "FLOAT": ("float32", "WAV", "FLOAT"),
    "DOUBLE": ("float64", "WAV", "DOUBLE"),
}
SIXTEEN_BIT = ("int16", "FLAC", "PCM_16")  # everything else, lossy codecs included


class AudioError(UserError):
    """One utterance's audio cannot be used; reports group by the ``kind`` of problem, such as ``too short``.

    ``configurable``: an option (``--resample``, ``--mixdown``, ``--allow_pipes``) solves the problem for every such
    file, so that a command should stop and name the option rather than drop utterances.
    """

    def __init__(self, kind: str, message: str, *, configurable: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.configurable = configurable


@dataclass(frozen=True)
class AudioInfo:
    rate: int  # Hz
    channels: int
    samples: int  # of each channel


@dataclass(frozen=True)
class OpenAudio:
    """An open file; ``frames`` samples are read from ``first`` on, from one channel or from all."""

    file: soundfile.SoundFile
    first: int
    frames: int
    channel: int | None

    @property
    def samplerate(self) -> int:
        rate: int = self.file.samplerate
        return rate

    @property
    def channels(self) -> int:
        return self.file.channels if self.channel is None else 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def probe(path: str | Path) -> AudioInfo:
    """Read a file's header. Raises AudioError: no such file, a pipe in place of a path, not audio, or cut off."""
    with open_audio(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames)


def read_audio(path: str | Path, resample: bool = False) -> np.ndarray:
    """Read an utterance as mono samples at 16 kHz in [-1, 1), float32, shape (num_samples,).

    Audio of another rate or of several channels is an error unless ``resample`` is set.
    """
    with open_audio(path) as file:
        hint = "convert it, or give --resample true"
        if file.samplerate != SAMPLE_RATE and not resample:
            raise UserError(f"{path} has {file.samplerate} samples per second, not {SAMPLE_RATE}; {hint}")
        if file.channels != 1 and not resample:
            raise UserError(f"{path} has {file.channels} channels, not 1; {hint}")
        return convert_rate(_mono(file, path), file.samplerate)


def read_mono(path: str | Path, mixdown: bool = False, content: bytes | None = None) -> tuple[np.ndarray, int]:
    """Read an utterance at its own rate: samples in [-1, 1), float32, shape (num_samples,), and Hz.

    ``content``: the file's bytes, if it is not on the disk; ``path`` is its name then.
    """
    with open_audio(path, content) as file:
        if file.channels != 1 and not mixdown:
            raise UserError(f"{path} has {file.channels} channels, not 1; mix them down")
        return _mono(file, path), file.samplerate


def read_lossless(path: str | Path) -> tuple[np.ndarray, int, str, str]:
    """Read mono samples (num_samples,) so that writing them again changes none; of a lossy codec, at 16 bits.

    Returns them, their rate in Hz, and the format and subtype to write them with.
    """
    with open_audio(path) as file:
        dtype, container, subtype = LOSSLESS.get(file.file.subtype, SIXTEEN_BIT)
        samples, rate = read_samples(file, path, dtype=dtype), file.samplerate
    if samples.shape[1] != 1:
        raise UserError(f"{path} has {samples.shape[1]} channels, not 1; convert it first")
    return samples[:, 0], rate, container, subtype


def convert_rate(samples: np.ndarray, rate: int, wanted: int = SAMPLE_RATE) -> np.ndarray:
    """Resample mono audio from ``rate`` to ``wanted`` Hz with soxr's high quality."""
    if rate == wanted:
        return samples
    import soxr  # 0.1 s, and rarely needed

    return soxr.resample(samples, rate, wanted, quality="HQ")


def write_audio(
    file: Path, samples: np.ndarray, rate: int, container: str, subtype: str, *, sync: bool = False, **options: Any
) -> None:
    """Write whole or not at all, through memory: libsndfile waits for the disk at each file's end, as ``sync`` does.

    ``options``: of ``soundfile.write``.
    """
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format=container, subtype=subtype, **options)
    write_bytes(file, encoded.getvalue(), sync=sync)


def is_pipe(entry: str) -> bool:
    """Whether a ``wav.scp`` entry, or what a clip is cut from, is a shell command rather than a path."""
    command = Clip.of(entry).path.strip()
    return command.startswith("|") or command.endswith("|")


def open_audio(entry: str | Path, content: bytes | None = None) -> OpenAudio:
    """Open a file or clip, or ``content`` in place of the file's. All reading of audio begins here.

    Raises:
        AudioError: a pipe in place of a path, no such file, no audio, a wav shorter than its header says, compressed
            audio that is damaged as far as its format tells, or a stretch or channel that the file has not.
    """
    clip = Clip.of(entry)
    file = _open_file(clip.path, content)
    rate, end = file.samplerate, clip.end
    first, last = round(clip.start * rate), file.frames if end is None else min(round(end * rate), file.frames)
    problem = None
    if not clip.is_whole and (first >= last or (end is not None and end > file.frames / rate + OVERSHOOT)):
        problem = f"{clip} ends after the recording, which lasts {file.frames / rate:g} s"
    elif clip.channel is not None and clip.channel >= file.channels:
        problem = f"{clip} is channel {clip.channel}, counted from 0, of {file.channels}"
    if problem:
        file.close()
        raise AudioError("bad segment", problem)
    return OpenAudio(file, first, last - first, clip.channel)


def audio_bytes(entry: str) -> bytes:
    """The bytes of a file that holds this audio: the file itself or, for a clip, a new one, written without loss."""
    if Clip.of(entry).is_whole:
        return Path(entry).read_bytes()
    samples, rate, container, subtype = read_lossless(entry)
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format=container, subtype=subtype)
    return encoded.getvalue()


def _open_file(path: str, content: bytes | None) -> soundfile.SoundFile:
    if content is None:
        if is_pipe(str(path)):
            raise AudioError(
                "shell pipe", f"a pipe instead of a file ({path}); write its output to files", configurable=True
            )
        if not Path(path).is_file():
            raise AudioError("missing audio", f"no such file: {path}" if str(path) else "no path")
    if (Path(path).stat().st_size if content is None else len(content)) == 0:
        raise AudioError("empty audio", f"{path} has no bytes")
    try:
        file = soundfile.SoundFile(str(path) if content is None else io.BytesIO(content))
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError("unreadable audio", f"{path} cannot be read as audio: {first_line(error)}") from error
    if not SLOWEST <= file.samplerate <= FASTEST:
        file.close()
        raise AudioError("damaged audio", f"{path} has {file.samplerate} samples per second, which no speech has")
    if found := damage(file.format, path, content):
        file.close()
        raise AudioError(
            "truncated audio", f"{path} is damaged or cut off: {found}; get it again, or convert the original"
        )
    if file.format == "MP3" and (whole := counted(path, content)):
        file.close()
        file = soundfile.SoundFile(io.BytesIO(whole))
    # libsndfile shortens a wav whose data chunk announces more than the file contains, and only its log tells.
    promised = re.search(r"data : *((\d+)\b.*should be.*)", file.extra_info)
    if file.format in {"WAV", "WAVEX"} and promised and 0 < int(promised[2]) < STREAMED:
        file.close()
        raise AudioError("truncated audio", f"{path} was cut off (data chunk: {promised[1]} bytes)")
    return file


def _mono(file: OpenAudio, name: str | Path) -> np.ndarray:
    """All samples, the mean of several channels, float32, shape (num_samples,)."""
    samples = read_samples(file, name)
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def read_samples(file: OpenAudio, name: str | Path, start: int = 0, dtype: str = "float32") -> np.ndarray:
    """The samples from ``start`` on, shape (num_samples, channels).

    Raises:
        AudioError: there are none, fewer than the header promises, or some that are not finite or absurdly large.
    """
    try:
        file.file.seek(file.first + start)
        samples = file.file.read(file.frames - start, dtype=dtype, always_2d=True)
    except MemoryError as error:
        promised = f"{name} is damaged: it promises {file.frames} samples, more than there is memory for"
        raise AudioError("damaged audio", promised) from error
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError("truncated audio", f"{name} is damaged or cut off: {first_line(error)}") from error
    if not file.frames:
        raise AudioError("empty audio", f"{name} has no samples")
    if start + len(samples) != file.frames:
        found = f"{name} is cut short: {start + len(samples)} samples of {file.frames}"
        raise AudioError("truncated audio", found)
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise AudioError("damaged audio", f"{name} has samples that are not finite numbers")
        if (loudest := float(np.abs(samples).max())) > LOUDEST_SAMPLE:
            raise AudioError("damaged audio", f"{name} has a sample of {loudest:.3g}, where full scale is 1")
    return samples if file.channel is None else samples[:, file.channel : file.channel + 1]
