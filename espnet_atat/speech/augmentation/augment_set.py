"""Write the augmented copy of a data dir (stage 2): prepared originals, speed-perturbed copies, randomly changed ones.

Long recordings are cut first, into utterances of their own (:mod:`.cutting`).

Copies are named as Kaldi names them: utterance and speaker get a prefix, ``sp0.9-`` for a speed, ``aug1-`` for the
first of the random ones, so that ids stay unique and begin with their speaker's.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from espnet_atat.datadir import DataDir, is_test_set, write_two_column
from espnet_atat.errors import UserError, naming
from espnet_atat.graph.pool import Record
from espnet_atat.speech.alignment.align_set import Aligner
from espnet_atat.speech.alignment.aligners import make_aligner
from espnet_atat.speech.audio import FASTEST, convert_rate, read_mono, write_audio
from espnet_atat.speech.augmentation import effects
from espnet_atat.speech.augmentation.chain import Chain, check_limits
from espnet_atat.speech.augmentation.cutting import LEAST_LONGEST, cut_long
from espnet_atat.speech.copies import Copy, audio_of, make_copies
from espnet_atat.speech.masking import random_source
from espnet_atat.speech.report import REPORT, Report, reasons

#: In the folder that a set is made in: alignments of what is cut.
CUTS = "cuts"
#: Likewise: what babble is of.
RECORDINGS = "recordings.scp"
LONGEST_PADDED = 3600  # seconds
BIT_DEPTHS = {16: "PCM_16", 24: "PCM_24"}


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to every recording, before it is copied; all off by default."""

    sample_rate: int | None = None  # Hz to convert to
    mixdown: bool = False  # replace several channels by their mean; otherwise they are an error
    bit_depth: int | None = None  # of the FLAC files; None: 16, and what is not changed keeps its file
    reduce_noise: float | None = None  # dB that steady noise is lowered by at most
    trim_silence: float | None = None  # seconds that stay before and after the speech
    longest: float | None = None  # seconds; what is longer is cut at pauses, and its transcript by alignment
    pad_to: float | None = None  # seconds that shorter recordings get, of silence behind them, whatever else is done

    def __post_init__(self) -> None:
        if self.sample_rate is not None and not 8000 <= self.sample_rate <= FASTEST:
            raise UserError(f"sample_rate is at least 8000 Hz, at most {FASTEST}, found {self.sample_rate}")
        if self.bit_depth not in (None, *BIT_DEPTHS):
            raise UserError(f"bit_depth is 16 or 24, found {self.bit_depth}")
        if self.longest is not None and self.longest < LEAST_LONGEST:
            raise UserError(f"longest is at least {LEAST_LONGEST:g} s, found {self.longest}")
        for name in ("reduce_noise", "trim_silence", "pad_to"):
            if not 0 <= (getattr(self, name) or 0) < np.inf:
                raise UserError(f"{name} cannot be negative or infinite, found {getattr(self, name)}")
        if (self.pad_to or 0) > LONGEST_PADDED:
            raise UserError(f"pad_to is at most {LONGEST_PADDED} s, found {self.pad_to:g}")

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
    """What is made of each utterance: ``conf/augment.yaml``."""

    speeds: tuple[float, ...] = (1.0,)  # a copy at each; 1.0 is the original
    copies: int = 0  # further ones, changed at random
    effects: Chain = field(default_factory=Chain)  # how those are changed
    prepare: Preparation = Preparation()
    seed: int = 0  # another seed, other random changes; the utterance's id does the rest

    def __post_init__(self) -> None:
        check_limits({"speeds": self.speeds})
        if len(set(self.speeds)) < len(self.speeds):
            twice = next(speed for speed in self.speeds if self.speeds.count(speed) > 1)
            raise UserError(f"speeds: one is given twice, {twice:g}")
        if self.copies < 0:
            raise UserError(f"copies is a whole number, found {self.copies}")
        if bool(self.copies) != bool(self.effects.effects):
            found = f"copies is {self.copies}, and {len(self.effects.effects)} effects are on"
            raise UserError(f"{found}: random copies need at least one effect, and effects at least one copy")

    def variants(self) -> Iterator[tuple[str, float | None]]:
        """Prefix of each copy and its speed, None for a random one."""
        for speed in self.speeds:
            yield "" if speed == 1 else f"sp{speed:g}-", speed
        for number in range(1, self.copies + 1):
            yield f"aug{number}-", None


