"""The picture of a masked utterance."""

import matplotlib.image
import numpy as np
import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.plot_mask import main
from espnet_atat.datadir import DataDir
from espnet_atat.speech.alignment.record import aligned, write_alignments
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from tests.speech.making import made


@pytest.fixture
def masked(tone_set, tmp_path):
    """A masked data dir of one utterance, its alignments, its id."""
    data = DataDir.load(tone_set(1))
    (utt,) = data.ids
    words = {utt: (aligned("tone", 0.02, 0.08), aligned("0", 0.1, 0.17))}
    write_alignments(tmp_path / "align.jsonl", words)
    made(mask_set, data, words, tmp_path / "mlm", MaskConfig(ratio=0.5, min_masked=1))
    return tmp_path / "mlm", tmp_path / "align.jsonl", utt


def reddish(png) -> float:
    """Share of the picture's points that are tinted red, as masked spans are."""
    picture = matplotlib.image.imread(png)[:270, :, :3]  # the waveform's half
    return float(np.mean((picture[..., 0] > picture[..., 1] + 0.15) & (picture[..., 0] > 0.7)))


def test_masked_spans_are_shaded(masked, tmp_path, capsys):
    folder, alignments, utt = masked
    assert main_guard(main, [str(folder), utt, str(tmp_path / "a.png"), "--alignments", str(alignments)]) == 0
    assert "2 words, 1 masked spans" in capsys.readouterr().out
    assert main_guard(main, [str(tmp_path / "train"), utt, str(tmp_path / "b.png")]) == 0
    assert "0 words, 0 masked spans" in capsys.readouterr().out
    assert reddish(tmp_path / "a.png") > 0.15
    assert reddish(tmp_path / "b.png") < 0.01
    assert main_guard(main, [str(folder), "nobody", str(tmp_path / "a.png")]) == 2
    assert "has no audio of an utterance 'nobody'" in capsys.readouterr().err
