"""The random changes of a configuration, in their physical order: speaker, room, channel.

One option each, in YAML; what is absent or null is off::

    pitch: {semitones: [-2, 2], probability: 0.5}
    noise: {snr: [5, 20], sounds: noises/}

``probability`` (1 where it is not given) is the share of the utterances that are changed. A range is drawn from
uniformly; one number is that value.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.schema import check_known, read
from espnet_atat.speech.audio import convert_rate, read_mono
from espnet_atat.speech.augmentation import effects

Range = tuple[float, float]
SOUND_FILES = {".wav", ".flac", ".ogg"}
#: Least and largest value of an option, whichever effect has it.
LIMITS: dict[str, Range] = {
    "probability": (0, 1),
    "speeds": effects.STRETCH,
    "factors": effects.STRETCH,
    "factor": effects.STRETCH,
    "semitones": (-12, 12),
    "rates": (1000, 192_000),
    "pole": (0, 0.99),
    "swing": (0, 20),
    "talkers": (1, 100),
}


@dataclass(frozen=True, kw_only=True)
class Effect(ABC):
    """One random change."""

    probability: float = 1.0  # share of the utterances that are changed

    def __post_init__(self) -> None:
        check_limits(vars(self))
        for name in self.ranges():
            pair = getattr(self, name)
            if len(pair) != 2 or not np.isfinite(pair).all() or pair[0] > pair[1]:
                raise UserError(f"{name} needs [lowest, highest], found {list(pair)}")
        for name in {"responses", "sounds"} & vars(self).keys():
            if getattr(self, name) is not None:
                list_sounds(getattr(self, name))

    @classmethod
    def ranges(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls) if field.type == Range]

    @classmethod
    def expand(cls, options: Any) -> Any:
        """One number, where a range is expected, is that value."""
        if not isinstance(options, Mapping):
            return options
        single = {name: options[name] for name in cls.ranges() if isinstance(options.get(name), int | float)}
        return {**options, **{name: [value, value] for name, value in single.items()}}

    @abstractmethod
    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Change samples (num_samples,) at ``rate`` Hz; ``rng`` decides how."""


@dataclass(frozen=True, kw_only=True)
class Speed(Effect):
    """``factors``: one is drawn; 1.1 is faster and higher."""

    factors: tuple[float, ...]

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        return effects.change_speed(samples, rate, float(rng.choice(self.factors)))


@dataclass(frozen=True, kw_only=True)
class Tempo(Effect):
    """``factor``: range of the speaking rate; 1.1 is faster, at the same pitch."""

    factor: Range

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        return effects.change_tempo(samples, rate, rng.uniform(*self.factor))


@dataclass(frozen=True, kw_only=True)
class Pitch(Effect):
    """``semitones``: range of the shift, up where positive."""

    semitones: Range

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        return effects.shift_pitch(samples, rate, rng.uniform(*self.semitones))


@dataclass(frozen=True, kw_only=True)
class Shift(Effect):
    """``seconds``: range of silence put before; negative numbers cut off the beginning."""

    seconds: Range

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        return effects.shift_time(samples, rate, rng.uniform(*self.seconds))


@dataclass(frozen=True, kw_only=True)
class Reverberation(Effect):
    """``responses``: a folder or wav.scp of impulse responses, one drawn each time; null: a room is simulated."""

    responses: str | None = None

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        response = effects.draw_response(rng, rate) if self.responses is None else _draw(self.responses, rate, rng)
        return effects.reverberate(samples, response)


@dataclass(frozen=True, kw_only=True)
class Silence(Effect):
    """``seconds``: range of what is put before, and again behind; ``decibels``: how loud its noise is, to the speech's.

    Each is a range; -90 dB is as good as digital silence.
    """

    seconds: Range
    decibels: Range = (-90.0, -10.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds[0] < 0:
            raise UserError(f"seconds of silence are at least 0, found {self.seconds[0]:g}; shift cuts off a beginning")

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        before, behind = (rng.standard_normal(round(rng.uniform(*self.seconds) * rate)) for _ in range(2))
        return effects.surround(samples, before, behind, rng.uniform(*self.decibels))


@dataclass(frozen=True, kw_only=True)
class Babble(Effect):
    """Talk of others. ``talkers``: range of their number; ``snr``: range of the ratio to their sum, in dB.

    ``sounds``: recordings of talk, as ``responses``; null: the set's other recordings, in stage 2.
    """

    snr: Range
    talkers: tuple[int, ...] = (3, 7)
    sounds: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.talkers) != 2 or self.talkers[0] > self.talkers[1]:
            raise UserError(f"talkers needs [lowest, highest], found {list(self.talkers)}")

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        assert self.sounds is not None, "see Chain.check_sounds"
        return self.apply_others(samples, rate, rng, self.sounds, None)

    def apply_others(
        self, samples: np.ndarray, rate: int, rng: np.random.Generator, sounds: str, own: str | None
    ) -> np.ndarray:
        """Talk of different recordings, never of the file ``own``; where there is no other, nobody talks."""
        number = int(rng.integers(self.talkers[0], self.talkers[1] + 1))
        files = list_sounds(sounds)
        drawn = rng.choice(len(files), min(number + 1, len(files)), replace=False)
        others = [files[i] for i in drawn if files[i] != own][:number]
        if not others:
            return samples
        talk = [_excerpt(_load(file, rate), len(samples), rng) for file in others]
        return effects.add_noise(samples, effects.mix(talk), rng.uniform(*self.snr))


