"""Switchboard: two-channel sphere cut by its transcripts, what counts as a word, and Hub5 2000."""

from pathlib import Path

import numpy as np
import pytest

from espnet_atat.corpora.switchboard import _reference_words, prepare, said_words
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import SPOKEN
from espnet_atat.speech.audio import read_audio
from tests.corpora.conftest import write_hub5, write_lines, write_switchboard
from tests.spoken import spoken

SAID = spoken("lights_train", 40)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_switchboard(tmp_path_factory.mktemp("swbd") / "LDC97S62", SAID)


def test_every_side_is_cut_from_its_channel(corpus: Path, tmp_path: Path) -> None:
    hub5 = write_hub5(tmp_path / "hub5e_00", SAID[:4])
    report = prepare(corpus, tmp_path / "data", resample=True, held_out=0.1, hub5=hub5)
    sets = {path.name: DataDir.load(path) for path in (tmp_path / "data").iterdir() if (path / "text").is_file()}
    sizes = {"train": 32, "dev": 4, "test": 4, "test_swbd": 2, "test_callhome": 2}
    assert {name: len(data) for name, data in sets.items()} == sizes
    talks = [{speaker[:7] for speaker in sets[name].spk2utt} for name in ("train", "dev", "test")]
    assert sum(map(len, talks)) == len(set().union(*talks)) == 10
    text = {utt: words for name in ("train", "dev", "test") for utt, words in sets[name].text.items()}
    assert sorted(text.values()) == sorted(one.words for one in SAID)
    first = next(utt for utt in sorted(text) if utt.startswith("sw02001-A"))
    assert text[first] == SAID[0].words
    assert first.startswith("sw02001-A_000050-")
    wav = next(data.wav[first] for data in sets.values() if first in data.wav)
    original, cut = read_audio(SAID[0].path), read_audio(wav)
    assert len(cut) == pytest.approx(len(original), abs=200)
    shortest = min(len(cut), len(original))
    assert np.corrcoef(cut[:shortest], original[:shortest])[0, 1] > 0.9  # but for what is above 4 kHz
    assert sets["test_swbd"].text == {f"sw_4390-{'AB'[n]}_000000-{_end(n)}": SAID[n].words for n in range(2)}
    assert "Hub5 2000: 2 segments without a word left out" in str(report)


def _end(number: int) -> str:
    return f"{round(100 * round(len(read_audio(SAID[number].path)) / 16_000, 2)):06d}"


def test_the_same_words_are_kept_so_often_in_train(tmp_path: Path) -> None:
    corpus = write_switchboard(tmp_path / "swbd", [SAID[n % 2] for n in range(40)])
    report = prepare(corpus, tmp_path / "data", resample=True, held_out=0.1, most_alike=5)
    assert [one.kept for one in report.sets] == [10, 4, 4]
    assert "train: 22 utterances left out, as 5 others have the same words" in str(report)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[silence]", ""),
        ("[noise] uh-huh [laughter] <b_aside> no <e_aside>", "uh-huh no"),
        ("[laughter-story] -[laughter-th-]", "story -th-"),
        ("[it'n/isn't] [lem[guini]-/linguini]", "it'n lem-"),
        ("ab[solute]- -[an]y ammu[n]it-", "ab- -y ammu-it-"),
        ("{yuppiedom} them_1 them_1's", "yuppiedom them them's"),
        ("- [vocalized-noise] so", "so"),
    ],
)
def test_what_was_said_of_the_transcripts_marks(written: str, said: str) -> None:
    assert said_words(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("(%HESITATION) HE IS (A) POLICE OFFICER", "he is a police officer"),
        ("<B_ASIDE> {IT'S / IT IS / @} FINE %UH <E_ASIDE>", "it's fine"),
        ("(%HESITATION)", ""),
    ],
)
def test_words_of_the_reference_of_hub5(written: str, said: str) -> None:
    assert _reference_words(written, SPOKEN) == said


def test_mistakes_are_named(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="8000 Hz where 16000 Hz is expected; --resample"):
        prepare(corpus, tmp_path / "data")
    write_lines(tmp_path / "swbd" / "sw2001A-ms98-a-trans.text", ["sw2001A-ms98-a-0001 2 1 yes"])
    (tmp_path / "swbd" / "sw02001.sph").touch()
    with pytest.raises(UserError, match=r"trans\.text:1: it ends at 1 s and starts at 2 s"):
        prepare(tmp_path / "swbd", tmp_path / "data")
