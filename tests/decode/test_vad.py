"""The model is given the speech of a recording: what is around it changes no result, and times are the recording's."""

import sys
from itertools import product

import numpy as np
import pytest
import torch

from benchmarks import silence
from espnet_atat.datadir import DataDir
from espnet_atat.decode import vad
from espnet_atat.decode.cross_attention import speech_attention
from espnet_atat.decode.pretrained import Pretrained
from espnet_atat.decode.result import NOTHING_HEARD
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.augmentation.effects import surround
from espnet_atat.speech.fbank import fbank
from tests.spoken import spoken
from tests.toy_commands import TREES, WORDS
from tests.toy_package import RATE, command, write_command

SECOND = np.zeros(RATE, np.float32)


@pytest.fixture(autouse=True)
def no_margin(monkeypatch, request):
    """The toy has learnt its commands by heart, without a margin."""
    if request.cls is None:
        monkeypatch.setattr(vad, "MARGIN", 0)
        monkeypatch.setattr(vad, "NOISY_MARGIN", 0)


@pytest.fixture(scope="module")
def understand(shared) -> Speech2Understand:
    return Speech2Understand.from_pretrained(shared, vad="energy", max_seconds=2.0)


def between(samples: np.ndarray, noise: float, gain: float, seconds: float = 2.0) -> np.ndarray:
    sides = np.random.default_rng(0).standard_normal((2, round(seconds * RATE)))
    heard = surround(samples, *sides, noise) * 10 ** (gain / 20)
    return (np.round(heard * 2**15) / 2**15).astype(np.float32)


@pytest.mark.parametrize("noise", [-np.inf, -50, -30, -20])
def test_silence_and_noise_around_a_command_change_nothing(understand, noise):
    for gain in (0, -10, -20, -30):
        heard = [between(command(n), noise, gain) for n in (0, 1)]
        assert [result.tree for result in understand(heard)] == list(TREES)


def test_a_margin_keeps_as_much_around_the_speech_as_there_is():
    recording = between(command(0), -40, 0)
    (tight,) = vad.find_segments(recording, "energy", margin=0.0)
    (wide,) = vad.find_segments(recording, "energy", margin=1.5)
    (whole,) = vad.find_segments(recording, "energy", margin=9.0)
    assert (tight.start - wide.start, wide.end - tight.end) == pytest.approx((1.5, 1.5))
    assert (whole.first, whole.last) == (0, len(fbank(recording)))
    (of_four,) = vad.find_segments(recording, "energy", max_seconds=4.0, margin=9.0)
    assert (tight.start - of_four.start, of_four.end - tight.end) == pytest.approx((1.0, 1.0))


def test_an_understander_passes_its_margin_on(shared):
    understanders = [Speech2Understand.from_pretrained(shared, vad="energy", vad_margin=each) for each in (0.0, 1.0)]
    recording = between(command(0), -40, 0)
    (tight,), (wide,) = (each.segments(recording) for each in understanders)
    assert (tight.start - wide.start, wide.end - tight.end) == pytest.approx((1.0, 1.0))
    before, after = understanders[1](recording).span
    assert (before, after) == (wide.start, wide.end)


def test_without_it_all_of_a_recording_is_understood(shared):
    whole = Speech2Understand.from_pretrained(shared, vad="none")
    heard = between(command(0), -np.inf, 0)
    (segment,) = whole.segments(heard)
    assert len(segment.speech) == len(fbank(heard))
    assert whole(heard).span is None


