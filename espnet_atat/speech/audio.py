"""Reading speech: any format of libsndfile (wav, flac, Ogg with Opus or Vorbis …), mono, 16 kHz."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from espnet_atat.errors import UserError

SAMPLE_RATE = 16_000  # Hz, of all features and models

# libsndfile subtype -> array type that holds its samples without loss, and the format and subtype to write them with
LOSSLESS = {
    "PCM_24": ("int32", "FLAC", "PCM_24"),
    "PCM_32": ("int32", "WAV", "PCM_32"),
    "FLOAT": ("float32", "WAV", "FLOAT"),
    "DOUBLE": ("float64", "WAV", "DOUBLE"),
}
SIXTEEN_BIT = ("int16", "FLAC", "PCM_16")  # everything else, lossy codecs included


@dataclass(frozen=True)
class AudioInfo:
    """A file's header."""

    rate: int  # Hz
    channels: int
    samples: int  # of each channel


def probe(path: str | Path) -> AudioInfo:
    """Read a file's header. Raises UserError: no such file, a pipe in place of a path, or not audio."""
    with _open(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames)


def read_audio(path: str | Path, resample: bool = False) -> np.ndarray:
    """Read an utterance as mono samples at 16 kHz in [-1, 1), float32, shape (num_samples,).

    Audio of another rate or of several channels is an error unless ``resample`` is set.
    """
    with _open(path) as file:
        hint = "convert it, or give --resample true"
        if file.samplerate != SAMPLE_RATE and not resample:
            raise UserError(f"{path} has {file.samplerate} samples a second, not {SAMPLE_RATE}; {hint}")
        if file.channels != 1 and not resample:
            raise UserError(f"{path} has {file.channels} channels, not 1; {hint}")
        return convert_rate(_mono(file), file.samplerate)


def read_mono(path: str | Path, mixdown: bool = False) -> tuple[np.ndarray, int]:
    """Read an utterance at its own rate: samples in [-1, 1), float32, shape (num_samples,), and Hz."""
    with _open(path) as file:
        if file.channels != 1 and not mixdown:
            raise UserError(f"{path} has {file.channels} channels, not 1; mix them down")
        return _mono(file), file.samplerate


def read_lossless(path: str | Path) -> tuple[np.ndarray, int, str, str]:
    """Read mono samples so that writing them again changes none; of a lossy codec, what it decodes to at 16 bits.

    Returns:
        Samples of shape (num_samples,), sample rate in Hz, format and subtype to write them with.
    """
    with _open(path) as file:
        dtype, container, subtype = LOSSLESS.get(file.subtype, SIXTEEN_BIT)
        samples, rate = _read(file, dtype), file.samplerate
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
    file: Path, samples: np.ndarray, rate: int, container: str, subtype: str, *, sync: bool = False
) -> None:
    """Write whole or not at all, through memory: libsndfile waits for the disk at each file's end, as ``sync`` does."""
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, rate, format=container, subtype=subtype)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        handle.write(encoded.getvalue())
        if sync:
            handle.flush()
            os.fsync(handle.fileno())
    os.replace(temporary, file)


def _open(path: str | Path) -> soundfile.SoundFile:
    if str(path).rstrip().endswith("|"):
        raise UserError(f"a pipe instead of a file ({path}); write its output to files and name those in wav.scp")
    if not Path(path).is_file():
        raise UserError(f"no such file: {path}")
    try:
        return soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{path} cannot be read as audio: {error}") from error


def _mono(file: soundfile.SoundFile) -> np.ndarray:
    """All samples, the mean of several channels, float32, shape (num_samples,)."""
    samples = _read(file, "float32")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    if not np.isfinite(mono).all():
        raise UserError(f"{file.name} holds samples that are not finite numbers")
    return mono


def _read(file: soundfile.SoundFile, dtype: str) -> np.ndarray:
    """All samples, shape (num_samples, channels)."""
    try:
        samples = file.read(dtype=dtype, always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise UserError(f"{file.name} is corrupt: {error}") from error
    if not len(samples):
        raise UserError(f"{file.name} is empty")
    if len(samples) < file.frames:
        raise UserError(f"{file.name} is cut short: {len(samples)} samples of {file.frames}")
    return samples
