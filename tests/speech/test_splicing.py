"""Spliced utterances: the words that are said are the words that are written."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.bin.splice import main
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.schema import read
from espnet_atat.speech.alignment.record import aligned, not_found, write_alignments
from espnet_atat.speech.splicing import CROSS_FADE, SpliceConfig, cut_words, join, splice_set
from tests.speech.making import made

RATE = 16_000
#: Each word is a tone of its own, 0.2 s long, so that it can be told from the samples.
TONES = {"play": 400.0, "paper": 800.0, "moon": 1200.0, "stop": 1600.0, "rain": 2000.0}
SECONDS = 0.2


def tone(word: str) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * TONES[word] * np.arange(round(SECONDS * RATE)) / RATE)


@pytest.fixture
def spoken(tmp_path: Path) -> tuple[DataDir, dict]:
    text = {"ann-1": "play paper moon", "ann-2": "stop rain", "bob-1": "rain moon paper play"}
    wav, alignments = {}, {}
    for utt, line in text.items():
        soundfile.write(tmp_path / f"{utt}.wav", np.concatenate([tone(word) for word in line.split()]), RATE)
        wav[utt] = str(tmp_path / f"{utt}.wav")
        alignments[utt] = [aligned(w, i * SECONDS, (i + 1) * SECONDS) for i, w in enumerate(line.split())]
    return DataDir(wav=wav, text=text, utt2spk={utt: utt[:3] for utt in text}), alignments


def heard(samples: np.ndarray, count: int, overlap: int) -> list[str]:
    """Which word's tone each of ``count`` words is."""
    words = []
    for i in range(count):
        middle = int(i * (SECONDS * RATE - overlap) + SECONDS * RATE / 2)
        window = samples[middle - 800 : middle + 800]
        peak = np.argmax(np.abs(np.fft.rfft(window))) * RATE / len(window)
        words.append(next(word for word, tone in TONES.items() if abs(tone - peak) < 20))
    return words


def test_what_is_written_is_what_is_said(spoken, tmp_path):
    data, alignments = spoken
    config = SpliceConfig(number=12, shortest=2, longest=4, piece=1)
    assert made(splice_set, [data], alignments, None, tmp_path / "spliced", config).counts["made"] == 12
    spliced = DataDir.load(tmp_path / "spliced")
    assert len(spliced) == 12
    for utt, line in spliced.text.items():
        samples, rate = soundfile.read(spliced.wav[utt])
        count = len(line.split())
        assert rate == RATE
        assert len(samples) == count * round(SECONDS * RATE) - (count - 1) * CROSS_FADE
        assert heard(samples, count, CROSS_FADE) == line.split()
        speaker = spliced.utt2spk[utt]  # all words are of one
        assert utt.startswith(f"{speaker}-")
        own = " ".join(text for utt, text in data.text.items() if utt[:3] == speaker)
        assert set(line.split()) <= set(own.split())
    assert set(spliced.utt2spk.values()) == {"ann", "bob"}


def test_the_seed_alone_decides_and_a_recording_with_a_word_not_found_is_left_out(spoken, tmp_path):
    data, alignments = spoken
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made(splice_set, [data], alignments, None, tmp_path / name, SpliceConfig(number=10, seed=seed))
    a, b, c = (DataDir.load(tmp_path / name) for name in "abc")
    assert a.text == b.text != c.text
    for utt in a.ids:
        assert Path(a.wav[utt]).read_bytes() == Path(b.wav[utt]).read_bytes()
    alignments["bob-1"][1] = not_found("moon")
    report = made(splice_set, [data], alignments, None, tmp_path / "spliced", SpliceConfig(number=5))
    assert report.counts == {"made": 5, "used": 2, "left_out": 1}
    assert set(DataDir.load(tmp_path / "spliced").utt2spk.values()) == {"ann"}


def test_lines_of_a_text_are_said_with_their_trees_by_a_voice_that_has_the_words(spoken, tmp_path):
    data, alignments = spoken
    lines = DataDir(
        text={"t1": "stop paper moon", "t2": "paper play paper play", "t3": "stop thunder"},
        target={"t1": "[IN:A stop paper moon ]", "t2": "[IN:B paper play paper play ]", "t3": "[IN:C stop thunder ]"},
    )
    options = SpliceConfig(number=10, piece=1)
    assert made(splice_set, [data], alignments, lines, tmp_path / "said", options).counts["made"] == 2
    spliced = DataDir.load(tmp_path / "said")
    with pytest.raises(UserError, match="no line of the text"):
        made(splice_set, [data], alignments, lines.subset(["t3"]), tmp_path / "x", SpliceConfig())
    assert spliced.ids[0] == "ann-t1"  # bob never says "stop", nobody says "thunder"
    assert {utt.split("-")[1] for utt in spliced.ids} == {"t1", "t2"}
    for utt in spliced.ids:
        line = utt.split("-")[1]
        assert (spliced.text[utt], spliced.target[utt]) == (lines.text[line], lines.target[line])
        words = spliced.text[utt].split()
        assert heard(soundfile.read(spliced.wav[utt])[0], len(words), CROSS_FADE) == words


