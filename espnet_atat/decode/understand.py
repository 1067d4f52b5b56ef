"""Speech or text in, trees out: the Python interface of a trained model.

>>> understand = Speech2Understand("exp/…/config.yaml", "exp/…/valid.acc_slu.best.pth")  # doctest: +SKIP
>>> samples, rate = soundfile.read("command.ogg", dtype="float32")  # doctest: +SKIP
>>> understand(samples, rate).frame  # doctest: +SKIP
Frame(intent='PLAY_MUSIC', slots=(Slot(name='SONG', value='paper moon'),))
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from espnet_atat.data.collate import pad
from espnet_atat.decode.config import SearchConfig
from espnet_atat.decode.constraint import TreeConstraint
from espnet_atat.decode.ctc import TokenCTCScorer, ctc_log_likelihoods
from espnet_atat.decode.decoder_scorer import DecoderScorer
from espnet_atat.decode.espnet import LengthBonus
from espnet_atat.decode.language_model import LanguageModel, LanguageModelScorer
from espnet_atat.decode.result import Understanding
from espnet_atat.decode.search import CONSTRAINT, LENGTH_BONUS, UtteranceBeamSearch
from espnet_atat.decode.trained import Trained
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded, ESPnetATATModel
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.audio import SAMPLE_RATE, convert_rate
from espnet_atat.speech.fbank import NUM_MELS, fbank


class Understand:
    """What speech and text have in common: the model, the configuration, the search. Thread-safe: a call keeps its
    state to itself.

    Args:
        train_config: ``config.yaml`` of a training run.
        model_file: a checkpoint of it.
        model, train_args: instead of the two files, a model in memory and ESPnet's arguments of its training.
        trained: instead of either, what another of these objects has as ``trained``.
        device: ``cpu``, ``cuda`` or ``cuda:N``; of the files.
        text_tokenizer: folder of the text encoder's tokenizer; None: as in training.
        lm_train_config, lm_file: an ESPnet language model over the decoder's tokens, for ``lm_weight``.
        language_model: instead of these files, one in memory.
        options: see :class:`espnet_atat.decode.config.SearchConfig`.

    Raises:
        UserError: files or options that do not fit each other or the model.
    """

    default_task: str

    def __init__(
        self,
        train_config: str | Path | None = None,
        model_file: str | Path | None = None,
        *,
        model: ESPnetATATModel | None = None,
        train_args: argparse.Namespace | None = None,
        trained: Trained | None = None,
        device: str = "cpu",
        text_tokenizer: str | Path | None = None,
        lm_train_config: str | Path | None = None,
        lm_file: str | Path | None = None,
        language_model: LanguageModel | None = None,
        **options: Any,
    ):
        self.config = SearchConfig(**{"task": self.default_task, **options})
        if trained is not None:
            self.trained = trained
        elif model is not None and train_args is not None:
            self.trained = Trained.of(model, train_args, text_tokenizer)
        elif train_config is not None and model_file is not None:
            self.trained = Trained.load(train_config, model_file, device, text_tokenizer)
        else:
            raise UserError("give train_config and model_file, or model and train_args, or trained")
        vocabulary = self.trained.vocabulary
        if language_model is None and lm_file is not None and self.config.lm_weight:
            language_model = LanguageModel.load(vocabulary, lm_train_config, lm_file, str(self.trained.device))
        self.language_model = language_model
        self._check()
        self._constraint = None
        if self.config.constrain_trees:
            self._constraint = TreeConstraint(
                vocabulary.tokens, self.config.wants_trees, self.config.maxlen, self.trained.device
            )

    def _check(self) -> None:
        config, size = self.config, len(self.trained.vocabulary)
        if config.beam_size > size:
            raise UserError(f"beam_size {config.beam_size} is more than the {size} tokens of the vocabulary")
        if config.lm_weight and self.language_model is None:
            raise UserError("lm_weight is set but there is no language model: give lm_train_config and lm_file")
        if config.ctc_weight and self.trained.model.ctc is None:
            raise UserError("ctc_weight is set but the model has no CTC: it was trained without ctc_unit")

    def _search(self, encoded: Encoded, hears: bool) -> list[list[Understanding]]:
        """The n-best of each utterance, best first. ``hears``: the states are of audio, so that CTC may score them."""
        config, trained = self.config, self.trained
        ctc = trained.model.ctc if hears and config.ctc_weight else None
        rescores = ctc is not None and trained.characters is not None
        in_search = config.ctc_weight if ctc is not None and not rescores else 0.0
        task_ids = [trained.vocabulary.task_id(task) for task in config.tasks]
        scorers = {
            "decoder": DecoderScorer(trained.model.decoder, encoded, task_ids, config.beam_size),
            "ctc": TokenCTCScorer(ctc, trained.vocabulary.eos_id) if ctc is not None and in_search else None,
            "lm": LanguageModelScorer(self.language_model) if self.language_model is not None else None,
            LENGTH_BONUS: LengthBonus(len(trained.vocabulary)),
            CONSTRAINT: self._constraint,
        }
        weights = {
            "decoder": 1.0 - in_search,
            "ctc": in_search,
            "lm": config.lm_weight,
            LENGTH_BONUS: config.penalty,
            CONSTRAINT: 1.0,
        }
        search = UtteranceBeamSearch(
            nbest=config.beam_size if rescores else config.nbest,
            scorers=scorers,
            weights=weights,
            beam_size=config.beam_size,
            vocab_size=len(trained.vocabulary),
            sos=task_ids[0],
            eos=trained.vocabulary.eos_id,
            pre_beam_score_key="full" if in_search else None,
            hyp_primer=[task_ids[0]],
        )
        # A negative ratio is a constant number of tokens.
        nbest = search(x=encoded.states, x_lengths=encoded.lengths, maxlenratio=float(-config.maxlen))
        vocabulary, trees = trained.vocabulary, config.wants_trees
        results = [[Understanding.of(found, vocabulary, trees) for found in hypotheses] for hypotheses in nbest]
        if rescores:
            results = self._rescore([hypotheses[: config.beam_size] for hypotheses in results], encoded)
        return [hypotheses[: config.nbest] for hypotheses in results]

    def _rescore(self, nbest: list[list[Understanding]], encoded: Encoded) -> list[list[Understanding]]:
        """Add the character CTC's log likelihood of the words, and sort again."""
        head, characters = self.trained.model.ctc, self.trained.characters
        assert head is not None
        assert characters is not None
        pairs = sorted({(b, result.text) for b, results in enumerate(nbest) for result in results})
        values = ctc_log_likelihoods(
            head, encoded, [b for b, _ in pairs], [characters.encode(text) for _, text in pairs]
        )
        likelihood = dict(zip(pairs, values.tolist(), strict=True))
        rescored = []
        for b, results in enumerate(nbest):
            new = [result.plus("ctc", self.config.ctc_weight, likelihood[b, result.text]) for result in results]
            rescored.append(sorted(new, key=lambda result: result.score, reverse=True))
        return rescored