@dataclass(frozen=True, kw_only=True)
class Noise(Effect):
    """``snr``: range of the signal-to-noise ratio in dB. ``sounds``: noises, as ``responses``; null: white noise.

    That can be given the sound of a place: ``pole``, of a low-pass filter (0: white; 0.95: a rumble), and ``swing``,
    the standard deviation of its level in dB (0: steady; 6: like voices or dishes). Each is a range.
    """

    snr: Range
    sounds: str | None = None
    pole: Range = (0.0, 0.0)
    swing: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.sounds is not None and (any(self.pole) or any(self.swing)):
            raise UserError("pole and swing apply only to white noise: leave them out beside sounds")
        super().__post_init__()

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        snr = rng.uniform(*self.snr)
        if self.sounds is None:
            noise = rng.standard_normal(len(samples))
            if any(self.pole) or any(self.swing):
                pole, swing = rng.uniform(*self.pole), rng.uniform(*self.swing)
                count = int(len(samples) / (effects.LEVEL_SECONDS * rate)) + 2
                noise = effects.place_noise(noise, rate, pole, swing * rng.standard_normal(count))
            return effects.add_noise(samples, noise, snr)
        return effects.add_noise(samples, _excerpt(_draw(self.sounds, rate, rng), len(samples), rng), snr)


@dataclass(frozen=True, kw_only=True)
class Resampling(Effect):
    """``rates``: sample rates in Hz; the audio goes through one of them, as over a telephone."""

    rates: tuple[int, ...]

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        return effects.limit_band(samples, rate, int(rng.choice(self.rates)))


@dataclass(frozen=True, kw_only=True)
class Volume(Effect):
    """``decibels``: range of the gain; never so much that it clips."""

    decibels: Range

    def apply(self, samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        return effects.change_volume(samples, rng.uniform(*self.decibels))


EFFECTS: dict[str, type[Effect]] = {
    kind.__name__.lower(): kind
    for kind in (Speed, Tempo, Pitch, Shift, Reverberation, Silence, Babble, Noise, Resampling, Volume)
}


@dataclass(frozen=True)
class Chain:
    """Effects in the order of :data:`EFFECTS`."""

    effects: tuple[Effect, ...] = ()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """Check and read a configuration. Raises UserError, which names ``where`` and the option."""
        check_known(config, EFFECTS, where, "effect")
        wanted = [(name, kind) for name, kind in EFFECTS.items() if config.get(name) is not None]
        return cls(tuple(read(kind, config[name], f"{where}: {name}") for name, kind in wanted))

    def check_sounds(self, where: str) -> Self:
        """The same. Raises UserError for babble without sounds, where there is no set whose recordings it could be."""
        if any(isinstance(each, Babble) and each.sounds is None for each in self.effects):
            raise UserError(f"{where}: babble: sounds is missing: name a folder or a list of recordings")
        return self

    def __call__(
        self,
        samples: np.ndarray,
        rate: int,
        rng: np.random.Generator,
        recordings: str | None = None,
        own: str | None = None,
    ) -> np.ndarray:
        """Change an utterance: samples (num_samples,) at ``rate`` Hz; the same ``rng`` gives the same result.

        ``recordings``: of babble that names no sounds, the set's, as a list; ``own`` is this utterance's.
        """
        for effect in self.effects:
            if rng.random() >= effect.probability:
                continue
            if isinstance(effect, Babble) and effect.sounds is None and recordings is not None:
                samples = effect.apply_others(samples, rate, rng, recordings, own)
            else:
                samples = effect.apply(samples, rate, rng)
        return samples


def check_limits(options: Mapping[str, Any]) -> None:
    """Raises UserError for a number outside its limits, or a list of none."""
    for name in options.keys() & LIMITS.keys():
        numbers, (low, high) = np.atleast_1d(options[name]), LIMITS[name]
        if not len(numbers):
            raise UserError(f"{name} needs at least one number")
        if outside := [each for each in numbers if not low <= each <= high]:
            raise UserError(f"{name} lies between {low:g} and {high:g}, found {outside[0]:g}")


@cache
def list_sounds(source: str) -> tuple[str, ...]:
    """Audio files of a folder, in the order of their names, or the values of a list in the style of wav.scp."""
    path = Path(source)
    if path.is_file():
        found = tuple(read_two_column(path).values())
    else:
        found = tuple(str(file) for file in sorted(path.rglob("*")) if file.suffix.lower() in SOUND_FILES)
    if not found:
        raise UserError(f"{source}: no audio files there; give a folder of wav, flac or ogg files, or a list of them")
    return found


def _excerpt(sound: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """A stretch of a sound, (length,), from anywhere in it; what is too short goes round."""
    return np.resize(np.roll(sound, -int(rng.integers(len(sound)))), length)


def _draw(source: str, rate: int, rng: np.random.Generator) -> np.ndarray:
    """One of the sounds there, shape (num_samples,), at ``rate`` Hz."""
    files = list_sounds(source)
    return _load(files[int(rng.integers(len(files)))], rate)


@lru_cache(maxsize=32)  # in each process
def _load(path: str, rate: int) -> np.ndarray:
    samples, own_rate = read_mono(path, mixdown=True)
    return convert_rate(samples, own_rate, rate)
