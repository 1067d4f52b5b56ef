"""Stage 3 through the driver, in a folder of its own: a text-only set gets speech, and is not said twice."""

import pytest

from espnet_atat.datadir import DataDir
from tests.shell import make_clone, run
from tests.speech.synthesis.conftest import pico

__all__ = ["pico"]  # a fixture

ROWS = "\n".join(
    f"set the {room} lights to {percent} %,set light,room={room},train"
    for room, percent in (("kitchen", 50), ("hall", 25), ("attic", 100))
)


@pytest.mark.slow
@pytest.mark.usefixtures("pico")
def test_a_set_named_on_the_command_line_is_said(root, tmp_path):
    clone = make_clone(root, tmp_path / "clone")
    (tmp_path / "lights.csv").write_text(f"transcript,intent,slots,split\n{ROWS}\n")
    command = ["./run.sh", "--recipe", "custom", "--stop_stage", "3", "--nj", "1", "--augment_sets", "train_pico"]
    command += ["--synthesize_sets", "train"]
    done = run(clone, *command, CUSTOM=str(tmp_path / "lights.csv"))
    assert done.returncode == 0, done.stderr
    assert "pico: kept 3 of 3 utterances" in done.stdout
    made = DataDir.load(clone / "data/custom/train_pico")
    written = DataDir.load(clone / "data/custom/train")
    assert sorted(made.text.values()) == sorted(written.text.values())
    assert sorted(made.target.values()) == sorted(written.target.values())
    assert all((clone / path).is_file() for path in made.wav.values())
    again = run(clone, *command, CUSTOM=str(tmp_path / "lights.csv"))
    assert "stage 3, synthesize_train_pico: data/custom/train_pico: done already, skipped" in again.stdout
    # What stage 3 said is augmented at its end: as it is, and twice in other rooms and with noise.
    assert "stage 3, augment_train_pico: data/custom/train_pico_aug: done already, skipped" in again.stdout
    augmented = DataDir.load(clone / "data/custom/train_pico_aug")
    assert {utt.removeprefix("aug1-").removeprefix("aug2-") for utt in augmented.ids} == set(made.ids)
    assert len(augmented) == 3 * len(made)
    assert augmented.target is not None
    missing = run(clone, *command[:-1], "nope", CUSTOM=str(tmp_path / "lights.csv"))
    assert missing.returncode == 2
    assert "error: stage 3: data/custom/nope was not prepared; there are train" in missing.stderr


def test_an_unknown_engine_ends_it_before_any_work(root):
    done = run(root, "./run.sh", "--tts_engine", "espeak")
    assert done.returncode == 2
    assert done.stderr == "error: --tts_engine is pico, flite, kokoro or polly, not 'espeak'\n"
