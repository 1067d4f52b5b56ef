"""The options that the AT-AT task adds to those of ESPnet's trainer."""

import argparse

from espnet2.train.class_choices import ClassChoices
from espnet2.utils.nested_dict_action import NestedDictAction
from espnet2.utils.types import int_or_none, str_or_none

from espnet_atat.data.parts import MAX_PARTS
from espnet_atat.light_import import load_class
from espnet_atat.model.espnet_speech import CLASSES

#: ESPnet's modules that are chosen by name.
CLASS_CHOICES = tuple(
    ClassChoices(option, {name: load_class(path) for name, path in classes.items()}, optional=True)
    for option, classes in CLASSES.items()
)


def add_task_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``ATATTask``, in groups."""
    add = parser.add_argument_group("Target language and text").add_argument
    add("--token_list", type=str_or_none, help="the decoder's tokens, one per line")
    add("--bpemodel", type=str_or_none, help="sentencepiece model of target words")
    add("--grown_words", type=str_or_none, help="words with pieces of their own, see text/growth.py")
    about = "folder or hub name of the text encoder's tokenizer; default: text_encoder_conf model"
    add("--text_tokenizer", type=str_or_none, help=about)

    # ESPnet's own help does not say what the budget counts.
    (batch_bins,) = (action for action in parser._actions if action.dest == "batch_bins")
    batch_bins.help = (
        "audio frames in a batch, padding included (samples with a frontend), over all processes together: "
        "each of N GPUs gets an Nth, so that an update has the same number of examples on any number of GPUs"
    )
    add = parser.add_argument_group("Mixture").add_argument
    add("--train_groups", type=str_or_none, help="group and weight, one per line (mixture's 'groups')")
    about = "text pieces in a batch, padding included, over all processes together, like --batch_bins for audio"
    add("--text_batch_bins", type=int, default=20000, help=about)
    about = "the encoders take a batch's audio, and its text, in up to so many parts, each padded by itself"
    add("--max_parts", type=int, default=MAX_PARTS, help=about)
    add("--augment_conf", action=NestedDictAction, default={}, help="see data/feature_augmentation.py")
    about = "for audio (feats_type raw): the effects of conf/augment.yaml"
    add("--waveform_augment_conf", action=NestedDictAction, default={}, help=about)
    about = "length of a character in audio states, for a text encoder that reads at the pace of speech; 0: off"
    add("--text_pace", type=float, default=0.0, help=about)
    add("--text_mask_rate", type=float, default=0.0, help="share of text pieces that training hides")
    add("--mask_conf", action=NestedDictAction, default={}, help="fresh masks every epoch: see data/masks.py")

    add = parser.add_argument_group("Model").add_argument
    add("--input_size", type=int_or_none, help="80 mel channels, or the size of MFCC; none with a frontend")
    blocks = ["transformer", "conformer", "e_branchformer", "hugging_face", "espnet", None]
    about = "ESPnet blocks behind the CNN; hugging_face, espnet: a pretrained speech encoder; none: text only"
    add("--audio_encoder", type=str_or_none, default="transformer", choices=blocks, help=about)
    add("--audio_encoder_conf", action=NestedDictAction, default={})
    kinds, about = ["hugging_face", None], "none: audio only (the E2E baseline)"
    add("--text_encoder", type=str_or_none, default="hugging_face", choices=kinds, help=about)
    add("--text_encoder_conf", action=NestedDictAction, default={}, help="model and / or config")
    add("--decoder_conf", action=NestedDictAction, default={}, help="options of ESPnet's TransformerDecoder")
    add("--ctc_unit", type=str_or_none, choices=["char", "token", None])
    add("--ctc_characters", type=str_or_none, help="character list for ctc_unit char")
    add("--ctc_conf", action=NestedDictAction, default={}, help="subframes, dropout_rate")
    add("--model_conf", action=NestedDictAction, default={}, help="options of ESPnetATATModel")
    ways = ["xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", None]
    about = "for audio encoder and decoder; the text encoder and the tied embedding keep their own"
    add("--init", type=str_or_none, choices=ways, help=about)

    add = parser.add_argument_group("Transfer").add_argument
    add("--pretrained_vocabulary_size", type=int_or_none, help="rows that --init_param brings")
    about = "names or prefixes that the schedule unfreezes gradually; 'all': all but the new rows"
    add("--pretrained_parameters", nargs="*", default=[], help=about)
    about = (
        "an ESPnet ASR model (a .pth, package, folder or espnet_model_zoo name): its encoder's blocks, of the same "
        "shape, are what ours start from; with audio_encoder espnet its whole encoder is taken"
    )
    add("--audio_encoder_init", type=str_or_none, help=about)
    about = "factor on the pretrained speech encoder's learning rate (audio_encoder hugging_face or espnet)"
    add("--audio_encoder_lr_scale", type=float, default=1.0, help=about)
    add("--text_encoder_lr_scale", type=float, default=1.0, help="factor on the text encoder's learning rate")
    group = parser.add_argument_group("Features")
    for choices in CLASS_CHOICES:
        choices.add_arguments(group)
