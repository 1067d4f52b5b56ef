"""ESPnet's search and scorers, imported in one place: ``espnet2.legacy`` may move, the names here stay."""

from espnet_atat.model.light_import import light_import

with light_import():
    from espnet2.legacy.nets.batch_beam_search import BatchBeamSearch, BatchHypothesis
    from espnet2.legacy.nets.beam_search import Hypothesis
    from espnet2.legacy.nets.scorer_interface import BatchScorerInterface
    from espnet2.legacy.nets.scorers.ctc import CTCPrefixScorer
    from espnet2.legacy.nets.scorers.length_bonus import LengthBonus

__all__ = [
    "BatchBeamSearch",
    "BatchHypothesis",
    "BatchScorerInterface",
    "CTCPrefixScorer",
    "Hypothesis",
    "LengthBonus",
]
