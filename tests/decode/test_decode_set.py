"""Whole sets: ids, order, files, and the name of a bad utterance."""

import json
import logging

import kaldiio
import numpy as np
import pytest
import torch

from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.decode.decode_set import count_cut, decode_set, write_results
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.source import Source
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.model.precision import full_precision
from tests.decode.conftest import write_dump

CONFIG = SearchConfig(maxlen=10, nbest=2, constrain_trees=True)


@pytest.fixture
def dump_dir(tmp_path, speech, texts):
    return write_dump(tmp_path / "music_test", speech[:7], texts[:7])


def decode(trained, dump_dir, config, source=None, **options):
    utterances = Source.of_dump(dump_dir, source or config.source)
    return decode_set(lambda: (trained, None), utterances, config, **options)


def test_every_utterance_gets_its_own_result_whatever_the_batch(trained, dump_dir, speech):
    single = Speech2Understand(trained=trained, **vars(CONFIG))
    for batch_size in (1, 3, 16):
        results = decode(trained, dump_dir, CONFIG, batch_size=batch_size)
        assert list(results) == [f"spk-{n:02d}" for n in range(7)]
        for features, found in zip(speech, results.values(), strict=False):
            assert [r.tokens for r in found] == [r.tokens for r in single.nbest([features])[0]]


def test_text_is_read_where_the_task_reads_text(trained, dump_dir, texts):
    results = decode(trained, dump_dir, SearchConfig(task="nlu", maxlen=10))
    best = Text2Understand(trained=trained, maxlen=10)(texts[:7])
    assert [found[0].tokens for found in results.values()] == [result.tokens for result in best]
    assert decode(trained, dump_dir, SearchConfig(maxlen=10), source="text_in").keys() == results.keys()


def test_files_hold_the_best_and_the_n_best(trained, dump_dir, tmp_path):
    results = decode(trained, dump_dir, CONFIG)
    write_results(results, tmp_path / "out", CONFIG.nbest)
    hyp = read_two_column(tmp_path / "out" / "hyp")
    rows = [json.loads(line) for line in (tmp_path / "out" / "nbest.jsonl").read_text().splitlines()]
    assert list(hyp) == [row["utt_id"] for row in rows] == list(results)
    for row in rows:
        assert len(row["nbest"]) == 2
        assert row["nbest"][0]["hyp"] == hyp[row["utt_id"]]
        assert row["nbest"][0]["score"] >= row["nbest"][1]["score"]
    write_results(results, tmp_path / "best")
    names = [sorted(path.name for path in (tmp_path / folder).iterdir()) for folder in ("out", "best")]
    assert names == [["hyp", "nbest.jsonl"], ["hyp"]]


def test_batches_are_of_like_length(dump_dir, speech):
    batches = Source.of_dump(dump_dir, "speech").batches(3)
    lengths = [len(speech[int(utt_id[-2:])]) for batch in batches for utt_id in batch]
    assert lengths == sorted(len(features) for features in speech[:7])
    assert [len(batch) for batch in batches] == [3, 3, 1]
    (dump_dir / "utt2num_frames").unlink()  # then the features themselves are asked
    assert Source.of_dump(dump_dir, "speech").batches(3) == batches


def test_a_bad_utterance_is_named(trained, dump_dir):
    kaldiio.save_ark(str(dump_dir / "bad.ark"), {"spk-03": np.zeros((2, 80), np.float32)}, scp=str(dump_dir / "bad"))
    entries = read_two_column(dump_dir / "feats.scp") | read_two_column(dump_dir / "bad")
    write_two_column(dump_dir / "feats.scp", entries)
    with pytest.raises(UserError, match=r"^utterance spk-03: an utterance of 2 frames"):
        decode(trained, dump_dir, CONFIG)
    write_two_column(dump_dir / "feats.scp", entries | {"spk-03": str(dump_dir / "nowhere.ark:7")})
    with pytest.raises(UserError, match=r"^utterance spk-03: .*nowhere"):
        decode(trained, dump_dir, CONFIG)
    write_two_column(dump_dir / "text", read_two_column(dump_dir / "text") | {"spk-05": ""})
    with pytest.raises(UserError, match=r"^utterance spk-05: text '' has no word"):
        decode(trained, dump_dir, SearchConfig(task="nlu"))


def test_what_is_no_set_is_refused(tmp_path, trained):
    with pytest.raises(UserError, match=r"neither feats\.scp nor wav\.scp"):
        decode(trained, tmp_path, CONFIG)
    with pytest.raises(UserError, match="cannot be decoded; name and type are one of"):
        Source.of_stream(tmp_path / "text", "text", "text")
    (tmp_path / "text").touch()
    with pytest.raises(UserError, match="no utterance"):
        Source.of_dump(tmp_path, "text_in")


def test_hypotheses_cut_at_the_cap_are_told(trained, dump_dir, caplog):
    with caplog.at_level(logging.WARNING):
        results = decode(trained, dump_dir, SearchConfig(maxlen=2))
    assert count_cut(results) == sum(len(hypotheses[0].tokens) == 2 for hypotheses in results.values()) > 0
    assert f"{count_cut(results)} hypotheses were cut, at up to 2 tokens (maxlen); first spk-0" in caplog.text


def test_decoding_lets_no_tf32_in_and_leaves_the_backends_as_they_were():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        matmul.allow_tf32 = True  # as a training with use_tf32 leaves it
        with full_precision():
            assert not matmul.allow_tf32
            assert not cudnn.allow_tf32
        assert matmul.allow_tf32
        assert cudnn.allow_tf32
    finally:
        matmul.allow_tf32 = False
