"""ESPnet's building blocks, search and scorers, imported in one place: ``espnet2.legacy`` may move."""

from espnet_atat.model.light_import import light_import

with light_import():
    from espnet2.asr.decoder.transformer_decoder import TransformerDecoder
    from espnet2.asr.encoder.abs_encoder import AbsEncoder
    from espnet2.asr.encoder.conformer_encoder import ConformerEncoder
    from espnet2.asr.encoder.e_branchformer_encoder import EBranchformerEncoder
    from espnet2.asr.encoder.transformer_encoder import TransformerEncoder
    from espnet2.legacy.nets.batch_beam_search import BatchBeamSearch, BatchHypothesis
    from espnet2.legacy.nets.beam_search import Hypothesis
    from espnet2.legacy.nets.pytorch_backend.nets_utils import make_pad_mask
    from espnet2.legacy.nets.pytorch_backend.transformer.embedding import PositionalEncoding
    from espnet2.legacy.nets.scorer_interface import BatchScorerInterface
    from espnet2.legacy.nets.scorers.ctc import CTCPrefixScorer
    from espnet2.legacy.nets.scorers.length_bonus import LengthBonus
    from espnet2.torch_utils.device_funcs import force_gatherable
    from espnet2.train.abs_espnet_model import AbsESPnetModel

__all__ = [
    "AbsESPnetModel",
    "AbsEncoder",
    "BatchBeamSearch",
    "BatchHypothesis",
    "BatchScorerInterface",
    "CTCPrefixScorer",
    "ConformerEncoder",
    "EBranchformerEncoder",
    "Hypothesis",
    "LengthBonus",
    "PositionalEncoding",
    "TransformerDecoder",
    "TransformerEncoder",
    "force_gatherable",
    "make_pad_mask",
]