def test_times_and_attention_are_those_of_the_recording(shared):
    understand = Speech2Understand.from_pretrained(shared, vad="energy")
    heard = between(command(0), -np.inf, 0)
    result = understand(heard)
    assert result.span == pytest.approx((2.0, 2.6), abs=0.031)
    assert [word.text for word in result.words] == ["play", "moon"]
    assert all(2.0 - 0.06 <= word.start < word.end <= 2.6 + 0.06 for word in result.words)
    assert result.as_dict()["span"] == [round(second, 3) for second in result.span]
    (segment,) = understand.segments(heard)
    attention = speech_attention(understand.trained, segment, "slu", result.tokens)
    frames = attention.frames(len(fbank(heard)))
    assert frames.shape == (len(result.tokens) + 1, len(fbank(heard)))
    assert not frames[:, : segment.first].any()
    assert not frames[:, segment.last :].any()
    assert frames.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_features_are_searched_as_their_audio_is(understand):
    heard = between(command(1), -30, -10)
    audio, features = understand(heard), understand(fbank(heard))
    assert features.tree == audio.tree == TREES[1]
    assert features.span == pytest.approx(audio.span, abs=0.02)


def test_a_long_recording_is_cut_at_its_pauses(understand):
    heard = np.concatenate([SECOND, command(0), SECOND, command(1), SECOND, command(0)])
    (result,) = understand.nbest([heard])[0]
    assert [segment.tree for segment in result.segments] == [TREES[0], TREES[1], TREES[0]]
    assert result.text == " ".join((WORDS[0], WORDS[1], WORDS[0]))
    assert result.tree == result.line == " ".join((TREES[0], TREES[1], TREES[0]))
    assert result.frame is None
    assert [segment.frame.intent for segment in result.segments] == ["PLAY", "STOP", "PLAY"]
    starts = [segment.span[0] for segment in result.segments]
    assert starts == pytest.approx([1.0, 2.6, 4.2], abs=0.031)
    times = [second for word in result.words for second in (word.start, word.end)]
    assert times == sorted(times)
    assert min(s.confidence for s in result.segments) <= result.confidence <= max(s.confidence for s in result.segments)
    assert [segment["text"] for segment in result.as_dict()["segments"]] == [WORDS[0], WORDS[1], WORDS[0]]
    # Words are the words of all.
    words = Speech2Understand.from_pretrained(Pretrained(understand.trained), task="asr", vad="energy", max_seconds=2.0)
    assert words(heard).line == result.text


def test_speech_without_a_pause_is_cut_too(shared):
    understand = Speech2Understand.from_pretrained(shared, vad="energy", max_seconds=0.7)
    segments = understand.segments(np.tile(command(0), 3))
    assert [segment.first for segment in segments] == pytest.approx([0, 60, 120], abs=2)
    assert all(len(segment.speech) <= 70 for segment in segments)


def test_silence_stays_an_empty_result_however_long(understand):
    assert understand(SECOND) is NOTHING_HEARD
    assert understand(np.zeros(10 * RATE, np.float32)) is NOTHING_HEARD


def test_a_model_by_name_listens_for_speech_unless_told_otherwise(shared, toy_run):
    assert Speech2Understand.from_pretrained(shared).config.vad == "auto"
    assert Speech2Understand.from_pretrained(toy_run, maxlen=5).config.vad == "auto"
    assert Speech2Understand.from_pretrained(shared, vad="none").config.vad == "none"
    assert Text2Understand.from_pretrained(shared).config.vad == "none"
    assert SearchConfig().vad == "none"


def test_what_cannot_be_is_refused(shared, understand, monkeypatch):
    with pytest.raises(UserError, match="vad is one of auto, silero, energy, none, found 'webrtc'"):
        SearchConfig(vad="webrtc")
    for margin in (-1, 1e308):
        with pytest.raises(UserError, match="vad_margin is a number of seconds from 0 to 60, found"):
            SearchConfig(vad="energy", vad_margin=margin)
    with pytest.raises(UserError, match="vad_margin goes with vad: auto, silero or energy"):
        SearchConfig(vad_margin=1.0)
    with pytest.raises(UserError, match="vad is for speech"):
        Text2Understand(trained=understand.trained, vad="energy")
    silero = Speech2Understand.from_pretrained(shared, vad="silero")
    with pytest.raises(UserError, match="vad silero hears audio, found features"):
        silero(fbank(command(0)))
    monkeypatch.setitem(sys.modules, "silero_vad", None)
    vad._network.cache_clear()
    with pytest.raises(UserError, match=r"vad silero: .*tools/install_extra.sh vad.* or use energy"):
        silero(command(0))
    auto = Speech2Understand.from_pretrained(shared)
    assert auto(between(command(0), -30, 0)).tree == TREES[0]
    vad._network.cache_clear()


