"""Examples to a batch: audio first, each stream padded by itself."""

import numpy as np
import torch

from espnet_atat.data.collate import Example, MixedCollate


def audio(utt_id: str, frames: int, tokens: list[int], ctc: list[int] | None = None) -> Example:
    data = {"speech": np.full((frames, 4), frames, dtype=np.float32), "text": np.array(tokens)}
    return utt_id, data if ctc is None else {**data, "ctc_text": np.array(ctc)}


def text(utt_id: str, pieces: list[int], tokens: list[int]) -> Example:
    return utt_id, {"text_in": np.array(pieces), "text": np.array(tokens)}


def test_audio_stands_first_and_ids_and_targets_follow_that_order():
    ids, batch = MixedCollate()(
        [text("t1", [7, 8, 9], [6, 1]), audio("a1", 3, [4, 2, 3]), text("t2", [5], [6]), audio("a2", 5, [3])]
    )
    assert ids == ["a1", "a2", "t1", "t2"]
    assert batch["text"].tolist() == [[4, 2, 3], [3, -1, -1], [6, 1, -1], [6, -1, -1]]
    assert batch["text_lengths"].tolist() == [3, 1, 2, 1]
    assert batch["speech"].shape == (2, 5, 4)
    assert batch["speech"][0, 3:].eq(0).all()
    assert batch["speech"][1].eq(5).all()
    assert batch["speech_lengths"].tolist() == [3, 5]
    assert batch["text_in"].tolist() == [[7, 8, 9], [5, -1, -1]]
    assert batch["text_in_lengths"].tolist() == [3, 1]


def test_types_are_what_the_model_takes():
    _, batch = MixedCollate()([audio("a", 3, [4]), text("t", [5], [6])])
    assert batch["speech"].dtype == torch.float32
    assert {batch[name].dtype for name in ("text", "text_in", "text_lengths", "speech_lengths")} == {torch.int64}


def test_a_stream_that_no_example_has_is_left_out():
    _, of_audio = MixedCollate()([audio("a", 3, [4], ctc=[1, 2])])
    assert set(of_audio) == {"speech", "speech_lengths", "text", "text_lengths", "ctc_text", "ctc_text_lengths"}
    _, of_text = MixedCollate()([text("t", [5], [6])])
    assert set(of_text) == {"text", "text_lengths", "text_in", "text_in_lengths"}


def test_samples_of_sound_are_padded_too():
    _, batch = MixedCollate()(
        [
            ("a", {"speech": np.ones(3, dtype=np.float32), "text": np.array([4])}),
            ("b", {"speech": np.ones(5, dtype=np.float32), "text": np.array([4])}),
        ]
    )
    assert batch["speech"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_rows_of_parts_stand_together_by_falling_length():
    examples = [text("t1", [5], [6]), audio("a1", 3, [4]), audio("a2", 90, [3]), text("t2", [7, 8, 9], [6, 1])]
    examples += [audio("a3", 88, [3]), audio("a4", 4, [2])]
    ids, batch = MixedCollate(max_parts=2)(examples)
    assert ids == ["a2", "a3", "a4", "a1", "t2", "t1"]
    assert batch["speech_parts"] == [2, 2]
    assert sum(batch["text_in_parts"]) == 2
    assert batch["text"][:, 0].tolist() == [3, 3, 2, 4, 6, 6]
    assert batch["speech_lengths"].tolist() == [90, 88, 4, 3]
