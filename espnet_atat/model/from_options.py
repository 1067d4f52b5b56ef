"""The model that options describe: those of a training, or the configuration that it saved.

Training goes through ESPnet's task; decoding builds the same model without it.
"""

import argparse
from pathlib import Path
from typing import Any

from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.build import build_model
from espnet_atat.model.light_import import load_class
from espnet_atat.text.vocabulary import Vocabulary

#: ESPnet's modules that are chosen by name: option, names, classes.
CLASSES = {
    "frontend": {"default": "espnet2.asr.frontend.default.DefaultFrontend"},
    "specaug": {"specaug": "espnet2.asr.specaug.specaug.SpecAug"},
    "normalize": {
        "global_mvn": "espnet2.layers.global_mvn.GlobalMVN",
        "utterance_mvn": "espnet2.layers.utterance_mvn.UtteranceMVN",
    },
}


def vocabulary_of(args: argparse.Namespace) -> Vocabulary:
    """The token list, from its file or (in a saved configuration) from the list itself."""
    if isinstance(args.token_list, str | Path):
        return Vocabulary.load(args.token_list)
    return Vocabulary(tuple(args.token_list))


def characters_of(args: argparse.Namespace) -> list[str]:
    """The CTC's characters, likewise.

    Raises:
        UserError: there are none.
    """
    if isinstance(args.ctc_characters, str | Path):
        return Path(args.ctc_characters).read_text(encoding="utf-8").splitlines()
    if not args.ctc_characters:
        raise UserError("ctc_unit char needs --ctc_characters; stage 7 writes the list")
    return list(args.ctc_characters)


def model_of(args: argparse.Namespace, *, defer_text_encoder: bool = False) -> ESPnetATATModel:
    """Build the model.

    Args:
        args: gets the lists in place of their files, so that a saved configuration needs no other file.
        defer_text_encoder: see :func:`espnet_atat.model.build.build_model`.

    Raises:
        UserError: options that do not fit each other.
    """
    vocabulary = vocabulary_of(args)
    args.token_list = list(vocabulary.tokens)
    if args.ctc_unit == "char":
        args.ctc_characters = characters_of(args)
    modules = {option: _module(args, option) for option in CLASSES}
    if modules["frontend"] is not None:
        args.input_size = modules["frontend"].output_size()
    symbols = {None: None, "char": args.ctc_characters, "token": args.token_list}[args.ctc_unit]
    return build_model(
        vocabulary,
        input_size=args.input_size,
        audio_encoder=args.audio_encoder,
        audio_encoder_conf=args.audio_encoder_conf,
        text_encoder=args.text_encoder is not None,
        defer_text_encoder=defer_text_encoder,
        text_encoder_conf=args.text_encoder_conf,
        decoder_conf=args.decoder_conf,
        ctc_symbols=symbols and len(symbols),
        ctc_conf=args.ctc_conf,
        model_conf=args.model_conf,
        init=args.init,
        pretrained_vocabulary_size=args.pretrained_vocabulary_size,
        **modules,
    )


def _module(args: argparse.Namespace, option: str) -> Any:
    name = getattr(args, option)
    return None if name is None else load_class(CLASSES[option][name])(**getattr(args, f"{option}_conf"))
