"""The decoder's attention as a picture: over the spectrogram of speech, or over the pieces of a text."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_SHIFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from espnet_atat.decode.cross_attention import Attention

WIDTH = 9.0  # inches, as all sizes here
ROW = 0.2
SPECTROGRAM = 1.7


def speech_figure(attention: "Attention", features: np.ndarray) -> "Figure":
    """Spectrogram above, attention below it, on one time axis.

    Args:
        features: log mel features (num_frames, 80).
    """
    from matplotlib.figure import Figure

    from espnet_atat.report.glance import draw_attention, draw_spectrogram

    seconds = len(features) * FRAME_SHIFT / SAMPLE_RATE
    height = ROW * len(attention.tokens) + 0.7
    figure = Figure(figsize=(WIDTH, SPECTROGRAM + height), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[SPECTROGRAM, height])
    draw_spectrogram(top, features, seconds)
    draw_attention(bottom, attention.frames(len(features)), attention.tokens, seconds)
    bottom.set(xlabel="seconds")
    return figure


def text_figure(attention: "Attention", pieces: Sequence[str]) -> "Figure":
    """Attention over the pieces that the text encoder read."""
    from matplotlib.figure import Figure

    from espnet_atat.report.glance import draw_attention, name_pieces

    figure = Figure(figsize=(WIDTH, ROW * len(attention.tokens) + 1.2), layout="constrained")
    axes = figure.subplots()
    draw_attention(axes, attention.mean, attention.tokens)
    name_pieces(axes, pieces)
    return figure


def data_url(figure: "Figure") -> str:
    """The figure as a PNG inside a URL: nothing is written to disk."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
