"""The decoder's attention as a picture: over the spectrogram of speech, or over the pieces of a text."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_SHIFT
from espnet_atat.text.tokenizer import WORD_START

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from espnet_atat.decode.attention import Attention

WIDTH = 9.0  # inches, as all sizes here
ROW = 0.2
SPECTROGRAM = 1.7


def speech_figure(attention: "Attention", features: np.ndarray) -> "Figure":
    """Spectrogram above, attention below it, on one time axis.

    Args:
        features: log mel features (num_frames, 80).
    """
    from matplotlib.figure import Figure

    seconds = len(features) * FRAME_SHIFT / SAMPLE_RATE
    height = ROW * len(attention.tokens) + 0.7
    figure = Figure(figsize=(WIDTH, SPECTROGRAM + height), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[SPECTROGRAM, height])
    quiet = np.percentile(features, 5)
    top.imshow(
        features.T, origin="lower", aspect="auto", cmap="magma", vmin=quiet, extent=(0, seconds, 0, features.shape[1])
    )
    top.set(ylabel="mel filter")
    bottom.imshow(_contrast(attention.frames(len(features))), aspect="auto", cmap="Blues", interpolation="nearest",
                  extent=(0, seconds, len(attention.tokens) - 0.5, -0.5))  # fmt: skip
    bottom.set(xlabel="seconds")
    _name_rows(bottom, attention.tokens)
    return figure


def text_figure(attention: "Attention", pieces: Sequence[str]) -> "Figure":
    """Attention over the pieces that the text encoder read."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, ROW * len(attention.tokens) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(_contrast(attention.mean), aspect="auto", cmap="Blues", interpolation="nearest")
    axes.set_xticks(range(len(pieces)), pieces, rotation=45, ha="right", fontsize=8)
    _name_rows(axes, attention.tokens)
    return figure


def data_url(figure: "Figure") -> str:
    """The figure as a PNG inside a URL: nothing is written to disk."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _contrast(weights: np.ndarray) -> np.ndarray:
    """Each row as a share of its maximum, so that a spread-out row is seen too."""
    return weights / np.maximum(weights.max(axis=1, keepdims=True), 1e-9)


def _name_rows(axes, tokens: Sequence[str]) -> None:  # type: ignore[no-untyped-def]
    axes.set_yticks(range(len(tokens)), [token.replace(WORD_START, " ").strip() or "␣" for token in tokens], fontsize=8)
