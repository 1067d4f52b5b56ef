"""A package made by hand, as small as one can be; no torch is needed to open and check it."""

import io
import zipfile
from pathlib import Path

import pytest
import yaml

CONFIG = {
    "token_list": ["<blank>", "a"],
    "bpemodel": "data/bpe.model",
    "text_tokenizer": "data/text_tokenizer",
    "input_size": 80,
    "audio_encoder": "transformer",
    "text_encoder_conf": {"config": {"model_type": "bert"}},
    "normalize": "utterance_mvn",
    "normalize_conf": {},
}
META = {
    "files": {"model_file": "exp/model.pth", "text_tokenizer": "data/text_tokenizer"},
    "yaml_files": {"train_config": "exp/config.yaml"},
}
MANIFEST = {
    "form": 1,
    "name": "small",
    "decode": {"beam_size": 2},
    "trained_on": [{"task": "slu", "set": "mini/music_train"}, {"task": "asr", "set": "mini/sentences_train"}],
}


def zipped(content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip in memory: weights and statistics are zips themselves."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, each in content.items():
            archive.writestr(name, each)
    return buffer.getvalue()


FILES = {
    "exp/config.yaml": yaml.safe_dump(CONFIG),
    "exp/model.pth": zipped({"model/data.pkl": b"weights"}),
    "data/bpe.model": "pieces",
    "data/text_tokenizer/tokenizer.json": "{}",
    "data/text_tokenizer/tokenizer_config.json": '{"tokenizer_class": "PreTrainedTokenizerFast"}',
    "meta.yaml": yaml.safe_dump(META),
    "atat.yaml": yaml.safe_dump(MANIFEST),
    "README.md": "card",
    "LICENSE": "licence",
}


@pytest.fixture
def make_zip(tmp_path):
    """Write the package, some of its files replaced, added, or (None) left out."""

    def make(
        changes: dict[str, str | bytes | None] | None = None,
        name: str = "small.zip",
        compression: int = zipfile.ZIP_STORED,
    ) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", compression) as archive:
            for member, content in {**FILES, **(changes or {})}.items():
                if content is not None:
                    archive.writestr(member, content)
        return path

    return make
