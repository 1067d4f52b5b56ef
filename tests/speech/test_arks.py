"""An entry of feats.scp is a place in an ark: it runs nothing, and what is damaged is named."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest

from espnet_atat.data.dataset import MixtureDataset
from espnet_atat.decode.source import Source
from espnet_atat.errors import UserError
from espnet_atat.speech.arks import read_features

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def ark(tmp_path):
    kaldiio.save_ark(str(tmp_path / "f.ark"), {"u": FEATURES}, scp=str(tmp_path / "f.scp"))
    return (tmp_path / "f.scp").read_text().split()[1]


def test_features_are_read_whole_or_in_part(ark):
    np.testing.assert_array_equal(read_features(ark), FEATURES)
    np.testing.assert_array_equal(read_features(f"{ark}[1:2]"), kaldiio.load_mat(f"{ark}[1:2]"))


@pytest.mark.parametrize(
    "entry", ["touch {ran}; cat {ark} |", "| touch {ran}", "touch {ran}|", "-", "{ark} |", "x.ark", ""]
)
def test_what_is_no_place_in_an_ark_is_refused_and_not_run(tmp_path, ark, entry):
    entry = entry.format(ran=tmp_path / "ran", ark=ark.rpartition(":")[0])
    with pytest.raises(UserError, match="not a place in an ark"):
        read_features(entry)
    scp = tmp_path / "feats.scp"
    scp.write_text(f"u {entry}\n")
    with pytest.raises(UserError, match=r"utterance u: .*not a place in an ark"):
        MixtureDataset([(str(scp), "speech", "kaldi_ark"), (str(scp), "text", "text")])["u"]
    with pytest.raises(UserError, match=r"utterance u: .*not a place in an ark"):
        Source.of_stream(scp, "speech", "kaldi_ark").read("u")
    assert not (tmp_path / "ran").exists()


def test_a_missing_or_damaged_ark_is_named(tmp_path, ark):
    path, _, offset = ark.rpartition(":")
    whole = Path(path).read_bytes()[int(offset) :]
    heads = (b"\0BFM \4" + b"\xff" * 4, b"\0BXX" + b"\0" * 60, b"RIFF" + b"\0" * 60, b"\x93NUMPY")
    for content in (b"", whole[:30], *heads):
        (tmp_path / "bad.ark").write_bytes(content)
        with pytest.raises(UserError, match=r"bad\.ark:0: cannot be read as Kaldi features"):
            read_features(f"{tmp_path}/bad.ark:0")
    with pytest.raises(UserError, match="no such file"):
        read_features(f"{tmp_path}/none.ark:0")


@pytest.mark.parametrize("content", [np.full((2, 3), np.nan, np.float32), np.arange(3, dtype=np.float32)])
def test_features_are_a_matrix_of_numbers(tmp_path, content):
    kaldiio.save_ark(str(tmp_path / "f.ark"), {"u": content}, scp=str(tmp_path / "f.scp"))
    with pytest.raises(UserError, match="not a matrix of finite features"):
        read_features((tmp_path / "f.scp").read_text().split()[1])
