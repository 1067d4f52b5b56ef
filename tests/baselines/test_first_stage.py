"""Transcripts from a file, and Whisper's."""

import importlib.util

import pytest

from espnet_atat.baselines.first_stage import Whisper, read_transcripts, spoken_form, whisper_transcripts
from espnet_atat.errors import UserError
from espnet_atat.installed import models_dir
from tests.baselines.corpus import write_set


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path / "set", ("[IN:GO go ]", "[IN:STOP stop now ]"))


def test_a_file_of_words_is_joined_by_id(data, tmp_path) -> None:
    (tmp_path / "hyp").write_text("utt01 stop no\nutt00\n")
    assert read_transcripts(tmp_path / "hyp", data) == {"utt00": "", "utt01": "stop no"}
    (tmp_path / "hyp").write_text("utt00 Go!\nutt01 Stop it, now.\n")
    assert read_transcripts(tmp_path / "hyp", data) == {"utt00": "go", "utt01": "stop it now"}
    (data / "text_form").write_text("official\n")
    assert read_transcripts(tmp_path / "hyp", data) == {"utt00": "Go!", "utt01": "Stop it, now."}
    (tmp_path / "hyp").write_text("utt01 stop no\n")  # the other has no audio
    assert read_transcripts(tmp_path / "hyp", data, may_lack={"utt00", "utt01"}) == {"utt01": "stop no"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("utt00 go\n", "no prediction for 'utt01'"),
        ("utt00 go\nutt01 stop\nutt02 go\n", r"hyp:3: utterance 'utt02' is not in the reference"),
        ("utt00 go\nutt01 [IN:STOP stop ]\n", r"hyp:2: utterance 'utt01' is a tree, not words"),
        ("utt00 go\nutt01 stop [SL:TIME now ]\n", r"hyp:2: utterance 'utt01' is a tree, not words"),
    ],
)
def test_other_ids_or_trees_are_refused(data, tmp_path, lines: str, message: str) -> None:
    (tmp_path / "hyp").write_text(lines)
    with pytest.raises(UserError, match=message):
        read_transcripts(tmp_path / "hyp", data)


def test_what_whisper_writes_becomes_words() -> None:
    assert spoken_form(" Wake me at 7.30 AM, please!") == "wake me at seven thirty a m please"
    assert spoken_form(" Set it to 20% [sic].") == "set it to twenty percent sic"
    assert (spoken_form(" ... "), spoken_form("Привет")) == ("", "привет")


@pytest.mark.slow
def test_whisper_hears_a_command(root, tmp_path) -> None:
    if importlib.util.find_spec("faster_whisper") is None or not (models_dir() / "whisper-tiny.en").is_dir():
        pytest.skip("no Whisper tiny.en: tools/install_extra.sh whisper")
    data = write_set(tmp_path / "set", ("[IN:GO go ]",))
    whisper = Whisper("tiny.en")
    with pytest.raises(UserError, match=r"no file 'wav.scp', so there is no audio"):
        whisper_transcripts(data, whisper)
    recording = root / "egs2/atat/mini/corpus/audio/music_dev/af_sky-music_dev_0006.ogg"
    (data / "wav.scp").write_text(f"utt00 {recording}\n")
    assert whisper_transcripts(data, whisper)["utt00"].split()[-1] == "music"
    with pytest.raises(UserError, match=r"Whisper nowhere/such cannot be loaded"):
        Whisper("nowhere/such")
