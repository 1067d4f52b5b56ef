"""Write the augmented copy of a data dir (stage 2): prepared originals, speed-perturbed copies, randomly changed ones.

Copies are named as Kaldi names them: utterance and speaker get a prefix, ``sp0.9-`` for a speed, ``aug1-`` for the
first of the random ones, so that ids stay unique and begin with their speaker's.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.audio import convert_rate, read_mono, write_audio
from espnet_atat.speech.augmentation import effects
from espnet_atat.speech.augmentation.chain import Chain, Speed, read_options
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.parallel import Record, file_size, run_resumable
from espnet_atat.speech.workdir import JOURNAL, from_root, open_work, publish

CHUNK = 16  # utterances handed to a process at a time
BIT_DEPTHS = {16: "PCM_16", 24: "PCM_24"}


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to every recording, before it is copied; all off by default.

    Attributes:
        sample_rate: Hz to convert to; None: as it is.
        mixdown: replace several channels by their mean; otherwise they are an error.
        bit_depth: 16 or 24, of the files that are written (FLAC); None: 16, and what is not changed keeps its file.
        reduce_noise: dB that steady noise is lowered by at most.
        trim_silence: seconds that stay before and after the speech.
    """

    sample_rate: int | None = None
    mixdown: bool = False
    bit_depth: int | None = None
    reduce_noise: float | None = None
    trim_silence: float | None = None

    def __post_init__(self) -> None:
        if self.sample_rate is not None and self.sample_rate < 8000:
            raise UserError(f"sample_rate is at least 8000 Hz, found {self.sample_rate}")
        if self.bit_depth is not None and self.bit_depth not in BIT_DEPTHS:
            raise UserError(f"bit_depth is 16 or 24, found {self.bit_depth}")
        for name in ("reduce_noise", "trim_silence"):
            if (getattr(self, name) or 0) < 0:
                raise UserError(f"{name} cannot be negative, found {getattr(self, name)}")

    @property
    def is_off(self) -> bool:
        return self == Preparation()

    def __call__(self, samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
        """Prepare samples (num_samples,) at ``rate`` Hz; returns them and their new rate."""
        wanted = self.sample_rate or rate
        samples = convert_rate(samples, rate, wanted)
        if self.reduce_noise is not None:
            samples = effects.reduce_noise(samples, wanted, self.reduce_noise)
        if self.trim_silence is not None:
            samples = effects.trim_silence(samples, wanted, self.trim_silence)
        return samples, wanted


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """What is made of each utterance.

    Attributes:
        speeds: a copy at each; 1.0 is the original.
        copies: further ones, changed at random.
        effects: how those are changed.
        prepare: what is done to all before.
        seed: another seed, other random changes; the utterance's id does the rest.
    """

    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    copies: int = 0
    effects: Chain = field(default_factory=lambda: Chain(()))
    prepare: Preparation = field(default_factory=Preparation)
    seed: int = 0

    @classmethod
    def from_config(cls, config: object, where: str, seed: int = 0) -> Self:
        """Check and read ``conf/augment.yaml``.

        Raises:
            UserError: names ``where``, the option, and what is wrong with it.
        """
        known = ("speeds", "copies", "effects", "prepare")
        if not isinstance(config, Mapping):
            raise UserError(f"{where}: wants the options {', '.join(known)}")
        if unknown := sorted(map(str, config.keys() - set(known))):
            raise UserError(f"{where}: unknown option {unknown[0]!r}; known: {', '.join(known)}")
        speeds = read_options(Speed, {"factors": config.get("speeds", [1.0])}, f"{where}: speeds").factors
        if len(set(speeds)) < len(speeds):
            raise UserError(f"{where}: speeds: one stands there twice, found {list(speeds)}")
        copies = config.get("copies", 0)
        if isinstance(copies, bool) or not isinstance(copies, int) or copies < 0:
            raise UserError(f"{where}: copies is a whole number, found {copies!r}")
        chain = Chain.from_config(config.get("effects") or {}, f"{where}: effects")
        if bool(copies) != bool(chain.effects):
            raise UserError(
                f"{where}: copies is {copies}, and {len(chain.effects)} effects are on: random copies want at least "
                "one effect, and effects at least one copy"
            )
        prepare = read_options(Preparation, config.get("prepare") or {}, f"{where}: prepare")
        return cls(speeds=speeds, copies=copies, effects=chain, prepare=prepare, seed=seed)

    def variants(self) -> Iterator[tuple[str, float | None]]:
        """Prefix of each copy and its speed, None for a random one."""
        for speed in self.speeds:
            yield "" if speed == 1 else f"sp{speed:g}-", speed
        for number in range(1, self.copies + 1):
            yield f"aug{number}-", None


@dataclass
class AugmentReport:
    """Utterances read and written, and seconds of both."""

    utterances: int = 0
    written: int = 0
    seconds: float = 0.0
    seconds_written: float = 0.0

    def lines(self, name: str) -> list[str]:
        return [
            f"{name}: {self.written} utterances ({self.seconds_written / 3600:.2f} h) from {self.utterances} "
            f"({self.seconds / 3600:.2f} h)"
        ]


def augment_set(data: DataDir, output: Path, config: AugmentConfig, nj: int = 1) -> AugmentReport:
    """Write a data dir of all copies, their audio below ``audio/``, and ``report.json``.

    Raises:
        UserError: a set without audio, audio that cannot be read (named), or an id that a copy would take.
    """
    if data.wav is None:
        raise UserError(f"{output.name}: the set has no wav.scp, so there is nothing to augment")
    items: dict[str, Any] = {}
    origin: dict[str, tuple[str, str]] = {}  # new id -> prefix, old id
    for utt in data.ids:
        for prefix, speed in config.variants():
            new = prefix + utt
            folder = f"audio/{prefix}{data.utt2spk[utt]}" if data.utt2spk else "audio"
            if new in origin:
                raise UserError(f"{output.name}: a copy of {utt} would be called {new}, which is there already")
            origin[new] = prefix, utt
            items[new] = [data.wav[utt], file_size(data.wav[utt]), f"{folder}/{new}.flac", speed]
    work = open_work(output, config)
    records = run_resumable(
        items,
        partial(_augment, config, work),
        work / JOURNAL,
        signature=repr(config),
        label="augment",
        nj=nj,
        chunk=CHUNK,
    )
    root = from_root(output)
    wav = {new: f"{root}/{record['file']}" if record["file"] else items[new][0] for new, record in records.items()}

    def copied(column: Mapping[str, str] | None, prefixed: bool = False) -> dict[str, str] | None:
        if column is None:
            return None
        return {new: (prefix if prefixed else "") + column[utt] for new, (prefix, utt) in origin.items()}

    text = copied(data.text) or {}
    DataDir(text=text, target=copied(data.target), wav=wav, utt2spk=copied(data.utt2spk, True)).write_files(work)
    report = AugmentReport(len(data), len(records))
    report.seconds = round(sum(record["before"] for record in records.values()) / len(list(config.variants())), 3)
    report.seconds_written = round(sum(record["after"] for record in records.values()), 3)
    with atomic_write(work / "report.json") as handle:
        json.dump(asdict(report) | {"config": asdict(config)}, handle, indent=1)
        handle.write("\n")
    publish(work, output)
    return report


def _augment(config: AugmentConfig, work: Path, new: str, payload: tuple[str, int, str, float | None]) -> Record:
    """Write one copy. Record: ``file`` below the data dir or null for the original's, seconds ``before``, ``after``."""
    path, _, file, speed = payload
    try:
        samples, rate = read_mono(path, config.prepare.mixdown)
    except UserError as error:
        raise UserError(f"{new}: {error}") from error
    before = len(samples) / rate
    if speed == 1 and config.prepare.is_off:
        return {"file": None, "before": before, "after": before}
    samples, rate = config.prepare(samples, rate)
    if speed is None:
        samples = config.effects(samples, rate, random_source(new, config.seed, None, "augment"))
    elif speed != 1:
        samples = effects.change_speed(samples, rate, speed)
    clipped = np.clip(samples, -1.0, effects.FULL_SCALE)
    write_audio(work / file, clipped, rate, "FLAC", BIT_DEPTHS[config.prepare.bit_depth or 16])
    return {"file": file, "before": before, "after": len(samples) / rate}
