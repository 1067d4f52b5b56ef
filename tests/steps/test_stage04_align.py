"""Stage 4: the aligner that the command line or the recipe names."""

from pathlib import Path

import pytest

from espnet_atat.bin.run import main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.record import read_alignments
from tests.speech.alignment.conftest import spoken_set
from tests.speech.alignment.gentle_server import serving

__all__ = ["spoken_set"]  # a fixture

ALIGNMENTS = Path("exp/librispeech/alignments/test_clean.jsonl")


@pytest.fixture(autouse=True)
def _prepared(clone, spoken_set):  # noqa: ARG001 (the working directory)
    """Of LibriSpeech a set of two utterances, which is masked."""
    recipe = Path("egs2/atat/librispeech/recipe.yaml")
    recipe.write_text(recipe.read_text().replace("mask: {sets: [", "mask: {sets: [test_clean, "))
    DataDir.load(spoken_set(2)).write(Path("data/librispeech/test_clean"))


def align(*options: str) -> None:
    main(["--recipe", "librispeech", "--stage", "4", "--stop_stage", "4", "--nj", "2", *options])


def of_recipe(text: str) -> None:
    path = Path("egs2/atat/librispeech/recipe.yaml")
    path.write_text(path.read_text().replace("augment: []", f"align: {text}\naugment: []"))


def test_servers_of_the_command_line_align_and_others_do_not_make_it_again(capsys):
    with serving() as one, serving() as two:
        align("--aligner", "gentle", "--gentle_url", f"{one.url},{two.url}", "--gentle_timeout", "60")
        assert len(one.requests) + len(two.requests) == 2
    assert len(read_alignments(ALIGNMENTS)) == 2
    capsys.readouterr()
    align("--aligner", "gentle", "--gentle_url", "http://elsewhere:1", "--gentle_retries", "0")
    assert "test_clean.jsonl: done already" in capsys.readouterr().out


def test_the_recipe_names_servers_and_the_command_line_another_aligner(capsys):
    with serving() as server:
        of_recipe(f"{{aligner: gentle, gentle_url: ['{server.url}'], gentle_retries: 1}}")
        align()
        assert len(server.requests) == 2
    capsys.readouterr()
    align("--aligner", "sphinx", "--dry_run")
    assert "test_clean.jsonl: to be made" in capsys.readouterr().out


def test_servers_of_an_aligner_that_is_not_asked_for_are_a_mistake():
    with pytest.raises(UserError, match="need the aligner gentle, but the aligner is sphinx"):
        align("--gentle_url", "http://localhost:8765")
    of_recipe("{gentle_url: localhost:1}")  # for who asks for Gentle
    with pytest.raises(UserError, match="no Gentle server answers at http://localhost:1;"):
        align("--aligner", "gentle")
    with pytest.raises(UserError, match="gentle_url names no server"):
        align("--aligner", "gentle", "--gentle_url", "")
