"""A dataset whose examples have different streams: audio in some, text in others."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
from espnet2.train.dataset import AbsDataset, ESPnetDataset

from espnet_atat.data.indexed_file import Table
from espnet_atat.errors import UserError

Preprocess = Callable[[str, dict[str, Any]], dict[str, np.ndarray]]


class MixtureDataset(AbsDataset):
    """Reads only those streams of an utterance that hold its id.

    ESPnet's own dataset wants every id in every stream, and keeps ids and lines as dictionaries of strings, which
    every data-loading worker copies. Here a :class:`~espnet_atat.data.indexed_file.Table` takes their place; ESPnet's
    loaders still open what its lines name.

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
        **options: Any,
    ):
        self._tables = {name: Table(path) for path, name, _ in streams}
        self._loaders = {
            name: _loader(self._tables[name], path, name, kind, {"float_dtype": float_dtype, **options})
            for path, name, kind in streams
        }
        self._preprocess = preprocess
        self._float_dtype = float_dtype

    def has_name(self, name: str) -> bool:
        return name in self._loaders

    def names(self) -> tuple[str, ...]:
        return tuple(self._loaders)

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
        for name, loader in self._loaders.items():
            try:
                data[name] = loader[uid]
            except KeyError:
                if uid in self._tables[name]:
                    raise
        if self._preprocess is not None:
            data = self._preprocess(uid, data)
        return uid, {
            name: value.astype(self._float_dtype if value.dtype.kind == "f" else np.int64)
            for name, value in data.items()
        }


def _loader(table: Table, path: str, name: str, kind: str, options: dict[str, Any]) -> Mapping[str, Any]:
    """ESPnet's loader of a stream, with the table in place of its dictionary.

    Raises:
        UserError: the stream is empty, or of a type that cannot be read line by line.
    """
    if not len(table):
        raise UserError(f"{path}: no samples")
    if kind not in ("text", "kaldi_ark", "sound"):
        raise UserError(f"{path}: {name} is of type {kind}: one of kaldi_ark, sound and text")
    if kind == "text":
        return table
    with tempfile.NamedTemporaryFile("w", suffix=".scp") as first:  # ESPnet reads the file it is given at once
        key, value = next(table.items())
        first.write(f"{key} {value}\n")
        first.flush()
        loader = ESPnetDataset([(first.name, name, kind)], **options).loader_dict[name]
    if kind == "kaldi_ark":
        loader.loader._dict = table
    else:
        loader.loader.data = table
    return loader