def augment_set(
    data: DataDir, work: Path, output: Path, config: AugmentConfig, nj: int = 1, aligner: Aligner | None = None
) -> Report:
    """Write a data dir of all copies, and ``report.json``, to ``work``, which will be called ``output``.

    ``aligner``: of ``longest``; None: pocketsphinx.
    """
    audio_of(data, output.name, "augment")
    cuts: dict[str, int] = {}
    left_out: dict[str, str] = {}
    if config.prepare.longest is not None:
        aligner = aligner or make_aligner("sphinx")
        data, cuts, left_out = cut_long(data, config.prepare.longest, aligner, work / CUTS, output.name, nj)
        if left_out and is_test_set(output.name):
            utt, why = next(iter(left_out.items()))
            raise UserError(
                f"{output.name}: {utt}: {why}; a test set is never shrunk: raise longest, or cut it by hand"
            )
    copies: dict[str, Copy] = {}
    for utt in data.ids:
        for prefix, speed in config.variants():
            new = prefix + utt
            if new in copies:
                raise UserError(f"{output.name}: a copy of {utt} would be called {new}, which exists already")
            copies[new] = Copy(utt, prefix + data.utt2spk[utt] if data.utt2spk else None, speed)
    write_two_column(work / RECORDINGS, audio_of(data, output.name, "augment"))
    records = make_copies(data, copies, _augment, work, output, config, label="augment", nj=nj)
    (work / RECORDINGS).unlink()
    before, after = (sum(record[when] for record in records.values()) for when in ("before", "after"))
    before, after = round(before / len(list(config.variants())), 3), round(after, 3)
    counts = {"utterances": len(data), "written": len(records), "seconds": before, "seconds_written": after}
    lines = [
        f"{output.name}: {len(records)} utterances ({after / 3600:.2f} h) from {len(data)} ({before / 3600:.2f} h)"
    ]
    if config.prepare.longest is not None:
        shutil.rmtree(work / CUTS, ignore_errors=True)
        counts |= {"cut": len(cuts), "pieces": sum(cuts.values()), "left_out": left_out}
        lines.append(f"cut {len(cuts)} long recordings into {sum(cuts.values())}; left out {len(left_out)}")
        lines += reasons("left out", left_out)
    return Report(counts, lines).write(work / REPORT, config)


def _augment(config: AugmentConfig, work: Path, new: str, payload: tuple[str, int, str, float | None]) -> Record:
    """Write one copy. Record: ``file``, seconds ``before`` and ``after``."""
    path, _, stem, speed = payload
    with naming(new):
        samples, rate = read_mono(path, config.prepare.mixdown)
    before = len(samples) / rate
    if speed == 1 and replace(config.prepare, longest=None) == Preparation():
        return {"file": None, "before": before, "after": before}
    samples, rate = config.prepare(samples, rate)
    if speed is None:
        rng = random_source(new, config.seed, None, "augment")
        samples = config.effects(samples, rate, rng, str(work / RECORDINGS), path)
    elif speed != 1:
        samples = effects.change_speed(samples, rate, speed)
    missing = round((config.prepare.pad_to or 0) * rate) - len(samples)
    samples = np.pad(samples, (0, max(0, missing)))
    clipped = np.clip(samples, -1.0, effects.FULL_SCALE)
    write_audio(work / f"{stem}.flac", clipped, rate, "FLAC", BIT_DEPTHS[config.prepare.bit_depth or 16])
    return {"file": f"{stem}.flac", "before": before, "after": len(samples) / rate}
