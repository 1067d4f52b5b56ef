"""A tiny model with random weights: one audio and one text encoder, 40 tokens."""

from argparse import Namespace
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from threading import Lock

import kaldiio
import numpy as np
import pytest
import torch

from espnet_atat.datadir import write_two_column
from espnet_atat.decode.pretrained import Pretrained, load_pretrained
from espnet_atat.decode.trained import Trained
from espnet_atat.model.atat_model import Encoded
from espnet_atat.text.vocabulary import Vocabulary
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece
from tests.toy_model import TINY_BERT, toy_model

TAGS = ("]", "[IN:BUY", "[IN:PLAY", "[IN:FIND", "[SL:SONG", "[SL:ARTIST", "[SL:BOOK")
LETTERS = "abcdefgh"
PIECES = ("▁", "▁play", "▁the", "▁moon", *(f"▁{letter}" for letter in LETTERS), *LETTERS, "oon", "ing")
CHARACTERS = ("<blank>", "<unk>", "<space>", *"abcdefghijklmnopqrstuvwxyz")
#: Of the random model: how far its logits spread.
LOUDNESS = 6.0
BLOCKS = {"num_blocks": 1, "attention_heads": 2, "linear_units": 64}
WORDS = ("play", "the", "moon", "buy", "a", "book", "please", "now")


def tiny_model(vocabulary, seed=0, ctc=None, subframes=1, stopping=12.0, input_size=80, **decoder: object):
    """Random weights, large enough that the output is no uniform mush; ``stopping`` makes ``<eos>`` likely."""
    model = toy_model(
        vocabulary,
        seed=seed,
        input_size=input_size,
        audio_encoder_conf={"output_size": 32, "cnn_channels": [4, 4], "blocks_conf": BLOCKS},
        text_encoder_conf={"config": {**TINY_BERT, "vocab_size": 100}},
        decoder_conf={**BLOCKS, "num_blocks": 2, **decoder},
        ctc_symbols=ctc,
        ctc_conf={"subframes": subframes},
        model_conf={},
        pretrained_vocabulary_size=len(vocabulary) - 5,
    )
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            if parameter.dim() > 1:
                parameter.mul_(2.0)
        # A tied matrix predicts the token it has just read: read softly, speak loudly, and now and then stop.
        tied = model.decoder.tied
        for rows in (tied.pretrained, tied.new):
            rows.mul_(0.1)
        norm = model.decoder.after_norm if model.decoder.normalize_before else model.decoder.decoders[-1].norm3
        norm.weight.fill_(LOUDNESS)
        norm.bias.add_(stopping * tied.weight[vocabulary.eos_id])
    return model


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary.build(TAGS, PIECES)


@pytest.fixture(scope="session")
def train_args(vocabulary, tmp_path_factory) -> Namespace:
    """What ESPnet saves of a training, as far as decoding reads it."""
    tokenizer = tmp_path_factory.mktemp("tokenizer")
    save_wordpiece(train_wordpiece([" ".join(WORDS)] * 4, 80), tokenizer)
    ctc = dict.fromkeys(("ctc_unit", "ctc_characters"))
    return Namespace(token_list=list(vocabulary.tokens), text_tokenizer=str(tokenizer), text_pace=0.0, **ctc)


@pytest.fixture(scope="session")
def trained(vocabulary, train_args) -> Trained:
    return Trained.of(tiny_model(vocabulary), train_args)


def sure_of_letters(trained: Trained) -> Trained:
    """A copy whose CTC over characters knows all that it hears."""
    trained = replace(trained, model=deepcopy(trained.model), encoding=Lock())
    with torch.no_grad():
        trained.model.ctc.project.bias.view(trained.model.ctc.subframes, -1)[:, CHARACTERS.index("<unk>")] = -100.0
    return trained


@pytest.fixture(scope="session")
def character_trained(vocabulary, train_args) -> Trained:
    """With a CTC over characters."""
    args = Namespace(**{**vars(train_args), "ctc_unit": "char", "ctc_characters": list(CHARACTERS)})
    return Trained.of(tiny_model(vocabulary, ctc=len(CHARACTERS), subframes=3), args)


@pytest.fixture(scope="session")
def shortened_trained(vocabulary, train_args, speech) -> Trained:
    """The same, whose decoder gets one state a word; where words begin is random."""
    args = Namespace(**{**vars(train_args), "ctc_unit": "char", "ctc_characters": list(CHARACTERS)})
    trained = Trained.of(tiny_model(vocabulary, ctc=len(CHARACTERS), subframes=3), args)
    model, states = trained.model, encode(trained, speech[0]).states
    model.shorten_audio = True
    with torch.no_grad():
        head = model.ctc.project
        head.bias.sub_(head(states).mean((0, 1)))  # so that symbols change along the path
        head.bias.view(3, -1)[:, model.ctc.separator].add_(0.5)
    return trained


@pytest.fixture(scope="session")
def token_trained(vocabulary, train_args) -> Trained:
    """With a CTC over the decoder's tokens."""
    args = Namespace(**{**vars(train_args), "ctc_unit": "token"})
    return Trained.of(tiny_model(vocabulary, ctc=len(vocabulary), subframes=2), args)


@pytest.fixture(scope="session")
def shared(toy_package) -> Pretrained:
    """The toy's package, loaded once for all who do not change it."""
    return load_pretrained(toy_package)


@pytest.fixture(scope="session")
def speech() -> list[np.ndarray]:
    """Features of 16 utterances of different length."""
    rng = np.random.default_rng(1)
    return [rng.normal(0, 2, (int(frames), 80)).astype(np.float32) for frames in rng.integers(30, 140, 16)]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    rng = np.random.default_rng(2)
    return [" ".join(rng.choice(WORDS, size)) for size in rng.integers(1, 9, 16)]


def encode(trained: Trained, utterance: np.ndarray) -> Encoded:
    """The states of an utterance's features."""
    with torch.inference_mode():
        return trained.model.encode_audio(torch.from_numpy(utterance)[None], torch.tensor([len(utterance)]))


def write_dump(folder: Path, speech: list[np.ndarray], texts: list[str]) -> Path:
    """A set as stage 6 leaves it, with utterances spk-00, spk-01 …"""
    folder.mkdir(parents=True)
    ids = [f"spk-{n:02d}" for n in range(len(speech))]
    kaldiio.save_ark(str(folder / "feats.ark"), dict(zip(ids, speech, strict=True)), scp=str(folder / "feats.scp"))
    write_two_column(folder / "utt2num_frames", {i: str(len(x)) for i, x in zip(ids, speech, strict=True)})
    write_two_column(folder / "text", dict(zip(ids, texts, strict=True)))
    return folder
