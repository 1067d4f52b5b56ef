"""The result of a search for one utterance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from espnet_atat.decode.search import CONSTRAINT
from espnet_atat.model.espnet import Hypothesis
from espnet_atat.semantics.frame import Frame, from_tree
from espnet_atat.semantics.tree import TreeError, parse
from espnet_atat.text.tokenizer import TargetTokenizer, target_words
from espnet_atat.text.vocabulary import Vocabulary

DECODER_SCORE = "decoder"  # name of its score


@dataclass(frozen=True)
class Word:
    """A word and when it was heard, in seconds from the beginning of the audio."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Understanding:
    """One hypothesis of an utterance."""

    tree: str  # bracketed, valid or not; empty for the tasks ``asr`` and ``mlm``
    frame: Frame | None  # intent and slots; None where there is no valid tree
    text: str  # the words
    score: float  # of the search, in nats: the weighted sum of the scorers'; higher is better
    tokens: tuple[str, ...]  # without the task token and ``<eos>``; a word of the CTC's spelling may be one of them
    scores: Mapping[str, float] = field(default_factory=dict, compare=False)  # each scorer's own sum, unweighted
    words: tuple[Word, ...] = ()  # with times, where these were asked for and the CTC of the audio gives them
    cut: bool = False  # whether the search ended it, at the most tokens that it allows
    #: Beginning and end of what the model was given of the audio, in seconds; None: all of it.
    span: tuple[float, float] | None = field(default=None, compare=False)
    #: Of a recording that was longer than the model takes at once: what was understood of each segment, in order.
    segments: tuple["Understanding", ...] = ()

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities in the decoder's score, in [0, 1]; 0 where nothing was heard.

        It compares results of one model, and is no probability of being right.
        """
        if DECODER_SCORE not in self.scores:
            return 0.0
        ends = max(1, len(self.segments))  # <eos> is scored too
        return math.exp(min(0.0, self.scores[DECODER_SCORE] / (len(self.tokens) + ends)))

    @property
    def json_score(self) -> float | None:
        """The score, or None where nothing was heard: JSON has no infinity."""
        return self.score if math.isfinite(self.score) else None

    @property
    def line(self) -> str:
        """What a ``hyp`` file holds: the tree, or the words of a task without trees."""
        return self.tree or self.text

    @classmethod
    def of(cls, hypothesis: Hypothesis, vocabulary: Vocabulary, trees: bool, longest: int | None = None) -> Self:
        """Read a hypothesis of the search: its ``yseq`` is the task token, the tokens, ``<eos>``.

        Args:
            longest: so many tokens the search cuts at; None: not known.
        """
        ids = hypothesis.yseq[1:].tolist()
        while ids and ids[-1] == vocabulary.eos_id:  # at the cap the search appends another
            ids.pop()
        tokens = tuple(vocabulary.tokens[i] for i in ids)
        target = TargetTokenizer.join(tokens)
        return cls(
            tree=target if trees else "",
            frame=frame_of(target) if trees else None,
            text=" ".join(target_words(target)),
            score=float(hypothesis.score),
            tokens=tokens,
            scores={name: float(score) for name, score in hypothesis.scores.items() if name != CONSTRAINT},
            cut=longest is not None and len(tokens) >= longest,
        )

    @classmethod
    def joined(cls, segments: Sequence["Understanding"]) -> "Understanding":
        """What was understood of the segments of one recording: words, tokens and scores together, trees side by side.

        Several trees are no tree, so there is no frame: the segments have theirs.
        """
        spans = [each.span for each in segments if each.span is not None]
        names = dict.fromkeys(name for each in segments for name in each.scores)
        return Understanding(
            tree=" ".join(each.tree for each in segments if each.tree),
            frame=None,
            text=" ".join(each.text for each in segments if each.text),
            score=sum(each.score for each in segments),
            tokens=tuple(token for each in segments for token in each.tokens),
            scores={name: sum(each.scores.get(name, 0.0) for each in segments) for name in names},
            words=tuple(word for each in segments for word in each.words),
            cut=any(each.cut for each in segments),
            span=(spans[0][0], spans[-1][1]) if spans else None,
            segments=tuple(segments),
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what the attributes say, times rounded to milliseconds; a score of nothing heard is null.

        ``span`` and ``segments`` are included unless empty.
        """
        more: dict[str, Any] = {}
        if self.span is not None:
            more["span"] = [round(second, 3) for second in self.span]
        if self.segments:
            more["segments"] = [each.as_dict() for each in self.segments]
        return {
            "tree": self.tree,
            "frame": self.frame and {"intent": self.frame.intent, "slots": [asdict(slot) for slot in self.frame.slots]},
            "text": self.text,
            "score": self.json_score,
            "confidence": round(self.confidence, 4),
            "words": [{"word": w.text, "start": round(w.start, 3), "end": round(w.end, 3)} for w in self.words],
            **more,
        }


#: Of an utterance in which there is nothing to hear.
NOTHING_HEARD = Understanding(tree="", frame=None, text="", score=-math.inf, tokens=())


def frame_of(tree: str) -> Frame | None:
    """The frame of a tree's text; None if it is not a valid tree."""
    try:
        return from_tree(parse(tree))
    except TreeError:
        return None
