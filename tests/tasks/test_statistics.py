"""--collect_stats: one run for both modalities."""

import numpy as np

from espnet_atat.data.shapes import load_groups
from espnet_atat.datadir import read_two_column
from tests.toy import MELS, UTTERANCES


def test_shape_files_hold_each_example_with_its_own_lengths(prepared):
    text = read_two_column(prepared.mixture / "text")
    for split in ("train", "valid"):
        folder = prepared.stats / split
        speech, text_in = read_two_column(folder / "speech_shape"), read_two_column(folder / "text_in_shape")
        assert speech.keys() == read_two_column(prepared.mixture / "speech.scp").keys()
        assert text_in.keys() == read_two_column(prepared.mixture / "text_in").keys()
        assert read_two_column(folder / "text_shape").keys() == text.keys()
        for number, (words, _) in enumerate(UTTERANCES):
            assert speech[f"asr-audio-spk0-{number:02d}"] == f"{8 * len(words.split())},{MELS}"
            assert text_in[f"nlu-words-spk0-{number:02d}"] == str(len(words.split()) + 2)  # [CLS], [SEP]


def test_the_sampler_can_draw_from_them(prepared):
    files = [str(prepared.stats / "train" / name) for name in ("speech_shape", "text_in_shape")]
    groups = load_groups(files, str(prepared.mixture / "groups"))
    assert {name: len(group.lengths) for name, group in groups.items()} == {
        "slu-audio": 8,
        "asr-audio": 8,
        "mlm-audio_mlm": 8,
        "nlu-words": 8,
    }


def test_feature_statistics_are_of_all_audio_and_of_audio_alone(prepared):
    heard = [*prepared.toy.feats("audio").values()] * 2 + [*prepared.toy.feats("audio_mlm").values()]  # slu, asr, mlm
    feats = np.concatenate(heard)
    stats = np.load(prepared.stats / "train" / "feats_stats.npz")
    assert int(stats["count"]) == len(feats)
    np.testing.assert_allclose(stats["sum"], feats.sum(0), rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(stats["sum_square"], (feats**2).sum(0), rtol=1e-4)
