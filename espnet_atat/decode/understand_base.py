"""What understanding speech and understanding text have in common: the model, the configuration, the search."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from espnet_atat.decode.constraint import TreeConstraint
from espnet_atat.decode.ctc_scorer import TokenCTCScorer, ctc_log_likelihoods
from espnet_atat.decode.decoder_scorer import DecoderScorer
from espnet_atat.decode.espnet_search import LengthBonus
from espnet_atat.decode.lm_fusion import LanguageModel, LanguageModelScorer
from espnet_atat.decode.pretrained import Pretrained, load_pretrained
from espnet_atat.decode.result import Understanding
from espnet_atat.decode.search import CONSTRAINT, LENGTH_BONUS, UtteranceBeamSearch
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.trained import Trained
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded, ESPnetATATModel

#: Utterances decoded at once by a model that was loaded by name.
BATCH_SIZE = 16


class Understand:
    """A model with a way to search. Thread-safe: a call keeps its state to itself, and no call changes the model.

    :meth:`from_pretrained` makes one from a package; the arguments here are for models in other places.

    Args:
        train_config: ``config.yaml`` of a training run.
        model_file: a checkpoint of it.
        model, train_args: instead of the two files, a model in memory and ESPnet's arguments of its training.
        trained: instead of either, what another of these objects has as ``trained``.
        device: ``cpu``, ``cuda`` or ``cuda:N``; of the files.
        text_tokenizer: folder of the text encoder's tokenizer; None: as in training.
        lm_train_config, lm_file: an ESPnet language model over the decoder's tokens, for ``lm_weight``.
        language_model: instead of these files, one in memory.
        batch_size: utterances of a list that are decoded at once; changes the time and the memory, and no result.
            None: all of them.
        options: see :class:`espnet_atat.decode.search_config.SearchConfig`.

    Raises:
        UserError: files or options that do not fit each other or the model.
    """

    default_task: str
    #: What it reads: ``speech`` or ``text_in``.
    source: str
    #: Tokens of a hypothesis that a state of the encoder allows, without ``maxlen``.
    tokens_per_state: float
    #: Arguments of the class alone that a model loaded by name has.
    pretrained_defaults: Mapping[str, Any] = {}

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
        batch_size: int | None = None,
        **options: Any,
    ):
        if batch_size is not None and batch_size < 1:
            raise UserError(f"batch_size is at least 1, found {batch_size}")
        self.batch_size = batch_size
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
            self._constraint = TreeConstraint(vocabulary.tokens, self.config.wants_trees, device=self.trained.device)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | Pretrained,
        *,
        device: str = "cpu",
        task: str | None = None,
        beam_size: int | None = None,
        nbest: int | None = None,
        ctc_weight: float | None = None,
        lm_weight: float | None = None,
        penalty: float | None = None,
        maxlen: int | None = None,
        constrain_trees: bool | None = None,
        batch_size: int | None = BATCH_SIZE,
        **own: Any,
    ) -> Self:
        """Load a model that was packed, uploaded or trained. Any number of threads may call the result.

        Args:
            source: a package (``model.zip`` of stage 15), the folder it was unpacked to, the folder of a training run,
                or a name: of espnet_model_zoo, or ``user/model`` of the hub. Or what :func:`load_pretrained` gave, so
                that several of these objects share one model.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            task: the label that the decoder starts from: ``slu``, ``asr``, ``nlu``, ``mlm``. None: the package's for
                this input.
            beam_size, nbest, ctc_weight, lm_weight, penalty, maxlen, constrain_trees: of the search, see
                :class:`espnet_atat.decode.search_config.SearchConfig`. None: as its scores were measured.
            batch_size: utterances of a list that are decoded at once; None: all of them.
            own: what the class alone has: of speech ``max_seconds`` (60) and ``word_times`` (on).

        Raises:
            UserError: nothing there, refused (see :mod:`espnet_atat.package.safety`), no such device, or options that
                do not fit the model.
        """
        pretrained = source if isinstance(source, Pretrained) else load_pretrained(source, device)
        given = {
            "task": task,
            "beam_size": beam_size,
            "nbest": nbest,
            "ctc_weight": ctc_weight,
            "lm_weight": lm_weight,
            "penalty": penalty,
            "maxlen": maxlen,
            "constrain_trees": constrain_trees,
        }
        options = pretrained.search_options(cls.source, {key: v for key, v in given.items() if v is not None})
        return cls(
            trained=pretrained.trained,
            language_model=pretrained.language_model if options.get("lm_weight") else None,
            batch_size=batch_size,
            **{**cls.pretrained_defaults, **own},
            **options,
        )

    def _chunks(self, indices: Sequence[int]) -> list[Sequence[int]]:
        """Utterances in batches."""
        size = self.batch_size or max(1, len(indices))
        return [indices[start : start + size] for start in range(0, len(indices), size)]

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
        caps = config.caps(encoded.lengths.tolist(), self.tokens_per_state)
        task_ids = [trained.vocabulary.task_id(task) for task in config.tasks]
        scorers = {
            "decoder": DecoderScorer(trained.decoder_weights, encoded, task_ids),
            "ctc": TokenCTCScorer(ctc, trained.vocabulary.eos_id) if ctc is not None and in_search else None,
            "lm": LanguageModelScorer(self.language_model) if self.language_model is not None else None,
            LENGTH_BONUS: LengthBonus(len(trained.vocabulary)),
            CONSTRAINT: self._constraint.capped(caps) if self._constraint is not None else None,
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
            caps=caps,
            scorers=scorers,
            weights=weights,
            beam_size=config.beam_size,
            vocab_size=len(trained.vocabulary),
            sos=task_ids[0],
            eos=trained.vocabulary.eos_id,
            pre_beam_score_key="full" if in_search else None,
            hyp_primer=[task_ids[0]],
        )
        nbest = search(x=encoded.states, x_lengths=encoded.lengths, maxlenratio=-1.0)  # not 0: no end detection
        # The constraint closes a tree by the cap, and ends words there.
        longest = [cap - int(config.constrain_trees) for cap in caps]
        results = [
            [Understanding.of(found, trained.vocabulary, config.wants_trees, cap) for found in hypotheses]
            for hypotheses, cap in zip(nbest, longest, strict=True)
        ]
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
