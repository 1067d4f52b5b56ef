"""The command ``atat``: what it prints, to whom, and its exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_atat import __version__
from espnet_atat.bin.atat import MODEL_VARIABLE, main
from tests.shell import cpu_seconds
from tests.toy_commands import TREES, WORDS

HELP = """
import sys
sys.argv = ["atat", "--help"]
from espnet_atat.bin.atat import console
try:
    console()
finally:
    heavy = {"torch", "espnet2", "transformers", "numpy", "soundfile"} & sys.modules.keys()
    print("imported:", *sorted(heavy), file=sys.stderr)
"""


@pytest.fixture
def model(toy_package, monkeypatch):
    monkeypatch.setenv(MODEL_VARIABLE, str(toy_package))
    return str(toy_package)


@pytest.fixture
def recordings(tmp_path):
    from tests.toy_package import write_command

    return [str(write_command(tmp_path / f"{name}.wav", number)) for number, name in enumerate(("play", "stop"))]


@pytest.fixture
def rubbish(tmp_path):
    (tmp_path / "rubbish.wav").write_bytes(b"no audio")
    return str(tmp_path / "rubbish.wav")


def give(monkeypatch, content: bytes) -> None:
    """Standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def test_help_is_quick_and_imports_nothing_heavy(root):
    done, seconds = cpu_seconds(sys.executable, "-c", HELP, limit=1.0, cwd=root)
    for command in ("understand", "transcribe", "score", "info", "demo"):
        assert f"\n    {command}" in done.stdout
    assert done.stderr == "imported:\n"
    assert seconds < 1.0


@pytest.mark.usefixtures("model")
def test_an_answer_takes_three_seconds_of_cpu_time_at_most(root, recordings):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "espnet_atat.bin.atat", "understand", recordings[0]]
    done, seconds = cpu_seconds(*command, limit=3.0, cwd=root, env=environment)
    assert (done.stdout, done.stderr) == (f"{TREES[0]}\n", "")
    assert seconds < 3.0


def test_the_command_is_installed_as_atat_and_a_clone_has_it_on_its_path(root):
    assert '[project.scripts]\natat = "espnet_atat.bin.atat:console"\n' in (root / "pyproject.toml").read_text()
    command = f"PATH={Path(sys.executable).parent}:$PATH; ATAT_VENV=none; . ./path.sh && atat --version"
    done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == f"atat {__version__}\n", done.stderr


