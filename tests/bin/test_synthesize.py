"""The command: what it prints and refuses."""

import os
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.synthesize import main
from tests.speech.synthesis.conftest import pico, texts

__all__ = ["pico", "texts"]  # fixtures


def arguments(text: Path, output: Path, *more: str, engine: str = "pico") -> list[str]:
    return ["--engine", engine, "--text", str(text), "--output_dir", str(output), *more]


@pytest.mark.usefixtures("pico")
def test_what_is_complete_is_left_alone_until_forced_or_of_other_options(texts, tmp_path, capsys):
    command, text = arguments(texts(2), tmp_path / "made", "--voices", "en-GB"), tmp_path / "made/text"
    assert main_guard(main, [*command, "--audio_format", "wav"]) == 0
    printed = capsys.readouterr().out
    assert "made, pico: kept 2 of 2 utterances" in printed
    assert "voices: en-GB 2" in printed
    assert (tmp_path / "made/audio/en-GB/en-GB-utt001.wav").is_file()
    assert main_guard(main, command) == 0
    assert (tmp_path / "made/audio/en-GB/en-GB-utt001.flac").is_file()
    os.utime(text, (1, 1))
    assert main_guard(main, command) == 0
    assert "made: done already" in capsys.readouterr().out
    assert text.stat().st_mtime == 1
    assert main_guard(main, [*command, "--force"]) == 0
    assert text.stat().st_mtime != 1
    os.utime(text, (1, 1))
    assert main_guard(main, [*command, "--seed", "1"]) == 0
    assert text.stat().st_mtime != 1
    (tmp_path / "texts2").write_text("utt000 play another song\n")
    assert main_guard(main, command) == 0
    assert "kept 1 of 1 utterances" in capsys.readouterr().out


def test_dry_run_makes_nothing_and_needs_nothing(texts, tmp_path, capsys):
    cache = ["--cache_dir", str(tmp_path / "cache"), "--polly_price", "100"]
    assert main_guard(main, arguments(texts(40), tmp_path / "made", "--dry_run", *cache, engine="polly")) == 0
    printed = capsys.readouterr().out
    assert "polly: 40 utterances to say, 0 cannot be said; 40 different sentences of 1" in printed
    assert "$0.1" in printed  # some 1 400 characters
    assert "$100.00 per million" in printed
    assert {path.name for path in tmp_path.iterdir()} == {"texts40"}


@pytest.mark.usefixtures("pico")
def test_some_sentences_alone(texts, tmp_path, capsys):
    command = arguments(texts(20), tmp_path / "made", "--sentences", "2")
    assert main_guard(main, [*command, "--dry_run"]) == 0
    printed = capsys.readouterr().out
    assert "chosen: 2 of 20 sentences, with" in printed
    assert "pico: 2 utterances to say" in printed
    assert "time: about 0 s" in printed
    assert main_guard(main, command) == 0
    assert "kept 2 of 2 utterances" in capsys.readouterr().out


def test_mistakes_are_one_line(texts, tmp_path, capsys):
    assert main_guard(main, arguments(texts(1), tmp_path / "made", "--voices", "slt,en-GB")) == 2
    assert capsys.readouterr().err == "error: unknown voice 'slt' of pico; there are en-GB, en-US\n"
    assert main_guard(main, arguments(texts(1), tmp_path / "made", "--voices", ",")) == 2
    assert capsys.readouterr().err == "error: no voice to speak with: name some by --voices\n"
    assert main_guard(main, arguments(tmp_path / "none", tmp_path / "made")) == 2
    assert "none: No such file or directory" in capsys.readouterr().err
    empty = ["--model_dir", str(tmp_path)]
    assert main_guard(main, arguments(texts(1), tmp_path / "made", *empty, engine="kokoro")) == 2
    assert "run `tools/install_extra.sh tts`" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
