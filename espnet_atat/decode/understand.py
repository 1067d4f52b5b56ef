"""Speech or text in, trees out: the Python interface of a trained model.

``model`` is a package of stage 15, ``command`` the path of a recording:

>>> understand = Speech2Understand.from_pretrained(model)
>>> result = understand(command)
>>> result.frame
Frame(intent='PLAY', slots=(Slot(name='SONG', value='moon'),))
>>> result.tree, result.text
('[IN:PLAY play [SL:SONG moon ] ]', 'play moon')
>>> [word.text for word in result.words], 0 <= result.words[0].start < result.words[0].end <= 1.0  # seconds
(['play', 'moon'], True)
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from espnet_atat.datadir import check_text
from espnet_atat.decode.result import NOTHING_HEARD, Understanding
from espnet_atat.decode.search_config import TOKENS_PER_PIECE, TOKENS_PER_SECOND
from espnet_atat.decode.second_look import look_again, texts_of, with_readings
from espnet_atat.decode.times import feature_size, seconds_per_feature, seconds_per_state, with_times
from espnet_atat.decode.understand_base import Understand
from espnet_atat.decode.vad import Segment, find_segments
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.audio import SAMPLE_RATE, convert_rate, probe, read_audio
from espnet_atat.speech.fbank import FRAME_LENGTH, FRAME_SECONDS
from espnet_atat.speech.mfcc import features_of

#: Seconds of audio that a model loaded by name takes at once. Models are trained on commands of some seconds, and the
#: encoder's attention needs memory with the square of the length.
MAX_SECONDS = 60.0
#: Samples in [-1, 1] that stay within this are silence: 3 steps of 16 bits, -80 dB. Features are normalised to one
#: loudness, so without this the model would listen to rounding errors.
SILENCE = 1e-4

#: An utterance: samples or features, or the path of a recording.
Speech = np.ndarray | str | Path


class Speech2Understand(Understand):
    """Spoken utterances to trees (or words, by ``task``). See :class:`Understand` for the other arguments.

    Args:
        max_seconds: longer audio is cut at its pauses, and its segments are understood one by one; without ``vad``,
            an option, it is refused. None: no limit. A Whisper takes at most its 30 s, silence included.
        word_times: give each result the times of its words, if the model has a CTC.

    >>> Speech2Understand.from_pretrained(model, max_seconds=5.0, vad="none")(np.zeros(6 * 16000, np.float32))
    Traceback (most recent call last):
    ...
    espnet_atat.errors.UserError: speech of 6.0 s: at most 5 s at once (max_seconds); cut it, or have it cut (vad auto)
    """

    default_task = "slu"
    source = "speech"
    pretrained_defaults = MappingProxyType({"max_seconds": MAX_SECONDS, "word_times": True})

    def __init__(self, *args: Any, max_seconds: float | None = None, word_times: bool = False, **options: Any):
        super().__init__(*args, **options)
        longest: float = getattr(self.trained.model.audio_encoder, "max_seconds", float("inf"))
        self.max_seconds = None if max_seconds is None else min(max_seconds, longest)
        self.tokens_per_state = TOKENS_PER_SECOND * seconds_per_state(self.trained.model)
        self.word_times = word_times and self.trained.model.ctc is not None
        if self.config.oov_penalty and not (self.ctc_weight and self.trained.characters):
            raise UserError("oov_penalty needs a CTC over characters with a weight: ctc_unit char, and a ctc_weight")
        if self.config.reading_weight and self.ctc_weight and not self.trained.characters:
            raise UserError("reading_weight goes with a CTC over characters or none: ctc_unit char, or ctc_weight 0")
        self.reader: Text2Understand | None = None
        if self.config.reading_weight and self.config.wants_trees:
            size, constrain = self.config.beam_size, self.config.constrain_trees
            self.reader = Text2Understand(trained=self.trained, beam_size=size, nbest=size, constrain_trees=constrain)

    @overload  # a str is a sequence of str too: the first that fits is meant
    def __call__(self, speech: Speech, rate: int = SAMPLE_RATE) -> Understanding: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, speech: Sequence[Speech], rate: int = SAMPLE_RATE) -> list[Understanding]: ...
    def __call__(
        self, speech: Speech | Sequence[Speech], rate: int = SAMPLE_RATE
    ) -> Understanding | list[Understanding]:
        """The best hypothesis of an utterance, or of each of a list.

        Args:
            speech: samples in [-1, 1], mono, shape (num_samples,), or 16-bit integers; or what stage 6 writes for the
                model, log mel features (num_frames, 80) or a speech encoder's states (num_states, H); or the path of a
                recording in any format of libsndfile, at any rate; its channels are averaged.
            rate: of samples, in Hz; other rates than 16 000 are converted. A recording says its own.

        Returns:
            Of silence (no sample above 1e-4) an empty result: no tree, no words, confidence 0. Of noise, whatever the
            model takes it for: it has no "none of these".

        >>> understand = Speech2Understand.from_pretrained(model)
        >>> silence = understand(np.zeros(16000, dtype=np.float32), 16000)
        >>> silence.text, silence.frame, silence.confidence
        ('', None, 0.0)
        >>> [result.text for result in understand([command, np.zeros(16000, dtype=np.float32)])]
        ['play moon', '']
        """
        if isinstance(speech, np.ndarray | str | Path):
            return self.nbest([speech], rate)[0][0]
        return [hypotheses[0] for hypotheses in self.nbest(speech, rate)]

    @torch.inference_mode()
    def nbest(self, speech: Sequence[Speech], rate: int = SAMPLE_RATE) -> list[list[Understanding]]:
        """The ``nbest`` best hypotheses of each utterance, best first; fewer where fewer were found.

        Of a recording that was understood in segments there is one, of the best of each segment.
        """
        segments = [(i, segment) for i, item in enumerate(speech) for segment in self.segments(item, rate)]
        understood: list[list[list[Understanding]]] = [[] for _ in speech]  # utterance, segment, hypothesis
        # Samples and states of one call do not fit into one tensor.
        kinds = [[n for n, (_, each) in enumerate(segments) if each.speech.ndim == kind] for kind in (1, 2)]
        for chunk in (chunk for indices in kinds for chunk in self._chunks(indices)):
            batch, lengths = _batch([segments[n][1].speech for n in chunk], 0.0, self.trained.device)
            with self.trained.encoding:
                encoded = self.trained.model.encode_audio(batch, lengths)
            found = self._understood(encoded)
            for n, hypotheses, states, length in zip(chunk, found, encoded.states, encoded.lengths, strict=True):
                i, segment = segments[n]
                if self.word_times:
                    hypotheses = [with_times(each, self.trained, states[:length], segment.start) for each in hypotheses]
                if self.config.vad != "none":
                    hypotheses = [replace(each, span=(segment.start, segment.end)) for each in hypotheses]
                understood[i].append(hypotheses)
        return [_together(each) for each in understood]

    def segments(self, speech: Speech, rate: int = SAMPLE_RATE) -> list[Segment]:
        """What the model is given of an utterance: none of silence, several of a recording that is cut at its pauses.

        For a model that hears they hold samples, or the states that it was given; else features.
        """
        if isinstance(speech, str | Path):
            if self.config.vad == "none":
                info = probe(speech)
                self._check_length(info.samples / info.rate)
            speech, rate = read_audio(speech, resample=True), SAMPLE_RATE
        speech = _checked(np.asarray(speech))
        hears = self.trained.model.hears
        if speech.ndim == 2:
            wanted = feature_size(self.trained.model)
            if wanted is None:
                raise UserError(f"features of shape {speech.shape}, but this model takes samples (--feats_type raw)")
            if speech.shape[1] != wanted:
                raise UserError(f"features of shape {speech.shape}, expected (num_frames, {wanted})")
            seconds = seconds_per_feature(self.trained.model)
            self._check_length(len(speech) * seconds)
            if hears:  # an encoder's states do not show the energy, nor may they be cut: each depends on the others
                return [Segment(speech, 0, round(len(speech) * seconds / FRAME_SECONDS))]
            return find_segments(speech, self.config.vad, self.max_seconds, self.config.vad_margin)
        if rate <= 0:
            raise UserError(f"rate is in Hz, found {rate}")
        self._check_length(len(speech) / rate)
        if rate != SAMPLE_RATE:
            speech = convert_rate(speech, rate)
        if hears and len(speech) < FRAME_LENGTH:
            raise UserError(f"speech of {len(speech)} samples: at least {FRAME_LENGTH} are needed, one frame")
        if len(speech) >= FRAME_LENGTH and np.abs(speech).max() <= SILENCE:
            return []
        segments = find_segments(speech, self.config.vad, self.max_seconds, self.config.vad_margin)
        if hears:
            return segments
        size = feature_size(self.trained.model)
        assert size is not None  # of a model that does not hear
        return [replace(segment, speech=features_of(segment.speech, size)) for segment in segments]

    def _understood(self, encoded: Encoded) -> list[list[Understanding]]:
        """The n-best of each utterance, with the text half's say (``reading_weight``)."""
        if self.reader is None:
            return self._search(encoded, hears=True)
        nbest = self._search(encoded, hears=True, every=True)
        read = iter(self.reader.nbest([text for each in nbest for text in texts_of(each)], normalise=False))
        candidates = [with_readings(hypotheses, read) for hypotheses in nbest]
        found = look_again(self.trained, candidates, encoded, self.config, self.reader.config.task)
        return [hypotheses[: self.config.nbest] for hypotheses in found]

    def _check_length(self, seconds: float) -> None:
        if self.config.vad == "none" and self.max_seconds is not None and seconds > self.max_seconds:
            raise UserError(
                f"speech of {seconds:.1f} s: at most {self.max_seconds:g} s at once (max_seconds); "
                "cut it, or have it cut (vad auto)"
            )