class TestSilero:
    """Silero's network, which ``tools/install_extra.sh vad`` installs."""

    @pytest.fixture(autouse=True)
    def network(self):
        pytest.importorskip("silero_vad", reason="silero-vad is not installed: tools/install_extra.sh vad")

    def test_it_finds_the_ends_of_speech_in_noise_of_any_level(self):
        """Within 150 ms of where energy finds them in the recording itself; noise as loud as speech is allowed more."""
        for one in spoken("music_test", 4):
            samples = read_audio(one.path)
            (alone,) = vad.find_segments(samples, "energy")
            for noise, gain in ((-np.inf, 0), (-np.inf, -30), (-40, 0), (-20, -30), (-10, -15), (0, 0)):
                (found,) = vad.find_segments(between(samples, noise, gain), "silero")
                most = 0.15 if noise < -10 else 0.4
                assert found.start - 2.0 == pytest.approx(alone.start, abs=most)
                assert found.end - 2.0 == pytest.approx(alone.end, abs=most)

    def test_what_it_does_not_take_for_speech_is_found_by_its_energy(self):
        (found,) = vad.find_segments(between(command(0), -40, 0), "silero")
        assert (found.start, found.end) == pytest.approx((1.95, 2.65), abs=0.05)

    def test_it_leaves_the_threads_of_the_process_alone(self):
        before = torch.get_num_threads()
        vad._network.cache_clear()
        assert vad._network() is not None
        assert torch.get_num_threads() == before


@pytest.mark.parametrize(("kind", "code"), [("energy", 0), ("none", 1)])
def test_the_benchmark_holds_a_model_to_what_it_does_without_silence(
    kind, code, toy_package, tmp_path, monkeypatch, capsys
):
    """benchmarks/silence.py: the toy passes where its speech is looked for, and fails where silence is given to it."""
    wav = {f"spk-{n}": str(write_command(tmp_path / f"{n}.wav", n)) for n in (0, 1)}
    columns = {"text": dict(zip(wav, WORDS, strict=True)), "target": dict(zip(wav, TREES, strict=True))}
    DataDir(**columns, wav=wav, utt2spk=dict.fromkeys(wav, "spk")).write(tmp_path / "set")
    options = ["--package", toy_package, "--data_dir", tmp_path / "set", "--vad", kind]
    options += ["--seconds", "1,3", "--noise", "silence,-40,-30", "--levels", "0"]
    monkeypatch.setattr(sys, "argv", ["silence.py", *map(str, options)])
    with pytest.raises(SystemExit) as ended:
        silence.main()
    assert ended.value.code == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 recordings as they are: EM 100.0")
    assert lines[1] == "seconds\tnoise\t0 dB"
    assert [line.split("\t")[:2] for line in lines[2:-1]] == [
        ["0", "silence"],
        *([seconds, noise] for seconds in ("1", "3") for noise in ("silence", "-40 dB", "-30 dB")),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["energy", "auto"])
def test_the_model_is_given_the_same_speech_whatever_is_around_it(kind):
    """Of real recordings of ten voices: ends within 150 ms of those in the recording itself, most within 50."""
    ends = []
    for one in (*spoken("music_test")[::10], *spoken("books_test")[::10]):
        samples = read_audio(one.path)
        (alone,) = vad.find_segments(samples, kind)
        for seconds, noise, gain in product((0.5, 5.0), (-np.inf, -45, -30), (0, -15, -30)):
            (found,) = vad.find_segments(between(samples, noise, gain, seconds), kind)
            ends.append((found.start - seconds - alone.start, found.end - seconds - alone.end))
    off = np.abs(ends)
    assert (off <= 0.15).mean() > 0.99
    assert (off <= 0.05).mean() > 0.9
    assert off.max() < 0.4
