"""Examples to a batch: audio first, each stream padded by itself."""

import numpy as np
import torch

from espnet_atat.data.collate import Example, MixedCollate


def audio(utt_id: str, frames: int, tokens: list[int], **ctc: list[int]) -> Example:
    data = {"speech": np.full((frames, 4), frames, dtype=np.float32), "text": tokens, **ctc}
    return utt_id, {name: np.array(value) for name, value in data.items()}


def text(utt_id: str, pieces: list[int], tokens: list[int]) -> Example:
    return utt_id, {"text_in": np.array(pieces), "text": np.array(tokens)}


def streams(*examples: Example) -> set[str]:
    _, batch = MixedCollate()(list(examples))
    return {name for name in batch if not name.endswith("_lengths") and f"{name}_lengths" in batch}


def test_audio_stands_first_and_ids_and_targets_follow_that_order():
    examples = [text("t1", [7, 8, 9], [6, 1]), audio("a1", 3, [4, 2, 3]), text("t2", [5], [6]), audio("a2", 5, [3])]
    ids, batch = MixedCollate()(examples)
    assert ids == ["a1", "a2", "t1", "t2"]
    assert batch["text"].tolist() == [[4, 2, 3], [3, -1, -1], [6, 1, -1], [6, -1, -1]]
    assert batch["text_lengths"].tolist() == [3, 1, 2, 1]
    assert batch["speech"].shape == (2, 5, 4)
    assert batch["speech"][0, 3:].eq(0).all()
    assert batch["speech"][1].eq(5).all()
    assert batch["speech_lengths"].tolist() == [3, 5]
    assert batch["text_in"].tolist() == [[7, 8, 9], [5, -1, -1]]
    assert batch["text_in_lengths"].tolist() == [3, 1]
    assert batch["speech"].dtype == torch.float32
    assert {batch[name].dtype for name in ("text", "text_in", "text_lengths", "speech_lengths")} == {torch.int64}


def test_a_stream_that_no_example_has_is_left_out_and_samples_of_sound_are_padded_too():
    assert streams(audio("a", 3, [4], ctc_text=[1, 2])) == {"speech", "text", "ctc_text"}
    assert streams(text("t", [5], [6])) == {"text", "text_in"}
    sounds = [(name, {"speech": np.ones(n, np.float32), "text": np.array([4])}) for name, n in (("a", 3), ("b", 5))]
    assert MixedCollate()(sounds)[1]["speech"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_rows_of_parts_stand_together_by_falling_length():
    examples = [text("t1", [5], [6]), audio("a1", 3, [4]), audio("a2", 90, [3]), text("t2", [7, 8, 9], [6, 1])]
    examples += [audio("a3", 88, [3]), audio("a4", 4, [2])]
    ids, batch = MixedCollate(max_parts=2)(examples)
    assert ids == ["a2", "a3", "a4", "a1", "t2", "t1"]
    assert batch["speech_parts"] == [2, 2]
    assert sum(batch["text_in_parts"]) == 2
    assert batch["text"][:, 0].tolist() == [3, 3, 2, 4, 6, 6]
    assert batch["speech_lengths"].tolist() == [90, 88, 4, 3]


def test_the_cost_of_a_part_is_in_frames_of_audio_too() -> None:
    frames = [audio("a1", 90, [3]), audio("a2", 30, [3])]
    samples = [(name, {**data, "speech": np.zeros(160 * len(data["speech"]), np.float32)}) for name, data in frames]
    for examples in (frames, samples):
        for cost, parts in ((59, [1, 1]), (61, [2])):
            assert MixedCollate(4, {"speech": cost})(examples)[1]["speech_parts"] == parts
