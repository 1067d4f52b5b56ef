"""A dataset whose examples have different streams: audio in some, text in others."""

from collections.abc import Callable, Collection, Iterator
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
    every data-loading worker copies. Here a :class:`~espnet_atat.data.indexed_file.IndexedFile` takes their place. What
    its lines name is read, and nothing run, as kaldiio would for a line with a pipe.

    Args:
        streams: ESPnet's (path, name, type) of each stream.
        preprocess: called with id and streams of an example.
        float_dtype: of features.

    Raises:
        UserError: a stream is empty, or of a type that cannot be read line by line.
    """

    def __init__(
        self,
        streams: Collection[tuple[str, str, str]],
        preprocess: Preprocess | None = None,
        float_dtype: str = "float32",
    ):
        self._tables = {name: IndexedFile(path) for path, name, _ in streams}
        self._readers = {name: READERS.get(kind) for _, name, kind in streams}  # None: the lines are what is read
        for path, name, kind in streams:
            if not len(self._tables[name]):
                raise UserError(f"{path}: no samples")
            if kind not in (*READERS, "text"):
                raise UserError(f"{path}: {name} has the type {kind}; it must be one of {', '.join(READERS)} and text")
        self._preprocess = preprocess
        self._float_dtype = float_dtype

    def has_name(self, name: str) -> bool:
        return name in self._tables

    def names(self) -> tuple[str, ...]:
        return tuple(self._tables)

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
        for name, table in self._tables.items():
            if (line := table.get(uid)) is not None:
                read = self._readers[name]
                with naming(f"utterance {uid}"):
                    data[name] = line if read is None else read(line)
        if self._preprocess is not None:
            data = self._preprocess(uid, data)
        return uid, {
            name: value.astype(self._float_dtype if value.dtype.kind == "f" else np.int64)
            for name, value in data.items()
        }
