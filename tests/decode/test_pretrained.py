"""Models by one name: packages, folders, runs; what goes in, and what comes out."""

import contextlib
import doctest
import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from espnet_model_zoo.downloader import ModelDownloader

from espnet_atat.decode import understand as interface
from espnet_atat.decode.decode_set import write_results
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.result import NOTHING_HEARD
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.semantics.frame import Frame, Slot
from tests.toy_commands import TREES, WORDS
from tests.toy_package import RATE, command, copy_code, repack, write_command

#: What a fresh process prints of a package: everything of every hypothesis, floats to the last bit.
SCRIPT = """
import json, sys
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
assert not any(__import__("pathlib").Path(name).exists() for name in ("exp", "dump", "egs2"))
speech = Speech2Understand.from_pretrained(sys.argv[1], nbest=3).nbest(sys.argv[2:])
text = Text2Understand.from_pretrained(sys.argv[1], nbest=3).nbest(["play moon", "stop it"])
print(json.dumps([[[r.line, r.score.hex(), r.tokens] for r in nbest] for nbest in speech + text]))
"""


@pytest.fixture(scope="module")
def understand(shared) -> Speech2Understand:
    return Speech2Understand.from_pretrained(shared)


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return write_command(tmp_path_factory.mktemp("audio") / "command.wav")


def test_the_docstrings_examples_are_true(shared, recording):
    globs = {**vars(interface), "model": shared, "command": recording}
    results = doctest.testmod(interface, globs=globs, optionflags=doctest.ELLIPSIS)
    assert results.attempted >= 12
    assert not results.failed


def test_it_reads_a_zip_a_folder_a_run_and_a_loaded_model(toy_package, toy_run, understand, tmp_path, monkeypatch):
    expected = understand(command(0))
    assert expected.tree == TREES[0]
    assert expected.frame == Frame("PLAY", (Slot("SONG", "moon"),))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert Speech2Understand.from_pretrained(str(toy_package))(command(0)) == expected
    assert list(tmp_path.iterdir()) == [], "an unpacked file is left"
    with zipfile.ZipFile(toy_package) as archive:
        archive.extractall(tmp_path)
    assert Speech2Understand.from_pretrained(tmp_path)(command(0)) == expected
    # A run says nothing of the search: its own defaults.
    assert Speech2Understand.from_pretrained(toy_run, beam_size=3, maxlen=20)(command(0)) == expected


def test_the_package_says_how_to_search_and_arguments_win(shared):
    assert Speech2Understand.from_pretrained(shared).config.beam_size == 3
    chosen = Speech2Understand.from_pretrained(shared, beam_size=1, task="asr", constrain_trees=True, ctc_weight=0.3)
    assert (chosen.config.beam_size, chosen.config.task, chosen.config.ctc_weight) == (1, "asr", 0.3)
    assert chosen(command(1)).line == WORDS[1]
    # A wider n-best than the package's beam widens the beam.
    assert len(Speech2Understand.from_pretrained(shared, nbest=5).nbest([command(0)])[0]) == 5
    with pytest.raises(UserError, match="lm_weight is set but there is no language model"):
        Speech2Understand.from_pretrained(shared, lm_weight=0.1)
    with pytest.raises(UserError, match="batch_size is at least 1"):
        Text2Understand.from_pretrained(shared, batch_size=0)


def test_paths_rates_lists_and_batches(shared, understand, recording, tmp_path):
    fine = write_command(tmp_path / "fine.flac", rate=32000)
    for model in (understand, Speech2Understand.from_pretrained(shared, batch_size=3)):
        results = model([recording, fine, command(0, seconds=0.7), command(1)])
        assert [result.tree for result in results] == [TREES[0], TREES[0], TREES[0], TREES[1]]
    assert understand(str(recording)) == understand(recording)
    with pytest.raises(UserError, match=r"no such file: .*nope\.wav"):
        understand(tmp_path / "nope.wav")


