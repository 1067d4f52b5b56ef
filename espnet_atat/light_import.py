"""Imports ESPnet without the parts that only training needs."""

import contextlib
import io
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import torch


@contextlib.contextmanager
def light_import() -> Iterator[None]:
    """Import ESPnet's modules inside this block: in half the time, and without its line about Flash Attention.

    ESPnet decorates functions with ``torch.compiler.disable``, which imports PyTorch's compiler (a second of CPU time).
    Marking the functions as that decorator does keeps their meaning for whoever compiles a model afterwards.
    """
    original = torch.compiler.disable
    if "torch._dynamo" not in sys.modules:
        torch.compiler.disable = _mark  # type: ignore[assignment]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            yield
    finally:
        torch.compiler.disable = original
        sys.stderr.writelines(
            line for line in printed.getvalue().splitlines(keepends=True) if "Flash Attention" not in line
        )


def load_class(path: str) -> Any:
    """The class at ``package.module.Class``, of ESPnet."""
    module, _, name = path.rpartition(".")
    with light_import():
        return getattr(import_module(module), name)


def _mark(function: Any = None, recursive: bool = True, **options: Any) -> Any:
    """For ``torch.compiler.disable``: as a decorator, or called with the decorator's options."""
    if function is None:
        return partial(_mark, recursive=recursive, **options)
    function._torchdynamo_disable = True
    function._torchdynamo_disable_msg = options.get("reason")
    return function