class Text2Understand(Understand):
    """Written utterances to trees. See :class:`Understand` for the arguments."""

    default_task = "nlu"
    source = "text_in"
    tokens_per_state = TOKENS_PER_PIECE

    def _check(self) -> None:
        super()._check()
        assert self.trained.text_tokenizer is not None  # says what is missing
        if self.config.ctc_weight:
            raise UserError("ctc_weight is for speech: there is no CTC on text")
        if self.config.vad != "none":
            raise UserError("vad is for speech: there is no silence in text")

    @overload  # likewise
    def __call__(self, text: str, normalise: bool = True) -> Understanding: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, text: Sequence[str], normalise: bool = True) -> list[Understanding]: ...
    def __call__(self, text: str | Sequence[str], normalise: bool = True) -> Understanding | list[Understanding]:
        """The best hypothesis of an utterance, or of each of a list.

        Args:
            text: words. What is longer than the text encoder's positions (512 pieces or fewer) is cut, as in training,
                and logged as a warning.
            normalise: as the recipes normalise transcripts (lower case, no punctuation); off for text that is so
                already, or that the model was trained on as it is.

        >>> understand = Text2Understand.from_pretrained(model)
        >>> understand("Play moon!").tree
        '[IN:PLAY play [SL:SONG moon ] ]'
        >>> [result.frame.intent for result in understand(["play moon", "Play moon."])]
        ['PLAY', 'PLAY']
        """
        if isinstance(text, str):
            return self.nbest([text], normalise)[0][0]
        return [hypotheses[0] for hypotheses in self.nbest(text, normalise)]

    @torch.inference_mode()
    def nbest(self, text: Sequence[str], normalise: bool = True) -> list[list[Understanding]]:
        """See :meth:`Speech2Understand.nbest`."""
        pieces = [np.array(self.trained.text_pieces(_words(line, normalise)), dtype=np.int64) for line in text]
        results: list[list[Understanding]] = []
        for chunk in self._chunks(range(len(pieces))):
            batch, lengths = _batch([pieces[i] for i in chunk], 0, self.trained.device)
            with self.trained.encoding:
                encoded = self.trained.model.encode_text(batch, lengths)
            results += self._search(encoded, hears=False)
        return results

    def cut_note(self, text: str) -> str | None:
        """A warning for a text that is too long to be taken whole; None for any other."""
        return self.trained.cut_note(_words(text, normalise=True))