class Speech2Understand(Understand):
    """Spoken utterances to trees (or words, by ``task``). See :class:`Understand` for the arguments."""

    default_task = "slu"

    @overload
    def __call__(self, speech: np.ndarray, rate: int = SAMPLE_RATE) -> Understanding: ...
    @overload
    def __call__(self, speech: Sequence[np.ndarray], rate: int = SAMPLE_RATE) -> list[Understanding]: ...
    def __call__(
        self, speech: np.ndarray | Sequence[np.ndarray], rate: int = SAMPLE_RATE
    ) -> Understanding | list[Understanding]:
        """The best hypothesis of an utterance, or of each of a list, which is decoded as one batch.

        Args:
            speech: samples in [-1, 1], mono, shape (num_samples,), or 16-bit integers; or log mel features, shape
                (num_frames, 80), as stage 6 writes them (10 ms a frame).
            rate: of the samples, in Hz; other rates than 16 000 are converted.

        Raises:
            UserError: an array that is none of these, or is too short.
        """
        if isinstance(speech, np.ndarray):
            return self.nbest([speech], rate)[0][0]
        return [hypotheses[0] for hypotheses in self.nbest(speech, rate)]

    @torch.inference_mode()
    def nbest(self, speech: Sequence[np.ndarray], rate: int = SAMPLE_RATE) -> list[list[Understanding]]:
        """The ``nbest`` best hypotheses of each utterance, best first; fewer where fewer were found."""
        if not len(speech):
            return []
        inputs = [self._prepare(np.asarray(array), rate) for array in speech]
        batch, lengths = _batch(inputs, 0.0, self.trained.device)
        with self.trained.encoding:
            encoded = self.trained.model.encode_audio(batch, lengths)
        return self._search(encoded, hears=True)

    def _prepare(self, speech: np.ndarray, rate: int) -> np.ndarray:
        """What the model's front end takes: (num_samples,) or (num_frames, 80), float32."""
        if not speech.size or speech.ndim not in (1, 2):
            raise UserError(f"speech of shape {speech.shape}: samples (num_samples,) or features (num_frames, 80)")
        if speech.dtype == np.int16:
            speech = speech / np.float32(2**15)
        if speech.dtype.kind != "f":
            raise UserError(f"speech of type {speech.dtype}: floating point in [-1, 1], or int16")
        speech = np.require(speech, np.float32, ["C", "W"])  # torch shares memory, and wants it so
        if not np.isfinite(speech).all():
            raise UserError("speech holds numbers that are not finite")
        frontend = self.trained.model.frontend is not None
        if speech.ndim == 2:
            if frontend:
                raise UserError(f"features of shape {speech.shape}, but this model takes samples (--feats_type raw)")
            if speech.shape[1] != NUM_MELS:
                raise UserError(f"features of shape {speech.shape}: (num_frames, {NUM_MELS}) is wanted")
            return speech
        if rate != SAMPLE_RATE:
            speech = convert_rate(speech, rate)
        return speech if frontend else fbank(speech)


