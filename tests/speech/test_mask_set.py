"""Masked data dirs."""

import json

import numpy as np
import pytest
import soundfile

from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import not_found
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from tests.speech.making import made, tone_words


@pytest.fixture
def aligned_set(tone_set):
    """A data dir of 20 utterances and alignments of their two words."""
    data = DataDir.load(tone_set(20))
    return data, tone_words(data)


def test_what_masks_jsonl_says_is_what_was_done(aligned_set, tmp_path):
    data, alignments = aligned_set
    report = made(mask_set, data, alignments, tmp_path / "mlm", MaskConfig(ratio=0.4))
    masked = DataDir.load(tmp_path / "mlm")
    assert (masked.text, masked.utt2spk, masked.ids) == (data.text, data.utt2spk, data.ids)
    lines = [json.loads(line) for line in (tmp_path / "mlm/masks.jsonl").read_text().splitlines()]
    assert [line["utt_id"] for line in lines] == data.ids
    for line in lines:
        utt = line["utt_id"]
        before, _ = soundfile.read(data.wav[utt], dtype="int16")
        after, _ = soundfile.read(masked.wav[utt], dtype="int16")
        inside = np.zeros(len(before), bool)
        for span in line["spans"]:
            inside[span["start_sample"] : span["end_sample"]] = True
            assert span["words"] == [data.text[utt].split()[index] for index in span["indices"]]
        assert np.array_equal(before[~inside], after[~inside])
        assert inside.any() == (masked.wav[utt] != data.wav[utt]) == bool(line["masked"])
        if inside.any():
            assert np.mean(before[inside] != after[inside]) > 0.9
    assert report.counts["words_masked"] == sum(line["masked"] for line in lines)
    assert report.counts["with_none_masked"] == sum(not line["masked"] for line in lines)
    assert report.counts["words_aligned"] == 40
    assert f"{report.counts['words_masked']} of 40 aligned words" in "\n".join(report.lines)


def test_utterances_without_an_aligned_word_are_left_out_and_counted(aligned_set, tmp_path):
    data, alignments = aligned_set
    first, second = data.ids[:2]
    alignments[first] = tuple(not_found(word.word) for word in alignments[first])
    del alignments[second]
    report = made(mask_set, data, alignments, tmp_path / "mlm", MaskConfig())
    assert DataDir.load(tmp_path / "mlm").ids == data.ids[2:]
    assert (report.counts["kept"], report.counts["without_aligned_word"]) == (18, 2)
    with pytest.raises(UserError, match="no utterance has an aligned word"):
        made(mask_set, data, {first: alignments[first]}, tmp_path / "none", MaskConfig())
    data.text[data.ids[3]] = "other words"
    with pytest.raises(UserError, match=f"{data.ids[3]}: the alignment has other words"):
        made(mask_set, data, alignments, tmp_path / "other", MaskConfig())
