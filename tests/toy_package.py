"""A model of some thousand parameters that has learnt two commands by heart, as a training run and as a package."""

import shutil
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml

from espnet_atat.data.collate import MixedCollate
from espnet_atat.data.preprocessor import MixturePreprocessor
from espnet_atat.model.text_encoder import load_text_tokenizer
from espnet_atat.package.manifest import Manifest
from espnet_atat.package.writer import Sources, write_package
from espnet_atat.speech.fbank import fbank
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece
from tests.toy_commands import TREES, WORDS

RATE = 16_000  # Hz
STEPS = 120
CONFIG = """
train_shape_file: [exp/elsewhere/speech_shape]  # as in every run, and nothing that a model needs
input_size: 80
audio_encoder: transformer
audio_encoder_conf:
  output_size: 24
  cnn_channels: [4, 4]
  dropout_rate: 0.0
  blocks_conf: {num_blocks: 1, attention_heads: 2, linear_units: 32, dropout_rate: 0.0}
text_encoder: hugging_face
text_encoder_conf:
  config: {model_type: bert, hidden_size: 24, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32,
           vocab_size: 60, max_position_embeddings: 64}
decoder_conf: {num_blocks: 1, attention_heads: 2, linear_units: 32, dropout_rate: 0.0}
ctc_unit: char
ctc_conf: {subframes: 2}
model_conf: {ctc_weight: 1.0, lsm_weight: 0.0}
init: null
pretrained_vocabulary_size: null
frontend: null
frontend_conf: {}
specaug: null
specaug_conf: {}
normalize: utterance_mvn
normalize_conf: {}
version: "202611"
"""
#: A result as stage 13 would score it.
FIGURES = {"em_full": {"title": "EM (full)", "value": 0.5, "interval": [0.0, 1.0]}}
RESULT = {"set": "toy/test", "task": "slu", "config": "decode", "utterances": 2, "figures": FIGURES}
SEEN = ({"phase": "pretrain", "task": "slu", "set": "toy/audio"},)
DECODE = {"beam_size": 3, "maxlen": 20}
MANIFEST = Manifest(name="toy", title="A toy", trained_on=SEEN, results=(RESULT,), decode=DECODE)


def command(number: int, seconds: float = 0.6) -> np.ndarray:
    """One of the two commands: chords of its own, 16 kHz, float32."""
    time = np.arange(int(seconds * RATE)) / RATE
    notes = ((300, 2000), (700, 1200))[number]
    first, second = (np.sin(2 * np.pi * note * time) for note in notes)
    half = time < seconds / 2
    return (0.2 * np.where(half, first, second)).astype(np.float32)


def make_run(folder: Path) -> Path:
    """Train the model; ``folder`` becomes a training run as stage 10 leaves it, whose paths are absolute."""
    folder.mkdir(parents=True)
    make_target_model(list(TREES) * 4, 20, folder)
    save_wordpiece(train_wordpiece(list(WORDS) * 4, 60), folder / "text_tokenizer")
    characters = (folder / "characters.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = Vocabulary.load(folder / "tokens.txt")
    config = _config(folder, vocabulary, characters)
    torch.manual_seed(0)
    model = ATATTask.build_model(Namespace(audio_encoder_init=None, use_adapter=False, **config))
    _learn(model, _examples(folder, vocabulary, characters))
    config |= {"text_encoder_conf": {"config": model.text_encoder.config.to_diff_dict()}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.save(model.state_dict(), folder / "valid.acc.ave.pth")
    return folder


def make_package(run: Path, output: Path) -> Path:
    """Pack the run with a manifest."""
    write_package(Sources(train_config=run / "config.yaml", model_file=run / "valid.acc.ave.pth"), MANIFEST, output)
    return output


def repack(package: Path, output: Path, files: dict[str, bytes | None]) -> Path:
    """A copy of a package with some members replaced, added or (None) left out."""
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            if name not in files:
                new.writestr(name, old.read(name))
        for name, content in files.items():
            if content is not None:
                new.writestr(name, content)
    return output


def copy_code(root: Path, folder: Path) -> Path:
    """The package's Python files alone, for a process that shall see no repository."""
    return shutil.copytree(root / "espnet_atat", folder / "espnet_atat", ignore=shutil.ignore_patterns("__pycache__"))


def write_command(path: Path, number: int = 0, rate: int = RATE) -> Path:
    """A command's recording."""
    samples = command(number)
    if rate != RATE:
        import soxr

        samples = soxr.resample(samples, RATE, rate)
    soundfile.write(path, samples, rate)
    return path


def _config(folder: Path, vocabulary: Vocabulary, characters: list[str]) -> dict[str, Any]:
    paths = {"bpemodel": str(folder / "bpe.model"), "text_tokenizer": str(folder / "text_tokenizer")}
    config = {
        "output_dir": str(folder),
        "token_list": list(vocabulary.tokens),
        "ctc_characters": characters,
        "text_pace": 0.0,
    }
    return config | paths | yaml.safe_load(CONFIG)


def _examples(folder: Path, vocabulary: Vocabulary, characters: list[str]) -> dict[str, torch.Tensor]:
    """One batch: both commands as speech, with both labels, and as text."""
    preprocess = MixturePreprocessor(
        False,
        TargetTokenizer(vocabulary, folder / "bpe.model"),
        CharTokenizer(characters),
        load_text_tokenizer(folder / "text_tokenizer"),
    )
    raw: list[tuple[str, dict[str, Any]]] = []
    for number, (tree, words) in enumerate(zip(TREES, WORDS, strict=True)):
        speech = fbank(command(number))
        raw.append((f"slu-{number}", {"speech": speech, "text": f"<slu> {tree}"}))
        raw.append((f"asr-{number}", {"speech": speech, "text": f"<asr> {words}"}))
        raw.append((f"nlu-{number}", {"text_in": words, "text": f"<nlu> {tree}"}))
    _, batch = MixedCollate()([(name, preprocess(name, data)) for name, data in raw])
    return batch


def _learn(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss, _, _ = model(**batch)
        loss.backward()
        optimizer.step()
    model.eval()
