"""What pretrained speech encoders read: Whisper's log mel, the normalised waveform, Kaldi's log mel.

Same numbers as transformers' feature extractors (checked in the tests), as torch modules without parameters. N is the
number of samples, at 16 kHz in [-1, 1].
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from espnet_atat.datadir import SAMPLE_RATE
from espnet_atat.errors import UserError

WINDOW, HOP = 400, 160  # samples: 25 ms every 10 ms, of all log mels here
VARIANCE_FLOOR = 1e-7


class WhisperLogMel(nn.Module):
    """Whisper's log mel of utterances with silence behind them (Radford et al. 2023).

    Periodic Hann windows, centred; filters by Slaney's scale; log10 floored at the utterance's maximum less 8, then
    (x + 4) / 4. What lies behind an utterance's end is zero and never its loudest place, so that its numbers do not
    depend on how far the batch is padded.

    Args:
        channels: 80, of the largest models 128.
        silence: seconds behind each utterance.
    """

    def __init__(self, channels: int, silence: float):
        super().__init__()
        self.silence = round(silence * SAMPLE_RATE)
        if self.silence < WINDOW // 2:
            raise UserError(f"silence is at least {WINDOW / 2 / SAMPLE_RATE} s, found {silence}")
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("filters", torch.from_numpy(slaney_filters(channels)), persistent=False)

    def forward(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (B, N), zero behind each end, and their numbers (B,) -> (B, channels, T), zero likewise; frames."""
        padded = nn.functional.pad(speech, (0, self.silence))
        window, filters = self.get_buffer("window"), self.get_buffer("filters")
        spectrum = torch.stft(padded, WINDOW, HOP, window=window, return_complex=True)[..., :-1]
        mel = (filters @ spectrum.abs().square()).clamp(min=1e-10).log10()  # (B, channels, T)
        mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0)
        frames = (lengths + self.silence) // HOP
        keep = torch.arange(mel.shape[2], device=mel.device) < frames[:, None]
        return (mel + 4.0) / 4.0 * keep[:, None], frames


class Waveform(nn.Module):
    """The samples, of mean 0 and variance 1 over the utterance if that is how the encoder was trained.

    Args:
        normalise: ``do_normalize`` of its preprocessor.
    """

    def __init__(self, normalise: bool):
        super().__init__()
        self.normalise = normalise

    def forward(self, speech: Tensor) -> Tensor:
        """(B, N) rows without padding -> (B, N)."""
        if not self.normalise:
            return speech
        variance, mean = torch.var_mean(speech, 1, correction=0, keepdim=True)
        return (speech - mean) / (variance + VARIANCE_FLOOR).sqrt()


class KaldiLogMel(nn.Module):
    """Kaldi's log mel, of mean 0 and variance 1 in each channel, some frames side by side: w2v-BERT's input.

    Args:
        channels: mel channels.
        stride: frames of a row.
    """

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, speech: Tensor) -> Tensor:
        """(B, N) rows without padding -> (B, T, channels * stride)."""
        from torchaudio.compliance.kaldi import fbank

        options: dict[str, Any] = {"num_mel_bins": self.channels, "dither": 0.0, "window_type": "povey"}
        mel = torch.stack([fbank(row[None] * 2**15, **options) for row in speech])  # (B, frames, channels)
        variance, mean = torch.var_mean(mel, 1, keepdim=True)
        mel = (mel - mean) / (variance + VARIANCE_FLOOR).sqrt()
        return mel[:, : mel.shape[1] // self.stride * self.stride].unflatten(1, (-1, self.stride)).flatten(2)


def slaney_filters(channels: int) -> np.ndarray:
    """Triangles of one area each, equally spaced up to 8 kHz on Slaney's scale: (channels, WINDOW // 2 + 1), float32.

    The scale is linear below 1 kHz, 15 mel, and logarithmic above, 27 mel for a factor of 6.4.
    """
    highest = 15 + 27 * math.log(SAMPLE_RATE / 2 / 1000) / math.log(6.4)
    mels = np.linspace(0, highest, channels + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    weights = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    return (np.maximum(0, weights) * 2 / (right - left)).astype(np.float32)


def make_frontend(kind: str, reads: str, preprocessor: Mapping[str, Any], channels: int, silence: float) -> nn.Module:
    """The front end of an encoder.

    Args:
        kind: its ``model_type``.
        reads: its main input, as transformers names it.
        preprocessor: its ``preprocessor_config.json``.
        channels: mel channels, of Whisper.
        silence: seconds behind each utterance, of Whisper.

    Raises:
        UserError: an encoder of another input, or of another sampling rate.
    """
    if (rate := preprocessor.get("sampling_rate", SAMPLE_RATE)) != SAMPLE_RATE:
        raise UserError(f"the encoder hears {rate} samples per second, this project {SAMPLE_RATE}")
    if kind == "whisper":
        return WhisperLogMel(channels, silence)
    if kind == "wav2vec2-bert":
        return KaldiLogMel(preprocessor.get("num_mel_bins", 80), preprocessor.get("stride", 2))
    if reads == "input_values":
        return Waveform(bool(preprocessor.get("do_normalize", True)))
    raise UserError(
        f"a {kind} reads {reads}, for which there is no front end here: there are those of Whisper, w2v-BERT and "
        "encoders of waveforms"
    )
