"""A dataset whose examples have different streams: audio in some, text in others."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
from espnet2.train.dataset import AbsDataset

from espnet_atat.data.indexed_file import IndexedFile
from espnet_atat.errors import UserError, naming
from espnet_atat.speech.arks import read_features
from espnet_atat.speech.audio import read_audio

#: ESPnet's types of audio streams.
READERS: dict[str, Callable[[str], np.ndarray]] = {"kaldi_ark": read_features, "sound": read_audio}

Preprocess = Callable[[str, dict[str, Any]], dict[str, np.ndarray]]


class MixtureDataset(AbsDataset):
    """Reads only those streams of an utterance that hold its id.

    ESPnet's own dataset needs every id in every stream, and keeps ids and lines as dictionaries of strings, which
    every data-loading worker copies. Here a :class:`~espnet_atat.data.indexed_file.IndexedFile` takes their place;
    ESPnet's loaders still open what its lines name.

    Args:
        streams: ESPnet's (path, name, type) of each stream.
        preprocess: called with id and streams of an example.
        float_dtype: of features.
    """

    def __init__(
        self,
        streams: Collection[tuple[str, str, str]],
        preprocess: Preprocess | None = None,
        float_dtype: str = "float32",
    ):
        self._tables = {name: IndexedFile(path) for path, name, _ in streams}
        self._streams = {name: _stream(self._tables[name], path, name, kind) for path, name, kind in streams}
        self._preprocess = preprocess
        self._float_dtype = float_dtype

    def has_name(self, name: str) -> bool:
        return name in self._streams

    def names(self) -> tuple[str, ...]:
        return tuple(self._streams)

    def ids(self, name: str) -> Iterator[str]:
        """Ids that a stream holds, in its file's order."""
        return iter(self._tables[name])

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """Ids and lines of a stream of text, as they are in its file and in its order."""
        return self._tables[name].items()

    def __len__(self) -> int:
        return len(self._tables["text"])

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {len(table)}" for name, table in self._tables.items())
        return f"{type(self).__name__}({sizes})"

    def __getitem__(self, uid: str) -> tuple[str, dict[str, np.ndarray]]:
        data: dict[str, Any] = {}
        for name, stream in self._streams.items():
            try:
                data[name] = stream[uid]
            except KeyError:
                if uid in self._tables[name]:
                    raise
        if self._preprocess is not None:
            data = self._preprocess(uid, data)
        return uid, {
            name: value.astype(self._float_dtype if value.dtype.kind == "f" else np.int64)
            for name, value in data.items()
        }


class _Stream(Mapping[str, Any]):
    """What the lines of a table name: features or audio. It runs nothing, as kaldiio would for a line with a pipe."""

    def __init__(self, table: IndexedFile, read: Callable[[str], np.ndarray]):
        self._table, self._read = table, read

    def __getitem__(self, uid: str) -> np.ndarray:
        with naming(f"utterance {uid}"):
            return self._read(self._table[uid])

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _stream(table: IndexedFile, path: str, name: str, kind: str) -> Mapping[str, Any]:
    """An example's stream by its id.

    Raises:
        UserError: the stream is empty, or of a type that cannot be read line by line.
    """
    if not len(table):
        raise UserError(f"{path}: no samples")
    if kind not in (*READERS, "text"):
        raise UserError(f"{path}: {name} has the type {kind}; it must be one of {', '.join(READERS)} and text")
    return table if kind == "text" else _Stream(table, READERS[kind])
