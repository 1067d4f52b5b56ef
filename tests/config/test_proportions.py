"""What slu and nlu of other corpora weigh beside LibriSpeech, by worked examples at the paper's sizes."""

import pytest

from espnet_atat.config.proportions import smoothed, with_weights
from espnet_atat.data.mixture import Part

ASR = 281_241


def write_lines(root, name, file, number):
    folder = root / "dump" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text("".join(f"u{i:06d} x\n" for i in range(number)))


@pytest.mark.parametrize(
    ("temperature", "share"),
    [(1, 0.038), (2, 0.242), (1e9, 0.457)],  # of FSC: its examples; the geometric mean; the paper's proportion
)
def test_a_small_corpus_lies_between_its_size_and_the_paper(temperature, share):
    assert smoothed(3_000_000, ASR, temperature) == pytest.approx(3_000_000)  # of the paper's sizes: the paper's
    slu = nlu = smoothed(23_132, ASR, temperature)
    assert slu / (slu + nlu + 2 * ASR) == pytest.approx(share, abs=5e-4)


def test_the_sets_of_a_task_share_its_weight_by_their_size(world):
    write_lines(world, "librispeech/a", "text", 600)
    write_lines(world, "librispeech/b", "text", 800)
    write_lines(world, "fsc/train", "target", 60)
    write_lines(world, "snips/train", "target", 20)
    asr = [Part("asr", "librispeech/a"), Part("asr", "librispeech/b", limit=0.5), Part("mlm", "librispeech/a")]
    sets = (("slu", "fsc/train"), ("slu", "snips/train"), ("nlu", "fsc/train"))
    entries = [{"task": task, "set": name} for task, name in sets]
    assert [entry["weight"] for entry in with_weights(entries, asr, 1)] == [60, 20, 60]
    # 1000 of asr, so 10667 commands in the paper's proportions: sqrt(10667 * 80) = 924, sqrt(10667 * 60) = 800
    assert [entry["weight"] for entry in with_weights(entries, asr, 2)] == [693, 231, 800]
    weighted = [Part("asr", "librispeech/a", weight=10.0)]
    assert with_weights(entries[2:], weighted, 2) == [{"task": "nlu", "set": "fsc/train", "weight": 80}]


@pytest.mark.parametrize("others", [[], [Part("mlm", "librispeech/a")]])
def test_without_asr_there_is_no_proportion_to_keep(world, others):
    write_lines(world, "librispeech/a", "text", 5)
    write_lines(world, "fsc/train", "target", 60)
    entries = [{"task": "slu", "set": "fsc/train"}]
    assert with_weights(entries, others, 2) == entries
