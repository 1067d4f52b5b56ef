"""What ``Speech2Understand`` and ``Text2Understand`` share: the model, the configuration, the search."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Self

from espnet_atat.decode.constraint import TreeConstraint
from espnet_atat.decode.ctc_scorer import TokenCTCScorer, ctc_log_likelihoods
from espnet_atat.decode.decoder_scorer import DecoderScorer
from espnet_atat.decode.lm_fusion import LanguageModel, LanguageModelScorer
from espnet_atat.decode.pretrained import Pretrained, load_pretrained
from espnet_atat.decode.result import DECODER_SCORE, Understanding
from espnet_atat.decode.search import CONSTRAINT, LENGTH_BONUS, UtteranceBeamSearch
from espnet_atat.decode.search_config import CHARACTER_CTC_WEIGHT, SearchConfig
from espnet_atat.decode.second_look import log_probabilities
from espnet_atat.decode.spelling import respell
from espnet_atat.decode.trained import Trained
from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.espnet import LengthBonus
from espnet_atat.text.lexicon import Lexicon


class Understand:
    """A model with a way to search. Thread-safe: a call keeps its state to itself, and no call changes the model.

    :meth:`from_pretrained` makes one from a package; the arguments here are for models in other places.

    Args:
        train_config, model_file, device, text_tokenizer: see :meth:`Trained.load`.
        trained: instead of these files, a model in memory: of another of these objects, or by :meth:`Trained.of`.
        lm_train_config, lm_file: an ESPnet language model over the decoder's tokens, for ``lm_weight``.
        language_model: instead of these files, one in memory.
        batch_size: utterances of a list that are decoded at once; changes the time and the memory, and no result.
            None: all of them.
        options: see :class:`espnet_atat.decode.search_config.SearchConfig`.
    """

    default_task: str
    source: str  # what it reads: ``speech`` or ``text_in``
    #: Tokens of a hypothesis that a state of the encoder allows, without ``maxlen``.
    tokens_per_state: float
    #: Arguments of the class that only a model loaded by name has.
    pretrained_defaults: Mapping[str, Any] = {}

    def __init__(
        self,
        train_config: str | Path | None = None,
        model_file: str | Path | None = None,
        *,
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
        if trained is None:
            if train_config is None or model_file is None:
                raise UserError("give train_config and model_file, or trained")
            trained = Trained.load(train_config, model_file, device, text_tokenizer)
        self.trained = trained
        vocabulary = trained.vocabulary
        if language_model is None and lm_file is not None and self.config.lm_weight:
            language_model = LanguageModel.load(vocabulary, lm_train_config, lm_file, str(trained.device))
        self.language_model = language_model
        self._check()
        self._lexicon = Lexicon(self.config.lexicon) if self.config.lexicon is not None else None
        self._constraint = None
        if self.config.constrain_trees:
            self._constraint = TreeConstraint(vocabulary.tokens, self.config.wants_trees, device=trained.device)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path | Pretrained,
        *,
        device: str = "cpu",
        batch_size: int | None = 16,
        **options: Any,
    ) -> Self:
        """Load a model that was packed, uploaded or trained. Any number of threads may call the result.

        Args:
            source: a package (``model.zip`` of stage 15), the folder it was unpacked to, the folder of a training run,
                or a name: of espnet_model_zoo, or ``user/model`` of the hub. Or what :func:`load_pretrained` gave, so
                that several of these objects share one model.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            options: those of :class:`espnet_atat.decode.search_config.SearchConfig`; not given, or None: as the
                package's scores were measured, but for how speech is found (``vad``). Of speech also
                ``max_seconds`` (60) and ``word_times`` (on).
        """
        pretrained = source if isinstance(source, Pretrained) else load_pretrained(source, device)
        search = {field.name: options.pop(field.name, None) for field in fields(SearchConfig)}
        search = pretrained.search_options(cls.source, {key: v for key, v in search.items() if v is not None})
        return cls(
            trained=pretrained.trained,
            language_model=pretrained.language_model if search.get("lm_weight") else None,
            batch_size=batch_size,
            **{**cls.pretrained_defaults, **options},
            **search,
        )

    @property
    def ctc_weight(self) -> float:
        """Of the CTC of audio: what the configuration says, else the default of this model."""
        if self.config.ctc_weight is not None:
            return self.config.ctc_weight
        return CHARACTER_CTC_WEIGHT if self.trained.model.ctc is not None and self.trained.characters else 0.0

    def _chunks(self, indices: Sequence[int]) -> list[Sequence[int]]:
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

    def _search(self, encoded: Encoded, hears: bool, every: bool = False) -> list[list[Understanding]]:
        """The ``nbest`` best of each utterance (with ``every``, all that the final choice has), best first.

        ``hears``: the states come from audio, so that the CTC may score them.
        """
        config, trained = self.config, self.trained
        weight = self.ctc_weight if hears else 0.0
        ctc = trained.model.ctc if weight else None
        rescores = ctc is not None and trained.characters is not None
        in_search = weight if ctc is not None and not rescores else 0.0
        caps = config.caps(encoded.lengths.tolist(), self.tokens_per_state)
        task_ids = [trained.vocabulary.task_id(task) for task in config.tasks]
        vocabulary = trained.vocabulary
        source = trained.model.decoder_source(encoded) if hears else encoded
        scorers = {
            DECODER_SCORE: (1.0 - in_search, DecoderScorer(trained.decoder_weights, source, task_ids)),
            "ctc": (in_search, TokenCTCScorer(ctc, vocabulary.eos_id) if ctc is not None and in_search else None),
            "lm": (config.lm_weight, self.language_model and LanguageModelScorer(self.language_model)),
            LENGTH_BONUS: (config.penalty, LengthBonus(len(vocabulary))),
            CONSTRAINT: (1.0, self._constraint and self._constraint.capped(caps)),
        }
        kept = config.beam_size if rescores or every else config.nbest
        search = UtteranceBeamSearch(
            nbest=kept,
            caps=caps,
            scorers={name: scorer for name, (_, scorer) in scorers.items()},
            weights={name: weight for name, (weight, _) in scorers.items()},
            beam_size=config.beam_size,
            vocab_size=len(vocabulary),
            sos=task_ids[0],
            eos=vocabulary.eos_id,
            pre_beam_score_key="full" if in_search else None,
            hyp_primer=[task_ids[0]],
        )
        nbest = search(x=encoded.states, x_lengths=encoded.lengths, maxlenratio=-1.0)  # not 0: no end detection
        # The constraint closes a tree by the cap, and ends words there.
        longest = [cap - int(config.constrain_trees) for cap in caps]
        results = [
            [Understanding.of(found, vocabulary, config.wants_trees, cap) for found in hypotheses[:kept]]
            for hypotheses, cap in zip(nbest, longest, strict=True)
        ]
        if rescores:
            if config.oov_penalty:
                results = self._respell(results, encoded, source)
            results = self._rescore(results, encoded)
        return results if every else [hypotheses[: config.nbest] for hypotheses in results]

    def _rescore(self, nbest: list[list[Understanding]], encoded: Encoded) -> list[list[Understanding]]:
        """Add the character CTC's log likelihood of the words, and sort again."""
        head, characters = self.trained.model.ctc, self.trained.characters
        assert head is not None
        assert characters is not None
        utterances = [b for b, results in enumerate(nbest) for _ in results]
        symbols = [characters.encode(result.text) for results in nbest for result in results]
        likelihoods = iter(ctc_log_likelihoods(head, encoded, utterances, symbols).tolist())
        rescored = [
            [
                replace(result, score=result.score + self.ctc_weight * ctc, scores={**result.scores, "ctc": ctc})
                for result, ctc in zip(results, likelihoods, strict=False)
            ]
            for results in nbest
        ]
        return [sorted(results, key=lambda result: result.score, reverse=True) for results in rescored]

    def _respell(
        self, nbest: list[list[Understanding]], encoded: Encoded, source: Encoded
    ) -> list[list[Understanding]]:
        """Add hypotheses with words that the character CTC spells; ``source``: what the decoder looks at."""
        head, characters, penalty = self.trained.model.ctc, self.trained.characters, self.config.oov_penalty
        assert head is not None
        assert characters is not None
        frames, lengths = head.log_softmax(encoded.states), encoded.lengths * head.subframes
        utterances = [b for b, results in enumerate(nbest) for _ in results]
        tokens = [result.tokens for results in nbest for result in results]
        log_probs = iter(log_probabilities(self.trained, source, utterances, tokens, self.config.tasks).tolist())
        found = []
        for b, results in enumerate(nbest):
            heard = characters.words(frames[b, : lengths[b]].argmax(-1).tolist())

            def score(texts: Sequence[str], b: int = b) -> list[float]:
                likelihoods = ctc_log_likelihoods(head, encoded, [b] * len(texts), [*map(characters.encode, texts)])
                return [self.ctc_weight * each for each in likelihoods.tolist()]

            spelled = [respell(each, next(log_probs), heard, penalty, score, self._lexicon) for each in results]
            best = {each.line: each for each in sorted(filter(None, spelled), key=lambda each: each.score)}  # the last
            found.append([*({**best, **{each.line: each for each in results}}).values()])
        return found
