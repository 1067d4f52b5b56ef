"""Log mel filterbank (LFB) features as Kaldi defines them, the paper's 80 dimensions, computed with NumPy.

Same numbers as Kaldi's ``compute-fbank-feats --num-mel-bins=80 --dither=0`` (checked in the tests against two other
implementations): samples on the scale of 16-bit integers, frames of 25 ms every 10 ms that fit whole ("snip edges"),
mean of the frame removed, pre-emphasis 0.97, Povey window, 512-point power spectrum, triangular filters equally
spaced between 20 Hz and 8 kHz on Kaldi's mel scale, natural logarithm floored at the float's epsilon.

Why not a binding of Kaldi's C++: by ``benchmarks/feature_speed.py`` this is 3 times as fast as torchaudio, and
kaldi-native-fbank, which takes its samples one Python number at a time, a third as fast.
"""

from functools import cache

import numpy as np
import scipy.fft

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import SAMPLE_RATE

FRAME_LENGTH = 400  # samples, 25 ms
FRAME_SHIFT = 160  # samples, 10 ms
FRAME_SECONDS = FRAME_SHIFT / SAMPLE_RATE
FFT_LENGTH = 512  # the next power of two
NUM_MELS = 80
LOW_FREQUENCY = 20.0  # Hz
PRE_EMPHASIS = 0.97
KALDI_SCALE = 32768.0  # Kaldi's samples are 16-bit integers, ours lie in [-1, 1)
LOG_FLOOR = float(np.finfo(np.float32).eps)

BLOCK = 80  # samples; divides both length and shift, so that frame means are sums of a few block sums
CHUNK = 128  # frames worked on at once: the buffers stay in the processor's cache
PARTS = (32, 64)  # filters are applied in three products, cut before these, each over the bins it needs: fewer zeros


def num_frames(num_samples: int) -> int:
    return max(0, 1 + (num_samples - FRAME_LENGTH) // FRAME_SHIFT)


def mel_scale(frequency: np.ndarray | float) -> np.ndarray:
    """Kaldi's mel scale of a frequency in Hz."""
    return 1127.0 * np.log1p(np.asarray(frequency) / 700.0)


@cache
def _window() -> np.ndarray:
    """Povey's window (a Hann window to the power of 0.85) times KALDI_SCALE, shape (FRAME_LENGTH,); its first is 0."""
    phase = 2 * np.pi * np.arange(FRAME_LENGTH) / (FRAME_LENGTH - 1)
    return (KALDI_SCALE * (0.5 - 0.5 * np.cos(phase)) ** 0.85).astype(np.float32)


@cache
def mel_filters(num_mels: int = NUM_MELS) -> np.ndarray:
    """Weights of the triangular filters on the power spectrum, shape (FFT_LENGTH // 2 + 1, num_mels)."""
    edges = np.linspace(mel_scale(LOW_FREQUENCY), mel_scale(SAMPLE_RATE / 2), num_mels + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = mel_scale(np.arange(FFT_LENGTH // 2 + 1) * SAMPLE_RATE / FFT_LENGTH)[:, np.newaxis]
    weights = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    return np.maximum(0.0, weights).astype(np.float32)


@cache
def _filter_parts(num_mels: int) -> list[tuple[slice, slice, np.ndarray]]:
    """The filters as dense parts: their bins, their mels, their weights of shape (bins, mels)."""
    parts = []
    weights = mel_filters(num_mels)
    cuts = [cut for cut in PARTS if cut < num_mels]
    for mels in map(slice, (0, *cuts), (*cuts, num_mels)):
        used = np.flatnonzero(weights[:, mels].any(axis=1))
        bins = slice(int(used[0]), int(used[-1]) + 1)
        parts.append((bins, mels, np.ascontiguousarray(weights[bins, mels])))
    return parts


def _frame_means(samples: np.ndarray, frames: int) -> np.ndarray:
    """Mean of each frame, shape (frames,)."""
    blocks = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK) @ np.ones(BLOCK, np.float32)
    shift = FRAME_SHIFT // BLOCK
    total = np.zeros(frames, np.float32)
    for first in range(FRAME_LENGTH // BLOCK):
        total += blocks[first : first + shift * frames : shift][:frames]
    return total / np.float32(FRAME_LENGTH)


def fbank(samples: np.ndarray, num_mels: int = NUM_MELS) -> np.ndarray:
    """Features, float32, (num_frames(num_samples), num_mels), of mono audio (num_samples,) in [-1, 1) at 16 kHz."""
    frames = num_frames(len(samples))
    if not frames:
        raise UserError(f"too short: {len(samples)} samples, and a frame takes {FRAME_LENGTH} (25 ms)")
    samples = np.asarray(samples, np.float32)
    # Pre-emphasis of a frame whose mean is removed is that of the whole signal less a constant. It differs only at a
    # frame's first sample, where the window is 0.
    emphasised = samples * np.float32(-PRE_EMPHASIS)
    emphasised[1:], emphasised[0] = samples[1:] + emphasised[:-1], 0
    offsets = _frame_means(samples, frames)[:, np.newaxis] * np.float32(1 - PRE_EMPHASIS)
    # (num_samples,) -> (frames, FRAME_LENGTH), a view
    windows = np.lib.stride_tricks.sliding_window_view(emphasised, FRAME_LENGTH)[::FRAME_SHIFT]

    features = np.empty((frames, num_mels), np.float32)
    padded = np.zeros((min(CHUNK, frames), FFT_LENGTH), np.float32)
    powers = np.empty((len(padded), FFT_LENGTH // 2 + 1), np.float32)
    for start in range(0, frames, CHUNK):
        out = features[start : start + CHUNK]
        frame = padded[: len(out), :FRAME_LENGTH]
        np.subtract(windows[start : start + CHUNK], offsets[start : start + CHUNK], out=frame)
        frame *= _window()
        spectrum = scipy.fft.rfft(padded[: len(out)], axis=1)  # (chunk, FFT_LENGTH // 2 + 1), complex64
        squares = spectrum.view(np.float32)  # real and imaginary parts in turn
        np.square(squares, out=squares)
        power = np.add(squares[:, 0::2], squares[:, 1::2], out=powers[: len(out)])
        for bins, mels, weights in _filter_parts(num_mels):
            np.matmul(power[:, bins], weights, out=out[:, mels])
    np.maximum(features, np.float32(LOG_FLOOR), out=features)
    return np.log(features, out=features)
