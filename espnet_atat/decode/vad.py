"""Voice activity detection: which part of a recording the model is given.

A few seconds of silence or noise around a command change what features are normalised by, and a model that never heard
any takes them for words. Silero's network tells speech from noise of any level; where it is not installed, or hears
none (a song, a chord), the energy tells speech from what is quieter.
"""

import threading
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.pauses import energy_levels
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.endpoints import (
    LOUDEST,
    Stretch,
    cut_stretch,
    find_loud,
    frame_levels,
    margins_of,
    segments_of,
    tighten,
)
from espnet_atat.speech.fbank import FRAME_SECONDS, FRAME_SHIFT, fbank, num_frames
from espnet_atat.speech.mfcc import log_mels

#: Frames of 10 ms that stay of the quiet before and behind the speech, and of loud noise; chosen on mini's dev sets.
MARGIN, NOISY_MARGIN = 8, 12
#: dB of full scale that the loudest speech has when the network hears it: quiet speech seems to begin late to it.
HEARING_LEVEL = -20.0
INSTALL = "tools/install_extra.sh vad"
_hearing = threading.Lock()  # the network keeps its state on the module


@dataclass(frozen=True)
class Segment:
    """What of an utterance the model is given at once."""

    speech: np.ndarray  # samples (num_samples,) or features (num_frames, mels), float32
    first: int = 0  # frame of the utterance that it begins with
    last: int = 0  # the frame after its end

    @property
    def start(self) -> float:
        """Seconds from the beginning of the utterance."""
        return self.first * FRAME_SECONDS

    @property
    def end(self) -> float:
        return self.last * FRAME_SECONDS


def find_segments(
    speech: np.ndarray, vad: str, max_seconds: float | None = None, margin: float | None = None
) -> list[Segment]:
    """The speech in an utterance, with a margin: one segment, or several where that is longer than ``max_seconds``.

    Args:
        speech: samples (num_samples,) at 16 kHz, or log mels or MFCC (num_frames, size) of 10 ms.
        vad: of ``search_config.VAD_KINDS``. Where it finds no speech, all of the utterance is taken for it.
        margin: seconds that stay before and behind the speech; None: 0.08, of loud noise 0.12. Where ``max_seconds``
            is short, at most a quarter of it.

    Raises:
        UserError: ``silero``, and it is not installed, or there are features, which it does not hear.
    """
    is_audio = speech.ndim == 1
    if vad == "silero":
        if not is_audio:
            raise UserError("vad silero hears audio, found features: take energy, or auto")
        if _network() is None:
            raise UserError(f"vad silero: the package silero-vad is missing; `{INSTALL}` installs it, or use energy")
    total = num_frames(len(speech)) if is_audio else len(speech)
    if vad == "none" or not total:
        return [Segment(speech, 0, total)]
    levels = frame_levels(fbank(speech) if is_audio else log_mels(speech))
    network = _network() if is_audio and vad != "energy" else None
    found = (network is not None and _hear(network, speech, levels)) or find_loud(levels)
    longest = None if max_seconds is None else max(1, num_frames(int(max_seconds * SAMPLE_RATE)))
    kept = (MARGIN, NOISY_MARGIN) if margin is None else (round(margin / FRAME_SECONDS),) * 2
    quiet, noisy = (each if max_seconds is None else min(each, int(max_seconds / 4 / FRAME_SECONDS)) for each in kept)
    margins = margins_of(found, levels, quiet, noisy) if found else (0, 0)
    segments = segments_of(found, total, margins, longest)
    return [Segment(cut_stretch(speech, segment), *segment) for segment in segments]


@cache
def _network() -> Any:
    """Silero's, on the CPU; None where the package is not installed."""
    threads = torch.get_num_threads()
    try:
        import silero_vad
    except ImportError:
        return None
    finally:
        torch.set_num_threads(threads)  # its import sets one thread for the whole process
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of TorchScript, in which the package ships its network
        return silero_vad.load_silero_vad()


def _hear(network: Any, samples: np.ndarray, levels: np.ndarray) -> list[Stretch]:
    from silero_vad import get_speech_timestamps

    loudness = np.sort(energy_levels(samples, SAMPLE_RATE))[-LOUDEST:][0]
    audio = torch.from_numpy(samples * np.float32(10 ** ((HEARING_LEVEL - loudness) / 20)))
    with _hearing, torch.inference_mode():
        found = get_speech_timestamps(
            audio, network, sampling_rate=SAMPLE_RATE, min_speech_duration_ms=100, speech_pad_ms=0
        )
    stretches = [(each["start"] // FRAME_SHIFT, min(len(levels), -(-each["end"] // FRAME_SHIFT))) for each in found]
    return tighten(stretches, levels) if stretches else []
