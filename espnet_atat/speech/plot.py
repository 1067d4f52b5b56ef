"""A picture of an utterance: waveform, spectrogram, words, and what was masked."""

from pathlib import Path

import numpy as np

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import Alignment, check_times
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_LENGTH, FRAME_SECONDS, FRAME_SHIFT, fbank
from espnet_atat.speech.masking import MaskedSpan
from espnet_atat.strict_json import parse_json

LABEL_HEIGHTS = (0.98, 0.91)  # of words in turn, as a share of the axes: short neighbours would overlap
MASK_COLOUR, WORD_COLOUR = "#d62728", "#1f77b4"


def read_masks(path: Path, utt: str) -> list[MaskedSpan]:
    """Masked stretches of one utterance; none if the file is missing."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                fields = parse_json(line, f"{path}:{number}")
                if fields["utt_id"] == utt:
                    return [
                        MaskedSpan(
                            float(span["start"]), float(span["end"]), tuple(span["words"]), tuple(span["indices"])
                        )
                        for span in fields["spans"]
                    ]
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"{path}:{number}: not a mask; mask the set again") from error
    raise UserError(f"{path}: no utterance {utt}")


def plot_utterance(samples: np.ndarray, words: Alignment, masks: list[MaskedSpan], title: str, output: Path) -> None:
    """Draw samples (num_samples,) at 16 kHz and their log mel filterbank, with word boundaries and masked spans."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    duration = len(samples) / SAMPLE_RATE
    check_times(words, duration)
    width = min(40.0, max(8.0, 2 * duration))  # inches
    figure, (wave, mel) = pyplot.subplots(2, 1, sharex=True, figsize=(width, 6), layout="constrained")
    wave.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, linewidth=0.4, color="black")
    wave.set(xlim=(0, duration), ylabel="amplitude", title=title)
    features = fbank(samples).T  # (frames, mels) -> (mels, frames)
    first = (FRAME_LENGTH - FRAME_SHIFT) / 2 / SAMPLE_RATE  # a frame is drawn around the centre of its window
    centres = first + FRAME_SECONDS * (np.arange(features.shape[1]) + 0.5)
    heard = ~np.any([(span.start <= centres) & (centres < span.end) for span in masks] or [centres < 0], axis=0)
    quiet = np.percentile(features[:, heard] if heard.any() else features, 5)  # silent masks would take most colours
    mel.imshow(
        features,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=quiet - 2,
        extent=(first, first + features.shape[1] * FRAME_SECONDS, 0, features.shape[0]),
    )
    mel.set(xlabel="seconds", ylabel="mel filter", xlim=(0, duration))
    for axes in (wave, mel):
        for start, end in (word.times for word in words if word.found):
            axes.axvline(start, color=WORD_COLOUR, linewidth=0.7)
            axes.axvline(end, color=WORD_COLOUR, linewidth=0.7, linestyle=":")
        for span in masks:
            axes.axvspan(span.start, span.end, color=MASK_COLOUR, alpha=0.25, linewidth=0)
    for number, word in enumerate(words):
        if word.found:
            place = (sum(word.times) / 2, LABEL_HEIGHTS[number % len(LABEL_HEIGHTS)])  # seconds, axes
            along = wave.get_xaxis_transform()
            wave.text(*place, word.word, transform=along, ha="center", va="top", fontsize=8, color=WORD_COLOUR)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=100)
    pyplot.close(figure)
