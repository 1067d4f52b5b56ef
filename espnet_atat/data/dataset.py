"""A dataset whose examples have different streams: audio in some, text in others."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
from espnet2.train.dataset import AbsDataset, ESPnetDataset

Preprocess = Callable[[str, dict[str, Any]], dict[str, np.ndarray]]


class MixtureDataset(AbsDataset):
    """Reads only those streams of an utterance that hold its id.

    ESPnet's own dataset wants every id in every stream. Which stream holds what is looked up once: ``in`` on a sound
    loader would decode the file.

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
        # ESPnet knows how to open each type; its __getitem__ is what does not fit.
        self._loaders = ESPnetDataset(list(streams), float_dtype=float_dtype, **options).loader_dict
        self._ids = {name: frozenset(loader) for name, loader in self._loaders.items()}
        self._preprocess = preprocess
        self._float_dtype = float_dtype

    def has_name(self, name: str) -> bool:
        return name in self._loaders

    def names(self) -> tuple[str, ...]:
        return tuple(self._loaders)

    def ids(self, name: str) -> frozenset[str]:
        """Ids that a stream holds."""
        return self._ids[name]

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """Ids and lines of a stream of text, as they are in its file."""
        loader = self._loaders[name]
        return ((uid, str(loader[uid])) for uid in sorted(self._ids[name]))

    def __len__(self) -> int:
        return len(self._ids["text"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}: {len(ids)}' for name, ids in self._ids.items())})"

    def __getitem__(self, uid: str) -> tuple[str, dict[str, np.ndarray]]:
        data: dict[str, Any] = {name: loader[uid] for name, loader in self._loaders.items() if uid in self._ids[name]}
        if self._preprocess is not None:
            data = self._preprocess(uid, data)
        return uid, {
            name: value.astype(self._float_dtype if value.dtype.kind == "f" else np.int64)
            for name, value in data.items()
        }