def test_silence_is_an_empty_result_and_noise_no_crash(understand, tmp_path):
    silence = np.zeros(2 * RATE, np.float32)
    assert understand(silence) is NOTHING_HEARD
    assert (silence.max(), NOTHING_HEARD.confidence, NOTHING_HEARD.as_dict()["score"]) == (0.0, 0.0, None)
    between = understand([command(0), silence, command(1)])
    assert [result.tree for result in between] == [TREES[0], "", TREES[1]]
    write_results({"u1": [NOTHING_HEARD]}, tmp_path, nbest=2)
    assert (tmp_path / "hyp").read_text() == "u1\n"
    assert json.loads((tmp_path / "nbest.jsonl").read_text())["nbest"][0]["score"] is None
    noise = understand(np.random.default_rng(0).normal(0, 0.01, RATE).astype(np.float32))
    assert 0 < noise.confidence < 1


def test_long_audio_is_refused_before_it_is_read_where_nothing_cuts_it(shared, tmp_path):
    understand = Speech2Understand.from_pretrained(shared, vad="none")
    with pytest.raises(UserError, match=r"speech of 61\.0 s: at most 60 s at once"):
        understand(np.zeros(61 * RATE, np.float32))
    soundfile.write(tmp_path / "long.wav", np.zeros(70 * 8000), 8000)
    with pytest.raises(UserError, match=r"speech of 70\.0 s"):
        understand(tmp_path / "long.wav")


def test_words_of_speech_have_times_and_threads_give_the_same(shared, understand):
    """The toy's CTC has learnt which half of the sound is which word."""
    words = understand(command(0, seconds=0.6)).words
    assert [word.text for word in words] == ["play", "moon"]
    assert 0 <= words[0].start < words[0].end <= words[1].start < words[1].end <= 0.6
    assert understand(command(0)).as_dict()["words"][0].keys() == {"word", "start", "end"}
    text = Text2Understand.from_pretrained(shared)
    assert text(WORDS[0]).words == ()
    audio = [command(i % 2) for i in range(8)]
    alone = [understand(samples) for samples in audio]
    with ThreadPoolExecutor(4) as pool:
        trees = pool.map(lambda _: text(WORDS[0]).tree, range(8))
        assert list(pool.map(understand, audio)) == alone
        assert set(trees) == {TREES[0]}


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("nope.zip", {}, "nope.zip: no such package"),
        (".", {}, "neither a package .* nor a training run"),
        ("toy", {"device": "warp"}, "device 'warp'"),
        ("toy", {"device": "meta"}, "device 'meta': one of cpu, cuda, cuda:N"),
        ("toy", {"device": "cuda:-1"}, "device 'cuda:-1': one of"),
        ("toy", {"device": "cuda:99"}, "GPUs that torch can use"),
    ],
)
def test_what_is_not_there_is_named(source, options, message, toy_package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        Speech2Understand.from_pretrained(toy_package if source == "toy" else source, **options)


def test_weights_that_would_run_code_are_refused(toy_package, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    package = repack(toy_package, tmp_path / "evil.zip", {"exp/model.pth": (tmp_path / "evil.pth").read_bytes()})
    with pytest.raises(UserError, match=r"evil\.zip: model\.pth: not a whole checkpoint"):
        load_pretrained(package)
    assert not (tmp_path / "evil").exists()


def repacked(package, output, weights=None, manifest=None, **changes):
    """The package with other weights (a change of its tensors), configuration or manifest."""
    with zipfile.ZipFile(package) as archive:
        state = torch.load(io.BytesIO(archive.read("exp/model.pth")), weights_only=True)
        said = {name: yaml.safe_load(archive.read(name)) for name in ("exp/config.yaml", "atat.yaml")}
    files = {"exp/config.yaml": {**said["exp/config.yaml"], **changes}}
    files["atat.yaml"] = {**said["atat.yaml"], **(manifest or {})}
    written = {name: yaml.safe_dump(content).encode() for name, content in files.items()}
    if weights is not None:
        buffer = io.BytesIO()
        torch.save({name: weights(tensor) if name == DECODER else tensor for name, tensor in state.items()}, buffer)
        written["exp/model.pth"] = buffer.getvalue()
    return repack(package, output, written)


DECODER = "decoder.after_norm.weight"
BERT = {"model_type": "bert", "num_hidden_layers": 1, "vocab_size": 60, "max_position_embeddings": 64}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": lambda tensor: tensor.fill_(float("nan"))}, f"'{DECODER}' holds numbers that are not finite"),
        ({"weights": lambda tensor: tensor.half().fill_(float("inf"))}, "holds numbers that are not finite"),
        ({"weights": lambda tensor: tensor.to(torch.int8)}, f"'{DECODER}' holds int8 in place of plain numbers"),
        ({"weights": lambda tensor: tensor.to(torch.complex64)}, "holds complex64 in place of"),
        ({"weights": lambda tensor: tensor.to_sparse()}, "in place of plain numbers"),
        ({"weights": lambda tensor: tensor.to("meta")}, "in place of plain numbers"),
        ({"weights": lambda tensor: tensor.long()}, "is torch.int64, but torch.float32 in the model"),
        ({"weights": lambda tensor: tensor[:3]}, r"is \(3,\), the configuration makes it \(24,\)"),
        ({"weights": lambda _: [1.0]}, "not of an AT-AT model"),
        ({"decoder_conf": {"num_blocks": 2}}, "lacks 'decoder.* not a checkpoint"),
        ({"decoder_conf": {"linear_units": 2**20}}, "describes a far larger model than the weights fill"),
        ({"decoder_conf": {"attention_heads": 5}}, "its configuration makes no model"),
        ({"decoder_conf": {"linear_units": "x"}}, "decoder_conf: linear_units: is a whole number from 1 to"),
        ({"frontend": "s3prl"}, "exp/config.yaml: frontend: is default, found 's3prl'"),
        ({"manifest": {"tasks": {"speech": "sing"}}}, "atat.yaml: tasks: speech: unknown task 'sing'"),
        ({"manifest": {"decode": {"nbest": 5, "beam_size": 2}}}, "atat.yaml: nbest 5 is more than beam_size 2"),
    ],
)
def test_a_model_that_cannot_be_is_one_clear_error(changes, message, toy_package, tmp_path):
    package = repacked(toy_package, tmp_path / "other.zip", **changes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    with pytest.raises(UserError, match=message) as refused:
        load_pretrained(package)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 2**10
    assert str(refused.value).startswith(f"{package}: ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 24, "num_attention_heads": 5}, "text_encoder_conf: config: makes no encoder"),
        ({"hidden_size": 2**15, "num_attention_heads": 2}, "describes a far larger model than the weights fill"),
        ({"hidden_size": 48, "num_attention_heads": 2}, r"text encoder: .* the configuration makes it \(\d+, 48\)"),
    ],
)
def test_a_text_encoder_that_cannot_be_is_named_at_the_first_text(fields, message, toy_package, tmp_path):
    """It is built then; speech is understood without it."""
    conf = {"config": {**BERT, "intermediate_size": 32, **fields}}
    package = load_pretrained(repacked(toy_package, tmp_path / "other.zip", text_encoder_conf=conf))
    with pytest.raises(UserError, match=message):
        Text2Understand.from_pretrained(package)(WORDS[0])


