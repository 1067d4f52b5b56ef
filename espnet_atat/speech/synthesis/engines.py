"""The engines by name."""

from pathlib import Path

from espnet_atat.errors import UserError
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
) -> Engine:
    """An engine, with the options of ``bin.synthesize``."""
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
