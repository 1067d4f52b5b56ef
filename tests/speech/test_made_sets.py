"""What the steps make of a set depends neither on the number of processes nor on interruptions."""

from pathlib import Path

import pytest

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.speech.augmentation.augment_set import AugmentConfig, augment_set
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from tests.speech.making import contents, made, tone_words

OUTPUT = Path("made")
AUGMENT = {"speeds": [0.9, 1.0], "copies": 1, "effects": {"noise": {"snr": [0, 20]}}}


def mask(data: DataDir, nj: int) -> None:
    made(mask_set, data, tone_words(data), OUTPUT, MaskConfig(fill="noise"), nj=nj)


def augment(data: DataDir, nj: int) -> None:
    made(augment_set, data, OUTPUT, read(AugmentConfig, AUGMENT, "here", seed=0), nj=nj)


def dump(data: DataDir, nj: int) -> None:
    made(make_dump, data, OUTPUT, FeatureConfig(allow_bad=False), nj=nj)


@pytest.mark.parametrize(("make", "utterances"), [(mask, 20), (augment, 20), (dump, 60)])
def test_processes_and_interruptions_change_no_byte(make, utterances, tone_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = DataDir.load(tone_set(utterances))
    sets = []
    for nj in (1, 2):
        make(data, nj)
        sets.append(contents(OUTPUT))
    missing = Path(data.wav[data.ids[-1]])
    content = missing.read_bytes()
    missing.unlink()
    with pytest.raises(UserError, match=f"{data.ids[-1]}: no such file"):
        make(data, 1)
    missing.write_bytes(content)
    make(data, 1)
    assert sets[0] == sets[1] == contents(OUTPUT)
