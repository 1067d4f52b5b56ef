"""From options to a model; the same for training and for a saved configuration."""

from collections.abc import Mapping
from typing import Any

from espnet2.torch_utils.initialize import initialize
from torch import nn

from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.audio_encoder import AudioEncoder
from espnet_atat.model.cpu_layers import use_cpu_layers
from espnet_atat.model.ctc import CTCHead
from espnet_atat.model.decoder import SharedDecoder
from espnet_atat.model.text_encoder import DeferredTextEncoder, TextEncoder
from espnet_atat.text.vocabulary import Vocabulary

#: The paper's model dimension.
DEFAULT_DIMENSION = 256


def build_model(
    vocabulary: Vocabulary,
    *,
    input_size: int | None,
    audio_encoder: str | None,
    audio_encoder_conf: Mapping[str, Any],
    text_encoder: bool,
    defer_text_encoder: bool = False,
    text_encoder_conf: Mapping[str, Any],
    decoder_conf: Mapping[str, Any],
    ctc_symbols: int | None,
    ctc_conf: Mapping[str, Any],
    model_conf: Mapping[str, Any],
    init: str | None = None,
    pretrained_vocabulary_size: int | None = None,
    frontend: nn.Module | None = None,
    specaug: nn.Module | None = None,
    normalize: nn.Module | None = None,
) -> ESPnetATATModel:
    """Put the parts together.

    Args:
        defer_text_encoder: build it when it is first used (:class:`DeferredTextEncoder`).

    Raises:
        UserError: options that do not fit each other.
    """
    conf = dict(audio_encoder_conf)
    dimension = int(conf.pop("output_size", DEFAULT_DIMENSION))
    audio = None
    if audio_encoder is not None:
        if input_size is None:
            raise UserError("--input_size (mel channels) is needed where there is no frontend")
        audio = AudioEncoder(input_size, dimension, audio_encoder, **conf)
    decoder = SharedDecoder(len(vocabulary), dimension, pretrained_vocabulary_size, **decoder_conf)
    ctc = CTCHead(ctc_symbols, dimension, **ctc_conf) if ctc_symbols is not None and audio is not None else None
    if init is not None:
        # Before the text encoder is attached: BERT's weights are pretrained, or have an initialisation of their own.
        initialize(nn.ModuleList([part for part in (audio, decoder, ctc) if part is not None]), init)
        decoder.tied.reset_parameters()
    text_class = DeferredTextEncoder if defer_text_encoder else TextEncoder
    model = ESPnetATATModel(
        decoder,
        audio,
        text_class(dimension, **text_encoder_conf) if text_encoder else None,
        vocabulary.task_ids,
        vocabulary.eos_id,
        frontend=frontend,
        specaug=specaug,
        normalize=normalize,
        ctc=ctc,
        **model_conf,
    )
    use_cpu_layers(model)
    return model