class Text2Understand(Understand):
    """Written utterances to trees. See :class:`Understand` for the arguments."""

    default_task = "nlu"

    def _check(self) -> None:
        super()._check()
        assert self.trained.text_tokenizer is not None  # says what is missing
        if self.config.ctc_weight:
            raise UserError("ctc_weight is for speech: there is no CTC on text")

    @overload
    def __call__(self, text: str, normalise: bool = True) -> Understanding: ...
    @overload
    def __call__(self, text: list[str], normalise: bool = True) -> list[Understanding]: ...
    def __call__(self, text: str | list[str], normalise: bool = True) -> Understanding | list[Understanding]:
        """The best hypothesis of an utterance, or of each of a list, which is decoded as one batch.

        Args:
            text: words.
            normalise: as the recipes normalise transcripts (lower case, no punctuation); off for text that is so
                already, or that the model was trained on as it stands.

        Raises:
            UserError: a text without a word.
        """
        if isinstance(text, str):
            return self.nbest([text], normalise)[0][0]
        return [hypotheses[0] for hypotheses in self.nbest(text, normalise)]

    @torch.inference_mode()
    def nbest(self, text: Sequence[str], normalise: bool = True) -> list[list[Understanding]]:
        """The ``nbest`` best hypotheses of each utterance, best first; fewer where fewer were found."""
        if not len(text):
            return []
        pieces = [self._prepare(line, normalise) for line in text]
        batch, lengths = _batch(pieces, 0, self.trained.device)
        with self.trained.encoding:
            encoded = self.trained.model.encode_text(batch, lengths)
        return self._search(encoded, hears=False)

    def _prepare(self, text: str, normalise: bool) -> np.ndarray:
        """Ids of the text encoder's pieces."""
        words = normalise_words(text) if normalise else " ".join(text.split())
        if not words:
            raise UserError(f"text {text!r} has no word in it")
        encoder = self.trained.model.text_encoder
        assert encoder is not None
        encoded = self.trained.text_tokenizer(words, truncation=True, max_length=encoder.max_pieces)
        return np.array(encoded["input_ids"], dtype=np.int64)


def _batch(rows: Sequence[np.ndarray], padding: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of different length to one tensor, and their lengths (B,)."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    return pad(rows, padding).to(device), lengths.to(device)
