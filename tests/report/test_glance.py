"""The attention of one utterance, from its file to both panels."""

import numpy as np
import pytest

from espnet_atat.report.glance import plot_glance, read_glance


def write_attention(path, hypothesis="[IN:PLAY play ]"):
    """A file as ``recipe.attention`` writes it."""
    rng = np.random.default_rng(0)
    np.savez_compressed(
        path,
        made_from="0a1b2c3d", utt_id="u1", reference="[IN:PLAY play ]", hypothesis=hypothesis,
        tokens=["[IN:PLAY", "▁play", "]", "<eos>"], audio=rng.dirichlet(np.ones(43), 4), audio_task="slu",
        frame_seconds=0.01, features=rng.normal(size=(43, 80)).astype(np.float16), text=rng.dirichlet(np.ones(3), 4),
        text_task="nlu", pieces=["[CLS]", "play", "[SEP]"],
    )  # fmt: skip
    return path


def test_the_same_tokens_stand_beside_seconds_and_pieces(tmp_path):
    glance = read_glance(write_attention(tmp_path / "attention.npz"))
    assert (glance.utt_id, glance.audio_task, glance.audio.shape, glance.text.shape) == ("u1", "slu", (4, 43), (4, 3))
    heard, spectrogram, read = plot_glance(glance, "title").axes
    names = ["[IN:PLAY", "play", "]", "<eos>"]
    for axes in (heard, read):
        assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert [label.get_text() for label in read.get_xticklabels()] == ["[CLS]", "play", "[SEP]"]
    assert heard.get_xlim() == spectrogram.get_xlim() == pytest.approx((0, 0.43))
    for axes, weights in ((heard, glance.audio), (read, glance.text)):
        drawn = np.asarray(axes.images[0].get_array())
        assert drawn.argmax(axis=1).tolist() == weights.argmax(axis=1).tolist()
        assert drawn.max(axis=1) == pytest.approx(1.0)


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "attention.npz"
    np.savez(path, utt_id=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_glance(path)
