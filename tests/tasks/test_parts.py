"""Training takes a batch in parts, and says before it starts what its batches hold."""

import logging

import pytest

from espnet_atat.model.audio_encoder import AudioEncoder
from tests.toy_training import reports


def test_the_audio_encoder_sees_parts_and_the_log_has_the_shares(prepared, tmp_path, monkeypatch, caplog):
    seen: list[int] = []
    forward = AudioEncoder.forward

    def count(self: AudioEncoder, *args: object, **kwargs: object) -> object:
        seen.append(1)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(AudioEncoder, "forward", count)
    calls, losses = {}, {}
    for parts in (1, 3):
        seen.clear()
        with caplog.at_level(logging.INFO):
            run = prepared.train(tmp_path / str(parts), max_parts=parts, max_epoch=1, batch_bins=2000)
        calls[parts], losses[parts] = len(seen), reports(run)[1]["train"]["loss"]
    assert calls[3] > calls[1]
    assert losses[3] == pytest.approx(losses[1], rel=1e-4)  # one batch of all examples: the same in parts
    assert "[train]   slu-audio: 8, 25.00%, " in caplog.text
    assert "2000 frames (batch_bins) a batch: " in caplog.text
