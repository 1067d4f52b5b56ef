"""Facebook TOP and TOPv2: forms of the text, options, recordings, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from espnet_atat.corpora.top import prepare
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.tree import strip_tags
from tests.corpora.conftest import write_lines, write_noise, write_stop

TOP_ROWS = [
    "What's on at 7:30?\tWhat 's on at 7 : 30 ?\t[IN:GET_EVENT What 's on [SL:DATE_TIME at 7 : 30 ] ? ]",
    "Take me home, please.\tTake me home , please .\t"
    "[IN:GET_DIRECTIONS Take me [SL:DESTINATION [IN:GET_LOCATION_HOME home ] ] , please . ]",
    "Sing\tSing\t[IN:UNSUPPORTED Sing ]",
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for part in ("train", "eval", "test"):
        write_lines(tmp_path / "top" / f"{part}.tsv", TOP_ROWS)
    return tmp_path / "top"


@pytest.mark.slow
def test_the_whole_distribution_in_both_forms(real_corpus: Callable[[str], Path], tmp_path: Path) -> None:
    top = real_corpus("top")
    report = prepare(top, tmp_path)
    assert {one.name: (one.kept, one.dropped) for one in report.sets} == {
        "train": (31279, {}), "dev": (4462, {}), "test": (9042, {})
    }  # fmt: skip
    source = (top / "test.tsv").read_text(encoding="utf-8").splitlines()
    test = DataDir.load(tmp_path / "test")
    assert test.wav is None
    for number, row in enumerate(source, start=1):
        spoken = [word.lower() for word in row.split("\t")[1].split() if word not in set(".,?!;")]
        assert test.text[f"top-test-{number:05d}"].split() == spoken
    # The official form is the corpus itself.
    report = prepare(top, tmp_path, text_form="official", drop_unsupported=True)
    assert [one.kept for one in report.sets] == [28414, 4032, 8241]  # the numbers of the literature
    assert "text form: official" in str(report)
    test = DataDir.load(tmp_path / "test")
    for key, tree in test.target.items():
        _, tokenised, official = source[int(key.rpartition("-")[2]) - 1].split("\t")
        assert (tree, test.text[key]) == (official, tokenised)


def test_spoken_text_has_no_case_and_no_free_punctuation(corpus: Path, tmp_path: Path) -> None:
    prepare(corpus, tmp_path / "data")
    dev = DataDir.load(tmp_path / "data" / "dev")
    assert dev.target == {
        "top-dev-00001": "[IN:GET_EVENT what 's on [SL:DATE_TIME at 7 : 30 ] ]",
        "top-dev-00002": "[IN:GET_DIRECTIONS take me [SL:DESTINATION [IN:GET_LOCATION_HOME home ] ] please ]",
        "top-dev-00003": "[IN:UNSUPPORTED sing ]",
    }
    assert all(dev.text[key].split() == strip_tags(tree) for key, tree in dev.target.items())
    assert (tmp_path / "data" / "dev" / "text_form").read_text() == "spoken\n"
    prepare(corpus, tmp_path / "data", text_form="official")
    assert (tmp_path / "data" / "dev" / "text_form").read_text() == "official\n"
    with pytest.raises(UserError, match="is TOP, which names no domains"):
        prepare(corpus, tmp_path / "data", domains=["event"])


def test_recordings_of_test_utterances(corpus: Path, tmp_path: Path) -> None:
    audio = write_noise(tmp_path / "mine.wav")
    listing = write_lines(tmp_path / "recordings", [f"2 {audio}", f"top-test-00001 {audio}"])
    prepare(corpus, tmp_path / "data", recordings=listing)
    recorded = DataDir.load(tmp_path / "data" / "recorded_test")
    assert recorded.wav == {"top-test-00001": str(audio), "top-test-00002": str(audio)}
    assert recorded.text["top-test-00002"] == "take me home please"
    assert len(DataDir.load(tmp_path / "data" / "test")) == 3
    write_lines(listing, [f"{number} {audio}" for number in (1, 2, 3)])
    report = prepare(corpus, tmp_path / "data", recordings=listing, drop_unsupported=True)
    assert DataDir.load(tmp_path / "data" / "recorded_test").ids == ["top-test-00001", "top-test-00002"]
    assert "2 of 2 test utterances are recorded, 1 more are left out with theirs" in str(report)
    write_lines(listing, [f"top-test-00009 {audio}"])
    with pytest.raises(UserError, match="'top-test-00009' is neither the id nor the row number"):
        prepare(corpus, tmp_path / "data", recordings=listing)
    write_lines(listing, ["1 gone.wav"])
    with pytest.raises(UserError, match="missing audio: no such file: gone"):
        prepare(corpus, tmp_path / "data", recordings=listing)


def test_top_v2(tmp_path: Path) -> None:
    for domain in ("alarm", "music"):
        for part in ("train", "eval", "test"):
            row = f'{domain}\tMake it 7"\t[IN:CREATE_{domain.upper()} Make it [SL:SIZE 7" ] ]'
            odd = f"{domain}\tThat\\u2019s it\t[IN:CREATE_{domain.upper()} That\\u2019s it ]"
            write_lines(tmp_path / f"v2/{domain}_{part}.tsv", ["domain\tutterance\tsemantic_parse", row, odd])
    report = prepare(tmp_path / "v2", tmp_path / "data")
    assert "TOPv2" in str(report)
    assert DataDir.load(tmp_path / "data" / "train").target == {
        "topv2-train-alarm-00001": "[IN:CREATE_ALARM make it [SL:SIZE 7 ] ]",
        "topv2-train-alarm-00002": "[IN:CREATE_ALARM that's it ]",  # as 20 rows of the corpus write an apostrophe
        "topv2-train-music-00001": "[IN:CREATE_MUSIC make it [SL:SIZE 7 ] ]",
        "topv2-train-music-00002": "[IN:CREATE_MUSIC that's it ]",
    }
    prepare(tmp_path / "v2", tmp_path / "data", domains=["music"], text_form="official")
    test = DataDir.load(tmp_path / "data" / "test")
    assert test.ids == ["topv2-test-music-00001", "topv2-test-music-00002"]
    assert test.text["topv2-test-music-00002"] == "That\\u2019s it"
    with pytest.raises(UserError, match="no domain 'weather'; there are alarm, music"):
        prepare(tmp_path / "v2", tmp_path / "data", domains=["weather"])


def test_stop_s_folder_gives_its_text_and_recordings(tmp_path: Path) -> None:
    stop = write_stop(tmp_path / "stop")
    prepare(stop, tmp_path / "data", domains=["alarm"])
    test = DataDir.load(tmp_path / "data" / "test")
    assert test.wav == {
        f"stop_test_{n}_alarm_test_{n}_00000000": str(stop / f"test_{n}/alarm_test_{n}/00000000.wav") for n in "01"
    }
    assert set(test.target.values()) == {"[IN:CREATE_ALARM wake me [SL:DATE_TIME at seven ] ]"}


def test_a_bad_row_is_named(corpus: Path, tmp_path: Path) -> None:
    write_lines(corpus / "train.tsv", [TOP_ROWS[0], "a\tb\t[IN:X a ]"])
    with pytest.raises(UserError, match=r"train\.tsv:2: the tree's words differ from column 2"):
        prepare(corpus, tmp_path / "data")