def _words(text: str, normalise: bool) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # of a command line, or standard input
        raise UserError(f"text {text[:60]!a} is not UTF-8") from error
    check_text(text, "text")
    words = normalise_words(text) if normalise else " ".join(text.split())
    if not words:
        raise UserError(f"text {text[:60]!r} has no word in it")
    return words


def _together(segments: Sequence[list[Understanding]]) -> list[Understanding]:
    """The n-best of an utterance, from those of its segments."""
    if len(segments) == 1:
        return segments[0]
    return [Understanding.joined([hypotheses[0] for hypotheses in segments])] if segments else [NOTHING_HEARD]


def _checked(speech: np.ndarray) -> np.ndarray:
    """Samples or features as float32, in memory that torch may share."""
    if not speech.size or speech.ndim not in (1, 2):
        raise UserError(f"speech of shape {speech.shape}: samples (num_samples,) or features (num_frames, size)")
    if speech.dtype == np.int16:
        speech = speech / np.float32(2**15)
    if speech.dtype.kind != "f":
        raise UserError(f"speech of type {speech.dtype}: floating point in [-1, 1], or int16")
    speech = np.require(speech, np.float32, ["C", "W"])
    if not np.isfinite(speech).all():
        raise UserError("speech holds numbers that are not finite")
    return speech


def _batch(rows: Sequence[Any], padding: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of different length to one tensor, and their lengths (B,)."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    padded = pad_sequence(list(map(torch.from_numpy, rows)), batch_first=True, padding_value=padding)
    return padded.to(device), lengths.to(device)