def test_score_takes_its_own_options(tmp_path, capsys):
    for name in ("ref", "hyp"):
        (tmp_path / name).write_text(f"u1 {TREES[0]}\n")
    files = [str(tmp_path / name) for name in ("ref", "hyp", "metrics.json")]
    assert main(["score", "--ref", files[0], "--hyp", files[1], "--output", files[2]]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["figures"]["em_full"]["value"] == 1.0
    assert main(["score", "--ref", "absent", "--hyp", "absent", "--output", "x"]) == 2
    assert "absent" in capsys.readouterr().err


def test_one_recording_gives_its_tree_alone_and_texts_as_many_as_wanted(model, recordings, capsys):
    assert main(["understand", recordings[0]]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{TREES[0]}\n"
    assert main(["transcribe", "--model", model, recordings[1]]) == 0
    assert capsys.readouterr().out == f"{WORDS[1]}\n"
    assert main(["understand", "--text", "Play moon!", "--nbest", "2"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2"]
    assert float(rows[0][1]) >= float(rows[1][1])
    assert rows[0][2] == TREES[0]


@pytest.mark.usefixtures("model")
def test_several_recordings_are_named_with_progress_on_stderr(recordings, rubbish, capsys):
    assert main(["understand", recordings[0], rubbish, recordings[1]]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"{recordings[0]}\t{TREES[0]}\n{recordings[1]}\t{TREES[1]}\n"
    assert f"1/3 {recordings[0]}: " in printed.err
    assert f"error: {rubbish} cannot be read as audio" in printed.err
    assert main(["understand", "--quiet", *recordings]) == 0
    assert "/2" not in capsys.readouterr().err


@pytest.mark.usefixtures("model")
def test_json_is_an_object_a_line(recordings, rubbish, capsys):
    assert main(["understand", "--json", "--nbest", "2", recordings[0], rubbish]) == 1
    good, bad = map(json.loads, capsys.readouterr().out.splitlines())
    assert good["input"] == recordings[0]
    assert good["frame"] == {"intent": "PLAY", "slots": [{"name": "SONG", "value": "moon"}]}
    assert [word["word"] for word in good["words"]] == WORDS[0].split()
    assert good["nbest"][0]["tree"] == good["tree"] == TREES[0]
    assert len(good["nbest"]) == 2
    assert bad.keys() == {"input", "error"}


@pytest.mark.usefixtures("model")
def test_standard_input_is_audio_or_lines_of_text(recordings, monkeypatch, capsys):
    with open(recordings[1], "rb") as file:
        give(monkeypatch, file.read())
    assert main(["understand", "-"]) == 0
    assert capsys.readouterr().out == f"{TREES[1]}\n"
    give(monkeypatch, b"play moon\n\nstop it\n...\n")
    assert main(["understand", "--text", "-", "--quiet"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"play moon\t{TREES[0]}\nstop it\t{TREES[1]}\n"
    assert "error: text '...\\n' has no word in it" in printed.err
    # A bad line is an error of that line; what is longer than the model takes is cut, which is said.
    give(monkeypatch, b"\xff moon\nplay \0 moon\n\x1b[2J\n" + b"play moon " * 300 + b"\nstop it\n")
    assert main(["understand", "--text", "-", "--quiet"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1:] == [f"stop it\t{TREES[1]}"]
    for line in (
        "error: \\xff moon: text '\\udcff moon\\n' is not UTF-8",
        "error: text: has a control character, '\\x00', in 'play \\x00 moon\\n'",
        "error: text: has a control character, '\\x1b', in '\\x1b[2J\\n'",
        "note: play moon play moon play moon play moon …: a text of ",
    ):
        assert line in printed.err
    give(monkeypatch, b"no audio")
    assert main(["understand", "-"]) == 1
    assert "(8 bytes) cannot be read as audio" in capsys.readouterr().err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("device", ["meta", "mps", "cuda:99", "cpu:7", "\0", "cuda:" + "9" * 5000])
def test_a_device_is_the_cpu_or_a_gpu_that_is_there(device, capsys):
    assert main(["understand", "--text", "stop it", "--device", device]) == 2
    assert capsys.readouterr().err.startswith(f"error: device {device!r}: ")


def test_info_says_what_a_model_is(model, capsys):
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    for line in ("model       toy: A toy", "labels      <slu> for audio, <nlu> for text", "corpora     toy"):
        assert f"{line}\n" in text
    assert "toy/test, <slu>, decode, 2 utterances:\n  EM (full)             50.0 %     0.0   100.0" in text
    assert main(["info", "--json", model]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["results"][0]["figures"]["em_full"]["interval"] == [0.0, 1.0]
    assert facts["files"]["exp/model.pth"] > 50_000


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_it_quietly(root, toy_package):
    command = f"yes 'play moon' | {sys.executable} -m espnet_atat.bin.atat understand --quiet --model {toy_package}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} --text - | head -n 2"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f"play moon\t{TREES[0]}\n" * 2
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "stop it", "--oov_penalty", "7"], "--oov_penalty and --lexicon are for recordings"),
        (["--text", "stop it", "--lexicon", "words.txt"], "--oov_penalty and --lexicon are for recordings"),
        (["one.wav", "--oov_penalty", "7", "--lexicon", "nowhere.txt"], "--lexicon nowhere.txt: no such file"),
    ],
)
def test_what_is_spelled_is_heard(options, message, capsys):
    assert main(["understand", "--model", "nowhere", *options]) == 2
    assert message in capsys.readouterr().err
