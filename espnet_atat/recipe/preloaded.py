"""What the process that forks jobs (``forking``) imports, and nothing else does: all that jobs import in turn."""

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

#: All that training, decoding and scoring need.
MODULES = ("espnet_atat.recipe.stages", "espnet_atat.tasks.atat", "torch.utils.tensorboard")


def preload(modules: Iterable[str]) -> None:
    """Import what can be imported; what cannot fails again in the job that needs it, which says so in its log."""
    for name in modules:
        with suppress(Exception):
            import_module(name)


preload(MODULES)
