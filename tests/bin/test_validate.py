"""The command ``validate``: what it prints, how it ends, what --fix leaves."""

from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.validate import main
from espnet_atat.datadir import DataDir
from tests.corpora.conftest import write_noise


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Training and test sets of five utterances."""
    text = {f"s-{n}": f"say {n}" for n in range(5)}
    wav = dict.fromkeys(text, str(write_noise(tmp_path / "a.wav", 0.5)))
    for name in ("train", "test"):
        DataDir(text=text, wav=wav, utt2spk=dict.fromkeys(text, "s")).write(tmp_path / "data" / name)
    return tmp_path / "data"


def spoil(folder: Path) -> None:
    text = (folder / "text").read_text()
    (folder / "text").write_text(text.replace("s-1 say 1\n", "s-1\n").replace("s-3 say 3\n", "s-3\n"))


def test_sound_sets_end_well_and_pipes_are_run_only_on_request(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_guard(main, [str(data)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{data / 'test'}: 5 utterances, 0.00 h of audio, 0 problems",
        f"{data / 'train'}: 5 utterances, 0.00 h of audio, 0 problems",
    ]
    assert main_guard(main, [str(data.parent)]) == 2
    assert "neither a data dir nor a folder of data dirs" in capsys.readouterr().err
    # A pipe is run only on request.
    wav = (data.parent / "a.wav").as_posix()
    (data / "train" / "wav.scp").write_text("".join(f"s-{n} cat {wav} |\n" for n in range(5)))
    assert main_guard(main, [str(data / "train")]) == 2
    assert main_guard(main, [str(data / "train"), "--allow_pipes"]) == 0


def test_problems_are_printed_up_to_a_limit_then_counted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(data / "train")
    assert main_guard(main, [str(data / "train"), "--limit", "1"]) == 2
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{data / 'train' / 'text'}:2: 's-1' has an empty transcript",
        f"{data / 'train'}: … and 1 more; --limit 0 shows all",
        f"{data / 'train'}: 5 utterances, 0.00 h of audio, 2 problems",
    ]
    assert printed.err == f"error: {data / 'train'}: 2 problems; --fix drops bad utterances and sorts the files\n"


def test_fix_says_what_it_drops(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(data / "train")
    assert main_guard(main, [str(data), "--fix"]) == 0
    out = capsys.readouterr().out
    assert f"{data / 'train'}: dropped s-1: text: 's-1' has an empty transcript" in out
    assert f"{data / 'train'}: fixed; 2 utterances dropped, 3 kept" in out
    assert DataDir.load(data / "train").ids == ["s-0", "s-2", "s-4"]
    assert main_guard(main, [str(data)]) == 0


@pytest.mark.parametrize(("named", "code", "left"), [("auto", 2, 5), ("yes", 2, 5), ("no", 0, 3)])
def test_a_test_set_is_not_shrunk_unless_it_is_none(data, capsys, named, code, left):
    spoil(data / "test")
    assert main_guard(main, [str(data / "test"), "--fix", "--test_set", named]) == code
    assert ("a test set is never shrunk" in capsys.readouterr().err) == (code == 2)
    assert len((data / "test" / "text").read_text().splitlines()) == left