def test_espnets_own_unpacking_gives_the_arguments(toy_package, tmp_path, understand):
    """espnet_model_zoo hands ``meta.yaml``'s names to the inference class."""
    with contextlib.suppress(UserWarning):
        arguments = ModelDownloader(tmp_path).download_and_unpack(str(toy_package))
    assert arguments.keys() == {"train_config", "model_file", "text_tokenizer"}
    unpacked = Speech2Understand.from_pretrained(Path(arguments["model_file"]).parents[1])
    assert unpacked(command(0)).tree == understand(command(0)).tree
    assert Speech2Understand(**arguments, beam_size=3, maxlen=20)(command(0)).tree == understand(command(0)).tree
    assert Text2Understand(**arguments)(WORDS[1]).tree == TREES[1]


@pytest.mark.slow
def test_round_trip_in_a_fresh_process_with_the_package_alone(root, toy_package, shared, recording, tmp_path):
    away = tmp_path / "away"
    code = copy_code(root, tmp_path / "site").parent
    away.mkdir()
    (away / "model.zip").write_bytes(toy_package.read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(code), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command_line = [sys.executable, "-P", "-c", SCRIPT, "model.zip", str(recording), str(recording)]
    done = subprocess.run(command_line, cwd=away, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    speech = Speech2Understand.from_pretrained(shared, nbest=3).nbest([recording, recording])
    text = Text2Understand.from_pretrained(shared, nbest=3).nbest(WORDS)
    here = [[[r.line, r.score.hex(), list(r.tokens)] for r in nbest] for nbest in speech + text]
    assert json.loads(done.stdout.splitlines()[-1]) == here
