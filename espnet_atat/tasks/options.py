"""The options that the AT-AT task adds to those of ESPnet's trainer."""

import argparse

from espnet2.train.class_choices import ClassChoices
from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import int_or_none, str_or_none

from espnet_atat.data.parts import MAX_PARTS
from espnet_atat.model.build import CLASSES
from espnet_atat.model.light_import import load_class

#: ESPnet's modules that are chosen by name.
CLASS_CHOICES = tuple(
    ClassChoices(option, {name: load_class(path) for name, path in classes.items()}, optional=True)
    for option, classes in CLASSES.items()
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``ATATTask``, in groups."""
    group = parser.add_argument_group("Target language and text")
    group.add_argument("--token_list", type=str_or_none, help="the decoder's tokens, one a line")
    group.add_argument("--bpemodel", type=str_or_none, help="sentencepiece model of target words")
    group.add_argument("--grown_words", type=str_or_none, help="words with pieces of their own, see text/growth.py")
    group.add_argument(
        "--text_tokenizer",
        type=str_or_none,
        help="folder or hub name of the text encoder's tokenizer; default: text_encoder_conf model",
    )

    # ESPnet's own help does not say what the budget is of.
    (batch_bins,) = (action for action in parser._actions if action.dest == "batch_bins")
    batch_bins.help = (
        "audio frames of a batch, padding included (samples with a frontend), of all processes together: "
        "each of N GPUs gets an Nth, so that an update has as many examples on any number"
    )
    group = parser.add_argument_group("Mixture")
    group.add_argument("--train_groups", type=str_or_none, help="group and weight, one a line (mixture's 'groups')")
    group.add_argument(
        "--text_batch_bins",
        type=int,
        default=20000,
        help="text pieces of a batch, padding included, of all processes together, as --batch_bins is of audio frames",
    )
    group.add_argument(
        "--max_parts",
        type=int,
        default=MAX_PARTS,
        help="the encoders take a batch's audio, and its text, in up to so many parts of like length, padded apart",
    )
    group.add_argument("--augment_conf", action=NestedDictAction, default={}, help="see data/augment.py")
    group.add_argument(
        "--waveform_augment_conf",
        action=NestedDictAction,
        default={},
        help="of audio (feats_type raw): the effects of conf/augment.yaml",
    )
    group.add_argument("--text_mask_rate", type=float, default=0.0, help="share of text pieces that training hides")
    group.add_argument(
        "--mask_conf", action=NestedDictAction, default={}, help="fresh masks every epoch: see data/masks.py"
    )

    group = parser.add_argument_group("Model")
    group.add_argument("--input_size", type=int_or_none, help="mel channels; none with a frontend")
    group.add_argument(
        "--audio_encoder",
        type=str_or_none,
        default="transformer",
        choices=["transformer", "conformer", "e_branchformer", None],
        help="ESPnet blocks behind the CNN; none: text alone",
    )
    group.add_argument("--audio_encoder_conf", action=NestedDictAction, default={})
    group.add_argument(
        "--text_encoder",
        type=str_or_none,
        default="hugging_face",
        choices=["hugging_face", None],
        help="none: audio alone (the E2E baseline)",
    )
    group.add_argument("--text_encoder_conf", action=NestedDictAction, default={}, help="model and / or config")
    group.add_argument("--decoder_conf", action=NestedDictAction, default={}, help="of ESPnet's TransformerDecoder")
    group.add_argument("--ctc_unit", type=str_or_none, choices=["char", "token", None])
    group.add_argument("--ctc_characters", type=str_or_none, help="character list for ctc_unit char")
    group.add_argument("--ctc_conf", action=NestedDictAction, default={}, help="subframes, dropout_rate")
    group.add_argument("--model_conf", action=NestedDictAction, default={}, help="of ESPnetATATModel")
    group.add_argument(
        "--init",
        type=str_or_none,
        choices=["xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", None],
        help="of audio encoder and decoder; the text encoder and the tied embedding keep their own",
    )

    group = parser.add_argument_group("Transfer")
    group.add_argument("--pretrained_vocabulary_size", type=int_or_none, help="rows that --init_param brings")
    group.add_argument(
        "--pretrained_parameters",
        nargs="*",
        default=[],
        help="names or prefixes that the schedule unfreezes gradually; 'all': all but the new rows",
    )
    group.add_argument(
        "--audio_encoder_init",
        type=str_or_none,
        help="an ESPnet ASR model's .pth: its encoder's blocks, of the same shape, are what ours start from",
    )
    group.add_argument("--text_encoder_lr_scale", type=float, default=1.0, help="on the text encoder's rate")
    group = parser.add_argument_group("Features")
    for choices in CLASS_CHOICES:
        choices.add_arguments(group)
