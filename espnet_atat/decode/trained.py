"""A trained model in memory with all that decoding needs; several search configurations can share one."""

import argparse
import logging
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from espnet_atat.decode.decoder_scorer import DecoderWeights
from espnet_atat.errors import UserError, first_line
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.build import build_model, characters_of, vocabulary_of
from espnet_atat.model.device import check_device
from espnet_atat.model.exact_weights import no_larger_than, read_weights, take_weights
from espnet_atat.model.text_encoder import load_text_tokenizer
from espnet_atat.plain_yaml import load_plain
from espnet_atat.text.pieces import read_pieces
from espnet_atat.text.tokenizer import CharTokenizer
from espnet_atat.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

#: Pieces of a text that is not cut.
WHOLE = 10**9


@dataclass(frozen=True)
class Trained:
    """A model for inference. No parameter of it changes in decoding; threads may share it."""

    model: ESPnetATATModel  # in eval mode
    vocabulary: Vocabulary  # the decoder's
    characters: CharTokenizer | None = None  # of the CTC, where it is over characters
    tokenizer_source: str | None = None  # the text encoder's, folder or hub name; None in a model of audio only
    #: Instead, the folder's files by name: of a package, which is gone when a text comes.
    tokenizer_files: Mapping[str, bytes] | None = None
    text_pace: float = 0.0  # see :func:`~espnet_atat.text.pieces.read_pieces`
    #: ESPnet's attention keeps its weights on the module and reads them back: one thread at a time may encode.
    encoding: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def text_tokenizer(self) -> Any:
        """Of the text encoder; read when first needed: audio is decoded without it."""
        if self.model.text_encoder is None:
            raise UserError("this model has no text encoder: it was trained with --text_encoder none")
        if self.tokenizer_files is not None:
            with tempfile.TemporaryDirectory(prefix="atat_") as folder:
                for name, content in self.tokenizer_files.items():
                    try:
                        Path(folder, name).write_bytes(content)
                    except OSError as error:
                        raise UserError(
                            f"{folder}/{name}: cannot be written ({error.strerror}): free some space there, or name "
                            "another folder by TMPDIR"
                        ) from error
                return load_text_tokenizer(folder)
        if self.tokenizer_source is None:
            raise UserError("no tokenizer of the text encoder: give text_tokenizer, a folder (stage 7 makes it)")
        return load_text_tokenizer(self.tokenizer_source)

    def text_pieces(self, words: str) -> list[int]:
        """Ids of the text encoder's pieces of some words; what is longer than its positions is cut, as in training.

        A warning says so.
        """
        tokenizer, encoder = self.text_tokenizer, self.model.text_encoder
        assert encoder is not None
        if (note := self.cut_note(words)) is not None:
            logger.warning(note)
        pieces = read_pieces(tokenizer, words, encoder.max_pieces, self.text_pace)
        if not pieces or max(pieces) >= encoder.vocabulary_size:
            raise UserError(
                f"the text tokenizer gives piece {max(pieces, default=None)} of {words!r}, the text encoder knows "
                f"{encoder.vocabulary_size}: different models"
            )
        return pieces

    def cut_note(self, words: str) -> str | None:
        """A warning for a text that is longer than the text encoder's positions; None for any other."""
        tokenizer, encoder = self.text_tokenizer, self.model.text_encoder
        assert encoder is not None
        longest = max(1.0, self.text_pace) * len(words)  # a piece has a character at least
        if longest + tokenizer.num_special_tokens_to_add() <= encoder.max_pieces:
            return None
        pieces, most = len(read_pieces(tokenizer, words, WHOLE, self.text_pace)), encoder.max_pieces
        return None if pieces <= most else f"a text of {pieces} pieces is cut after {most}, the most at once"

    @cached_property
    def decoder_weights(self) -> DecoderWeights:
        """Of the model's decoder, for its searches."""
        with torch.inference_mode():
            return DecoderWeights(self.model.decoder)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @classmethod
    def of(
        cls, model: ESPnetATATModel, train_args: argparse.Namespace, text_tokenizer: str | Path | None = None
    ) -> "Trained":
        """Wrap a model that is in memory, with the arguments of its training; it is put in eval mode.

        ``text_tokenizer``: folder of the text encoder's tokenizer; None: as in ``train_args``.
        """
        vocabulary = vocabulary_of(train_args)
        rows = len(model.decoder.tied.weight)
        if rows != len(vocabulary):
            raise UserError(f"the token list has {len(vocabulary)} tokens, the decoder {rows} rows: different models")
        characters = CharTokenizer(characters_of(train_args)) if train_args.ctc_unit == "char" else None
        source = text_tokenizer or train_args.text_tokenizer
        tokenizer = str(source) if source else None
        return cls(model.eval(), vocabulary, characters, tokenizer, text_pace=train_args.text_pace)

    @classmethod
    def load(
        cls,
        train_config: str | Path,
        model_file: str | Path,
        device: str = "cpu",
        text_tokenizer: str | Path | None = None,
    ) -> "Trained":
        """Build a model from ``config.yaml`` and a checkpoint (``valid.….pth``, ``12epoch.pth``) of a training run."""
        check_device(device)
        check_files("stages 10 and 11 of the recipe make", train_config=train_config, model_file=model_file)
        config = load_plain(Path(train_config))
        for key in ("token_list", "ctc_characters"):
            if isinstance(config.get(key), str):
                raise UserError(f"{train_config}: {key} is a list in what a training saved, found {config[key]!r}")
        weights = read_weights(model_file)
        train_args = argparse.Namespace()
        vars(train_args).update(config)
        adapted = getattr(train_args, "use_adapter", False)
        train_args.init = None  # the checkpoint has all parameters
        foreign = f"{train_config}: not the configuration of an AT-AT training"
        try:
            try:
                with no_larger_than(weights, model_file):
                    deferred = not adapted and train_args.audio_encoder is not None
                    model = build_model(train_args, defer_text_encoder=deferred)
            except (AttributeError, TypeError) as error:
                if getattr(error, "obj", None) is train_args:
                    raise
                raise UserError(f"{foreign} ({first_line(error)})") from error
            if adapted:
                from espnet2.layers.create_adapter import create_adapter

                create_adapter(model, train_args.adapter, train_args.adapter_conf)
            take_weights(model, weights, model_file)
            return cls.of(model.to(device), train_args, text_tokenizer)
        except AttributeError as error:
            if error.obj is not train_args:
                raise
            raise UserError(f"{foreign} (it lacks the option {error.name})") from error


def check_files(makers: str, **files: str | Path) -> None:
    """Refuse a missing file; names are those of options."""
    for option, path in files.items():
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file (--{option}); {makers} it")
