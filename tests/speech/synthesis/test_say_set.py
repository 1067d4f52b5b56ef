"""Data dirs of synthetic speech, said by Pico."""

import json
from collections import Counter
from pathlib import Path

import pytest
import soundfile

from espnet_atat.datadir import DataDir, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis.say_set import (
    SynthesisConfig,
    cost_lines,
    expected_seconds,
    load_texts,
    make_engine,
    plan_utterances,
    synthesize_set,
)
from tests.speech.making import contents, made

BOTH = SynthesisConfig(("en-GB", "en-US"))


def test_a_text_file_becomes_a_data_dir(pico, texts, tmp_path):
    report = made(synthesize_set, load_texts(texts(6)), tmp_path / "made", pico, BOTH)
    free = "to be paid: 0 sentences, 0 characters, $0.00 at $0.00 per million"
    assert cost_lines(load_texts(texts(6)), pico, BOTH)[2] == free
    copy = DataDir.load(tmp_path / "made")
    assert copy.target is None
    assert (report.counts["kept"], report.counts["utterances"], sum(report.counts["by_voice"].values())) == (6, 6, 6)
    assert json.loads((tmp_path / "made/report.json").read_text())["by_voice"] == report.counts["by_voice"]
    assert set(report.counts["by_voice"]) == set(copy.utt2spk.values()) == {"en-GB", "en-US"}
    spoken = read_two_column(tmp_path / "made/spoken")
    seconds = 0.0
    for utt in copy.ids:
        voice, name = copy.utt2spk[utt], utt[-6:]
        number = int(name[3:])
        assert utt == f"{voice}-{name}"
        assert copy.text[utt] == f"play song {number} at {number + 1} : 30 pm"
        assert spoken[utt].endswith("thirty P M")
        info = soundfile.info(copy.wav[utt])
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.duration > 1
        seconds += info.duration
    assert report.counts["seconds"] == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(("words", "spoken"), [("play a song", 11 * 0.064), ("i spell a b", 11 * 0.064 + 0.3)])
def test_the_expected_time_is_that_of_the_speech(words, spoken, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    for engine, of_a_second in (("kokoro", 0.43), ("pico", 0.0053)):
        found = expected_seconds({"u": ("any", words)}, make_engine(engine), nj=8)  # no more processes than cores
        assert found == pytest.approx(spoken * of_a_second / 2)
    assert expected_seconds({"u": ("any", words)}, make_engine("polly"), nj=1) is None


def test_a_data_dir_keeps_its_targets_but_not_its_audio(pico, tmp_path):
    target = "[IN:PLAY_MUSIC play [SL:SONG paper moon ] ]"
    DataDir(text={"a": "play paper moon"}, target={"a": target}, wav={"a": "nowhere.wav"}).write(tmp_path / "text")
    made(synthesize_set, load_texts(tmp_path / "text"), tmp_path / "made", pico, SynthesisConfig(("en-US",)))
    copy = DataDir.load(tmp_path / "made")
    assert copy.target == {"en-US-a": target}
    assert copy.text == {"en-US-a": "play paper moon"}
    assert Path(copy.wav["en-US-a"]).is_file()


@pytest.mark.parametrize("engine", ["pico", pytest.param("kokoro_engine", marks=pytest.mark.slow)])
def test_processes_and_order_change_no_byte(engine, request, texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, engine = load_texts(texts(9)), request.getfixturevalue(engine)  # more than one process is handed at a time
    turned = DataDir(text=dict(reversed(data.text.items())))
    sets = []
    for nj, each in ((1, data), (2, turned)):
        made(synthesize_set, each, Path("made"), engine, SynthesisConfig(tuple(engine.voices()[:2])), nj=nj)
        sets.append(contents(Path("made")))
    assert sets[0] == sets[1]


def test_voices_are_drawn_evenly_and_by_seed_alone():
    data = DataDir(text={f"utt{n}": "hello" for n in range(900)})
    nine = SynthesisConfig(tuple("abcdefghi"))
    drawn = {utt: voice for utt, (voice, _) in plan_utterances(data, nine)[0].items()}
    assert set(Counter(drawn.values())) == set("abcdefghi")
    assert all(70 < count < 130 for count in Counter(drawn.values()).values())
    turned = SynthesisConfig(tuple("ihgfedcbaa"))
    assert drawn == {utt: voice for utt, (voice, _) in plan_utterances(data, turned)[0].items()}
    other = plan_utterances(data, SynthesisConfig(nine.voices, seed=1))[0]
    assert sum(drawn[utt] == other[utt][0] for utt in drawn) < 200


def test_what_cannot_be_said_is_dropped_by_name(pico, tmp_path):
    data = DataDir(text={"a": "hello", "b": "...", "c": "音楽"})
    report = made(synthesize_set, data, tmp_path / "made", pico, BOTH)
    assert (report.counts["kept"], list(report.counts["dropped"])) == (1, ["b", "c"])
    assert "  dropped b: '...' holds nothing that can be spoken" in report.lines
    with pytest.raises(UserError, match="no utterance could be said"):
        made(synthesize_set, DataDir(text={"b": "..."}), tmp_path / "none", pico, BOTH)


def test_bad_input_is_named(tmp_path):
    for text, message in (("a hello\nb\n", "b has no words"), ("", "no utterance to say")):
        (tmp_path / "text").write_text(text)
        with pytest.raises(UserError, match=f"text: {message}"):
            load_texts(tmp_path / "text")
