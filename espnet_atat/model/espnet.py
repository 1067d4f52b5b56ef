"""ESPnet's building blocks, search and scorers, imported in one place: ``espnet2.legacy`` may move."""

from espnet_atat.light_import import light_import

with light_import():
    from espnet2.asr.decoder.transformer_decoder import TransformerDecoder as TransformerDecoder
    from espnet2.asr.encoder.abs_encoder import AbsEncoder as AbsEncoder
    from espnet2.asr.encoder.conformer_encoder import ConformerEncoder as ConformerEncoder
    from espnet2.asr.encoder.e_branchformer_encoder import EBranchformerEncoder as EBranchformerEncoder
    from espnet2.asr.encoder.transformer_encoder import TransformerEncoder as TransformerEncoder
    from espnet2.legacy.nets.batch_beam_search import BatchBeamSearch as BatchBeamSearch
    from espnet2.legacy.nets.batch_beam_search import BatchHypothesis as BatchHypothesis
    from espnet2.legacy.nets.beam_search import Hypothesis as Hypothesis
    from espnet2.legacy.nets.pytorch_backend.transformer.attention import MultiHeadedAttention as MultiHeadedAttention
    from espnet2.legacy.nets.pytorch_backend.transformer.embedding import PositionalEncoding as PositionalEncoding
    from espnet2.legacy.nets.scorer_interface import BatchScorerInterface as BatchScorerInterface
    from espnet2.legacy.nets.scorers.ctc import CTCPrefixScorer as CTCPrefixScorer
    from espnet2.legacy.nets.scorers.length_bonus import LengthBonus as LengthBonus
    from espnet2.torch_utils.device_funcs import force_gatherable as force_gatherable
    from espnet2.train.abs_espnet_model import AbsESPnetModel as AbsESPnetModel
