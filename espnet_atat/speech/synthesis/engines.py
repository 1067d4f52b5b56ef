"""The engines by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.errors import UserError

if TYPE_CHECKING:
    from espnet_atat.speech.synthesis.base import Engine

ENGINES = ("kokoro", "pico", "flite", "polly")


def make_engine(
    name: str,
    *,
    model_dir: Path | None = None,
    polly_engine: str = "neural",
    polly_region: str | None = None,
    polly_price: float | None = None,
    cache_dir: Path | None = None,
) -> "Engine":
    """An engine.

    Args:
        model_dir: Kokoro's ``model.onnx`` and ``voices/``; None: where the script puts them.
        polly_engine: kind of Polly's voices.
        polly_region: None: the configured one.
        polly_price: dollars for a million characters; None: list price.
        cache_dir: what was paid for is kept here; None: the default cache.

    Raises:
        UserError: no engine of this name.
    """
    if name == "kokoro":
        from espnet_atat.speech.synthesis.kokoro import KokoroEngine

        return KokoroEngine(model_dir) if model_dir else KokoroEngine()
    if name == "pico":
        from espnet_atat.speech.synthesis.pico import Pico

        return Pico()
    if name == "flite":
        from espnet_atat.speech.synthesis.flite import Flite

        return Flite()
    if name == "polly":
        from espnet_atat.speech.synthesis.cache import default_cache
        from espnet_atat.speech.synthesis.polly import Polly

        return Polly(polly_engine, polly_region, cache_dir or default_cache(), polly_price)
    raise UserError(f"no engine {name!r}; there are {', '.join(ENGINES)}")


def engine_of(name: str) -> str | None:
    """The engine whose speech a set is, as its name says."""
    return next((engine for engine in ENGINES if name.endswith(f"_{engine}")), None)
