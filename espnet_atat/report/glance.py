"""Where the decoder looked in one utterance, heard and read: ``attention.npz`` as a plot.

Also the drawing of any attention, over a spectrogram or over pieces of text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_atat.text.tokenizer import WORD_START

ATTENTION_FILE = "attention.npz"
# Inches.
WIDTH = 13.0
ROW = 0.24
SPECTROGRAM = 1.3
BELOW = 1.0


@dataclass(frozen=True)
class Glance:
    """One utterance's attention, averaged over layers and heads.

    Attributes:
        hypothesis: the tree that the model made of the audio, whose tokens are ``tokens``.
        tokens: L tokens, ``<eos>`` the last.
        audio: attention over the frames of the audio, (L, num_frames); each row sums to 1.
        audio_task, text_task: the labels that the decoder started from.
        frame_seconds: between two frames.
        features: log mel features (num_frames, 80).
        text: attention over the text encoder's P pieces, (L, P).
    """

    utt_id: str
    reference: str
    hypothesis: str
    tokens: tuple[str, ...]
    audio: np.ndarray
    audio_task: str
    frame_seconds: float
    features: np.ndarray
    text: np.ndarray
    text_task: str
    pieces: tuple[str, ...]


def read_glance(path: Path) -> Glance:
    """Read what ``steps.stage12_decode`` wrote; nothing in it is executable."""
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files if name in Glance.__annotations__}
    fields: dict[str, Any] = {
        name: array.item() if not array.ndim else tuple(array.tolist()) if array.dtype.kind == "U" else array
        for name, array in arrays.items()
    }
    return Glance(**fields)


def plot_glance(glance: Glance, title: str) -> Figure:
    """The same tokens in two panels: over seconds of audio, its spectrogram above; over the pieces of its text."""
    height = ROW * len(glance.tokens)
    figure = Figure(figsize=(WIDTH, SPECTROGRAM + height + BELOW), layout="constrained")
    grid = figure.add_gridspec(
        2, 2, height_ratios=[SPECTROGRAM, max(height, SPECTROGRAM)], width_ratios=[1.6, 1], hspace=0.02
    )
    heard = figure.add_subplot(grid[1, 0])
    spectrogram = figure.add_subplot(grid[0, 0], sharex=heard)
    read = figure.add_subplot(grid[1, 1])
    seconds = len(glance.features) * glance.frame_seconds
    draw_spectrogram(spectrogram, glance.features, seconds)
    spectrogram.tick_params(labelbottom=False)
    spectrogram.set_title(f"from audio, under <{glance.audio_task}>", fontsize=10)
    draw_attention(heard, glance.audio, glance.tokens, seconds=seconds)
    heard.set_xlabel("seconds")
    draw_attention(read, glance.text, glance.tokens)
    name_pieces(read, glance.pieces)
    read.set_title(f"from its text, under <{glance.text_task}>", fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def draw_spectrogram(axes: Axes, features: np.ndarray, seconds: float) -> None:
    """Log mel features (num_frames, 80) over time."""
    quiet = np.percentile(features, 5)
    axes.imshow(
        features.T, origin="lower", aspect="auto", cmap="magma", vmin=quiet, extent=(0, seconds, 0, features.shape[1])
    )
    axes.set_ylabel("mel filter")


def draw_attention(axes: Axes, weights: np.ndarray, tokens: Sequence[str], seconds: float | None = None) -> None:
    """Weights (L, S) of L tokens, each row scaled to its greatest: a row whose weights are spread out is visible too.

    ``seconds``: length of the S columns together; None: columns are counted.
    """
    shares = weights / np.maximum(weights.max(axis=1, keepdims=True), 1e-9)
    extent = None if seconds is None else (0, seconds, len(tokens) - 0.5, -0.5)
    axes.imshow(shares, aspect="auto", cmap="Blues", interpolation="nearest", vmin=0, extent=extent)
    names = [token.replace(WORD_START, " ").strip() or "␣" for token in tokens]
    axes.set_yticks(range(len(tokens)), names, fontsize=8, parse_math=False)


def name_pieces(axes: Axes, pieces: Sequence[str]) -> None:
    axes.set_xticks(
        range(len(pieces)), pieces, rotation=45, ha="right", rotation_mode="anchor", fontsize=8, parse_math=False
    )


def first_right(references: Mapping[str, str], hypotheses: Mapping[str, str], there: Iterable[str]) -> str:
    """The first utterance of those ``there`` whose hypothesis is its reference; the first one where none is."""
    known = set(there)
    ids = [utt_id for utt_id in sorted(references) if utt_id in known]
    return next((utt_id for utt_id in ids if hypotheses.get(utt_id) == references[utt_id]), ids[0])
