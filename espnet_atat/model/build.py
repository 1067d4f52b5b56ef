"""Builds the model from the options of a training, or from the configuration that it saved."""

import argparse
from pathlib import Path
from typing import Any

from espnet2.torch_utils.initialize import initialize
from torch import nn

from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET, ESPNET_PREFIX
from espnet_atat.hub import HUGGING_FACE
from espnet_atat.light_import import load_class
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.audio_encoder import AudioEncoder, BlocksEncoder
from espnet_atat.model.cpu_layers import use_cpu_layers
from espnet_atat.model.ctc import CTCHead
from espnet_atat.model.decoder import SharedDecoder
from espnet_atat.model.espnet_speech import CLASSES
from espnet_atat.model.hearing_encoder import HearingEncoder
from espnet_atat.model.text_encoder import DeferredTextEncoder, TextEncoder
from espnet_atat.text.tokenizer import SEPARATOR
from espnet_atat.text.vocabulary import Vocabulary

#: The paper's model dimension.
DEFAULT_DIMENSION = 256


def vocabulary_of(args: argparse.Namespace) -> Vocabulary:
    """The token list, from its file or (in a saved configuration) from the list itself."""
    if isinstance(args.token_list, str | Path):
        return Vocabulary.load(args.token_list)
    return Vocabulary(tuple(args.token_list))


def characters_of(args: argparse.Namespace) -> list[str]:
    """The CTC's characters, likewise."""
    if isinstance(args.ctc_characters, str | Path):
        return read_whole(args.ctc_characters).decode("utf-8").splitlines()
    if not args.ctc_characters:
        raise UserError("ctc_unit char needs --ctc_characters; stage 7 writes the list")
    return list(args.ctc_characters)


def build_model(args: argparse.Namespace, *, defer_text_encoder: bool = False) -> ESPnetATATModel:
    """Build the model.

    Args:
        args: ESPnet's; gets the lists in place of their files, so that a saved configuration needs no other file.
        defer_text_encoder: build it when it is first used (:class:`DeferredTextEncoder`).
    """
    vocabulary = vocabulary_of(args)
    args.token_list = list(vocabulary.tokens)
    if args.ctc_unit == "char":
        args.ctc_characters = characters_of(args)
    frontend, specaug, normalize = (_module(args, option) for option in CLASSES)
    if frontend is not None:
        args.input_size = frontend.output_size()
    conf = dict(args.audio_encoder_conf)
    dimension = int(conf.pop("output_size", DEFAULT_DIMENSION))
    audio: BlocksEncoder | None = None
    ctc = None
    if args.audio_encoder in (HUGGING_FACE, ESPNET):
        if frontend is not None:
            raise UserError(f"--frontend none: an audio encoder {args.audio_encoder} has a front end of its own")
        if args.audio_encoder == ESPNET and getattr(args, "audio_encoder_init", None) is not None:
            conf["model"] = f"{ESPNET_PREFIX}{args.audio_encoder_init}"
        try:
            audio = HearingEncoder(dimension, **conf)
        except TypeError as error:
            raise UserError(f"audio_encoder_conf of {args.audio_encoder}: {error}") from error
    elif args.audio_encoder is not None:
        if args.input_size is None:
            raise UserError("--input_size (mel channels) is needed where there is no frontend")
        audio = AudioEncoder(args.input_size, dimension, args.audio_encoder, **conf)
    decoder = SharedDecoder(len(vocabulary), dimension, args.pretrained_vocabulary_size, **args.decoder_conf)
    if audio is not None and args.ctc_unit is not None:
        over_characters = args.ctc_unit == "char"
        symbols = args.ctc_characters if over_characters else args.token_list
        ctc = CTCHead(len(symbols), dimension, **args.ctc_conf, separator=SEPARATOR if over_characters else None)
    if args.init is not None:
        # Before what is pretrained is attached: its weights are loaded, or have an initialisation of their own.
        initialize(nn.ModuleList([part for part in (audio, decoder, ctc) if part is not None]), args.init)
        decoder.tied.reset_parameters()
    if isinstance(audio, HearingEncoder):
        audio.attach()
    text = None
    if args.text_encoder is not None:
        text_class = DeferredTextEncoder if defer_text_encoder else TextEncoder
        text = text_class(dimension, **args.text_encoder_conf)
    model = ESPnetATATModel(
        decoder,
        audio,
        text,
        vocabulary.task_ids,
        vocabulary.eos_id,
        frontend=frontend,
        specaug=specaug,
        normalize=normalize,
        ctc=ctc,
        **args.model_conf,
    )
    use_cpu_layers(model)
    return model


def _module(args: argparse.Namespace, option: str) -> Any:
    name = getattr(args, option)
    return None if name is None else load_class(CLASSES[option][name])(**getattr(args, f"{option}_conf"))
