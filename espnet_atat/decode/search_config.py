"""How to search: the options of an inference configuration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from espnet_atat.data.mixture import TaskLabels
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.text.vocabulary import TASK_SOURCE

SHORTEST_TREE = 3  # ``[IN:X``, ``]`` and ``<eos>``
#: Without ``maxlen``: tokens that any hypothesis may have, and those that a longer input allows. LibriSpeech's fastest
#: reader says 4.4 words a second, 19 characters. A text of two pieces may well have a tree of twenty tokens.
SHORTEST_CAP = 100
TOKENS_PER_SECOND = 20.0
TOKENS_PER_PIECE = 4.0
#: Of a CTC over characters, without ``ctc_weight``; chosen on mini's dev sets (``bin.tune``).
CHARACTER_CTC_WEIGHT = 0.3
#: Of an inference configuration: utterances decoded together, unless it says otherwise.
BATCH_SIZE = 16
#: How speech is found (``vad``). ``auto``: Silero's network if it is installed and the input is audio, else the energy;
#: ``none``: everything is given.
VAD_KINDS = ("auto", "silero", "energy", "none")
LONGEST_MARGIN = 60  # seconds


@dataclass(frozen=True, kw_only=True)
class SearchConfig(TaskLabels):
    """Options of the search. The paper's figures: beam 4, all weights 0, no constraint."""

    #: The task label that the decoder starts from: ``slu``, ``asr``, ``mlm`` or ``nlu``; or several of one kind,
    #: ``nlu+slu``: an ensemble whose next-token probabilities are averaged.
    task: str = "slu"
    beam_size: int = 4  # hypotheses K kept of each utterance
    nbest: int = 1  # hypotheses returned, at most K
    #: Tokens that a hypothesis may have, its ``<eos>`` included. A longer hypothesis is cut there, unless
    #: ``constrain_trees`` closes it. None: by the length of each input, 20 tokens per second of audio or 4 a piece of
    #: text, and at least 100; whoever does not babble is not cut.
    maxlen: int | None = None
    #: Of the audio encoder's CTC, in [0, 1). A CTC over the decoder's tokens takes part in the search as in ESPnet:
    #: (1 - weight) * decoder + weight * CTC prefix score. A CTC over characters cannot; it rescores the K best of the
    #: search: score + weight * log likelihood of the hypothesis' words. None: 0.3 of a CTC over characters, where the
    #: model has one and listens; else 0.
    ctc_weight: float | None = None
    #: In nats, of each word that a CTC over characters spells in place of the decoder's, so that hypotheses with such
    #: words join the final choice (:mod:`.spelling`); with ``reading_weight``, the most that a word costs. 0: neither.
    oov_penalty: float = 0.0
    #: A text file whose words those spellings are corrected to. None: they stay as they were heard.
    lexicon: str | None = None
    #: Of the text half, in the final choice of trees that were heard: the words of the hypotheses are read (``nlu``),
    #: the trees that reading gives join them, and the best sum wins: score + weight * log probability of the tree read
    #: from its own words (:mod:`.second_look`). 0: heard once, as words without trees and text always are.
    reading_weight: float = 0.0
    lm_weight: float = 0.0  # of the language model, added to the score
    penalty: float = 0.0  # added for each token (ESPnet's name for its length bonus)
    #: Make invalid trees impossible; of ``asr`` and ``mlm``, tags. Also keeps out ``<unk>`` and control tokens.
    constrain_trees: bool = False
    #: How the speech in a recording is found, so that the model is given no silence or noise before and behind it:
    #: ``auto``, ``silero``, ``energy`` or ``none`` (:func:`espnet_atat.decode.vad.find_segments`). A model that is
    #: loaded by name has ``auto``.
    vad: str = "none"
    #: Seconds that are kept before and behind the speech that was found. None: 0.08, in noise 0.12, for a model that
    #: has heard little silence and noise in training.
    vad_margin: float | None = None

    def __post_init__(self) -> None:
        self.check_labels()
        for name in ("beam_size", "nbest", "maxlen"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UserError(f"{name} is at least 1, found {getattr(self, name)}")
        if self.nbest > self.beam_size:
            raise UserError(f"nbest {self.nbest} is more than beam_size {self.beam_size}: no such hypotheses are kept")
        if self.vad not in VAD_KINDS:
            raise UserError(f"vad is one of {', '.join(VAD_KINDS)}, found {self.vad!r}")
        if self.vad_margin is not None:
            if not 0 <= self.vad_margin <= LONGEST_MARGIN:
                raise UserError(f"vad_margin is a number of seconds from 0 to 60, found {self.vad_margin}")
            if self.vad == "none":
                raise UserError("vad_margin goes with vad: auto, silero or energy")
        if self.ctc_weight is not None and not 0 <= self.ctc_weight < 1:
            raise UserError(f"ctc_weight is in [0, 1), found {self.ctc_weight}")
        for name in ("lm_weight", "reading_weight", "oov_penalty"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name} is a number from 0, found {getattr(self, name)}")
        if self.lexicon is not None and not self.oov_penalty:
            raise UserError("lexicon corrects what the CTC spells: give oov_penalty too")
        if not math.isfinite(self.penalty):
            raise UserError(f"penalty is a number, found {self.penalty}")
        if (self.reading_weight or self.oov_penalty) and (self.lm_weight or self.penalty):
            raise UserError("reading_weight and oov_penalty go without lm_weight and penalty, which score tokens")
        if self.constrain_trees and self.wants_trees and self.maxlen is not None and self.maxlen < SHORTEST_TREE:
            raise UserError(f"maxlen {self.maxlen} has no room for a tree, which takes {SHORTEST_TREE} tokens or more")

    def caps(self, states: Sequence[int], tokens_per_state: float) -> list[int]:
        """Tokens that a hypothesis of each utterance may have.

        Args:
            states: of the encoder, for each utterance.
            tokens_per_state: that one of them allows.
        """
        if self.maxlen is not None:
            return [self.maxlen] * len(states)
        return [max(SHORTEST_CAP, math.ceil(tokens_per_state * number)) for number in states]

    @property
    def source(self) -> str:
        """``text_in`` if every label reads text in training, else ``speech``."""
        return "speech" if any(TASK_SOURCE[task] == "speech" for task in self.tasks) else "text_in"


def read_search(options: Mapping[str, Any], where: str, task: str) -> tuple[SearchConfig, int]:
    """The search that an inference configuration asks for, and its ``batch_size``.

    Raises:
        UserError: an unknown option, or a value that makes no sense; it begins with ``where``.
    """
    others = {name: value for name, value in options.items() if name != "batch_size"}
    batch_size = options.get("batch_size", BATCH_SIZE)
    if type(batch_size) is not int or batch_size < 1:
        raise UserError(f"{where}: batch_size is a whole number from 1, found {batch_size!r}")
    return read(SearchConfig, others, where, task=task), batch_size