def test_the_longest_piece_is_taken_up_to_the_limit(spoken, tmp_path):
    data, alignments = spoken
    lines = DataDir(text={"t": "play paper moon"})
    for piece, joins in ((3, 0), (2, 1), (1, 2)):
        out = tmp_path / str(piece)
        made(splice_set, [data], alignments, lines, out, SpliceConfig(number=1, piece=piece, seed=3))
        spliced = DataDir.load(out)
        (utt,) = spliced.ids
        if utt.startswith("ann"):  # who says the three in a row
            assert soundfile.info(spliced.wav[utt]).frames == 3 * round(SECONDS * RATE) - joins * CROSS_FADE


def test_cuts_lie_between_words_and_a_join_keeps_a_constant_level_constant():
    recording = cut_words(np.zeros(RATE), [aligned("a", 0.1, 0.3), aligned("b", 0.5, 0.9)])
    assert recording.cuts == (0, round(0.4 * RATE), RATE)
    joined = join(np.full(1000, 0.5, np.float32), np.full(1000, 0.5, np.float32))
    assert len(joined) == 2000 - CROSS_FADE
    np.testing.assert_allclose(joined, 0.5, atol=1e-6)


def test_the_command_names_what_is_wrong(spoken, tmp_path):
    data, alignments = spoken
    data.write(tmp_path / "data")
    write_alignments(tmp_path / "align.jsonl", {"other-1": alignments["ann-1"]})
    options = ["--data_dir", str(tmp_path / "data"), "--alignments", str(tmp_path / "align.jsonl")]
    with pytest.raises(UserError, match="no utterance has all its words aligned"):
        main([*options, "--output_dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="--number is from 1 to"):
        main([*options, "--output_dir", str(tmp_path / "out"), "--number", "0"])


def test_effects_change_what_was_spliced(spoken, tmp_path):
    """Half a second of silence on either side of the same words, the whole 20 dB quieter."""
    data, alignments = spoken
    options = {"number": 6, "effects": {"silence": {"seconds": 0.5, "decibels": -90}, "volume": {"decibels": -20}}}
    made(splice_set, [data], alignments, None, tmp_path / "plain", SpliceConfig(number=6))
    made(splice_set, [data], alignments, None, tmp_path / "quiet", read(SpliceConfig, options, "splice"))
    plain, quiet = (DataDir.load(tmp_path / name) for name in ("plain", "quiet"))
    assert plain.text == quiet.text
    for utt in plain.ids:
        before, after = (soundfile.read(each.wav[utt])[0] for each in (plain, quiet))
        middle = after[RATE // 2 : -(RATE // 2)]
        np.testing.assert_allclose(middle, before / 10, atol=1e-3)
        assert len(middle) == len(before)
        assert np.abs(after[: RATE // 2]).max() < 1e-3
    with pytest.raises(UserError, match="effects: babble: sounds is missing"):
        read(SpliceConfig, {"effects": {"babble": {"snr": 5}}}, "splice")


def test_the_command_reads_effects_from_a_file(spoken, tmp_path, capsys):
    data, alignments = spoken
    data.write(tmp_path / "set")
    write_alignments(tmp_path / "align.jsonl", alignments)
    (tmp_path / "effects.yaml").write_text("silence: {seconds: 0.25, decibels: -60}\n")
    call = ["--data_dir", tmp_path / "set", "--alignments", tmp_path / "align.jsonl", "--number", 4]
    main([str(each) for each in [*call, "--output_dir", tmp_path / "out", "--effects", tmp_path / "effects.yaml"]])
    assert "made 4 utterances" in capsys.readouterr().out
    out = DataDir.load(tmp_path / "out")
    for utt, line in out.text.items():
        words = len(line.split()) * SECONDS * RATE
        assert soundfile.info(out.wav[utt]).frames > words - RATE // 10 + RATE // 2 - 1
