"""Options of the random changes: what they do, and what is said about a wrong one."""

import pickle

import numpy as np
import pytest
import soundfile

from espnet_atat.errors import UserError
from espnet_atat.speech.augmentation.chain import EFFECTS, Chain

RATE = 16_000


@pytest.fixture
def sounds(tmp_path):
    """A folder with a noise and an impulse response at another rate, and a list of both."""
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "noise.wav", 0.1 * rng.standard_normal(3000), 8000)
    soundfile.write(tmp_path / "room.flac", np.eye(1, 2000)[0], 16_000)
    (tmp_path / "list.scp").write_text(f"noise {tmp_path / 'noise.wav'}\n")
    return tmp_path


@pytest.fixture
def every(sounds):
    """A configuration with every effect."""
    return {
        "speed": {"factors": [0.9, 1.1]},
        "tempo": {"factor": [0.9, 1.1], "probability": 0.5},
        "pitch": {"semitones": 1},
        "shift": {"seconds": [-0.05, 0.1]},
        "reverberation": {"responses": str(sounds)},
        "silence": {"seconds": [0, 0.2]},
        "babble": {"snr": [6, 24], "talkers": [1, 5], "sounds": str(sounds)},
        "noise": {"snr": [5, 20], "sounds": str(sounds / "list.scp")},
        "resampling": {"rates": [8000]},
        "volume": {"decibels": [-6, 6]},
    }


def samples() -> np.ndarray:
    return (0.1 * np.random.default_rng(3).standard_normal(RATE)).astype(np.float32)


def test_every_effect_changes_the_samples_and_the_generator_alone_decides_how(every):
    pytest.importorskip("audiomentations", reason="the extra augment is not installed")
    assert list(every) == list(EFFECTS)
    place = {"snr": 5, "pole": [0, 0.9], "swing": [0, 6]}
    for name, options in (*every.items(), ("noise", place)):
        chain = Chain.from_config({name: {**options, "probability": 1.0}}, "here")
        copy = pickle.loads(pickle.dumps(chain))  # as another process has it
        first, again = (each(samples(), RATE, np.random.default_rng(5)) for each in (chain, copy))
        assert first.dtype == np.float32
        assert np.array_equal(first, again), name
        other = chain(samples(), RATE, np.random.default_rng(6))
        drawn = name not in ("pitch", "resampling")  # of these, the test's configuration leaves nothing to chance
        if drawn:
            assert len(first) != len(other) or not np.array_equal(first, other), name
        assert len(first) != RATE or not np.array_equal(first, samples()), name


def test_without_responses_every_utterance_has_a_simulated_room_of_its_own():
    chain = Chain.from_config({"reverberation": {}}, "here")
    click = np.eye(1, RATE, 4000, dtype=np.float32)[0]
    rooms = [chain(click, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(rooms[0], rooms[1])
    assert not np.allclose(rooms[0], rooms[2], atol=1e-3)
    for room in rooms:
        assert np.argmax(np.abs(room)) == 4000, "the direct sound stays where it was"
        assert np.abs(room[:4000]).max() < 1e-6
        assert room[4000:] @ room[4000:] == pytest.approx(1, abs=1e-3), "as loud as before"
        early, late = (np.sum(np.square(room[4000 + a : 4000 + b])) for a, b in ((200, 2000), (2000, 11000)))
        assert 0 < late < early / 4, "the echo dies away"


def test_probability_is_the_share_that_is_changed():
    chain = Chain.from_config({"volume": {"decibels": 6, "probability": 0.3}, "pitch": None}, "here")
    short = samples()[:100]
    rng = np.random.default_rng(0)
    changed = [not np.array_equal(chain(short, RATE, rng), short) for _ in range(400)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"pich": {}}, "here: unknown effect 'pich', perhaps 'pitch'; known: speed, tempo, pitch"),
        ({"pitch": {"semitone": 1}}, "here: pitch: unknown key 'semitone', perhaps 'semitones'; known: probability"),
        ({"pitch": {}}, "here: pitch: the key 'semitones' is missing"),
        ({"pitch": [1, 2]}, "here: pitch: needs the keys probability, semitones"),
        ({"pitch": {"semitones": [2, -2]}}, "here: pitch: semitones needs [lowest, highest], found [2, -2]"),
        ({"pitch": {"semitones": 20}}, "here: pitch: semitones lies between -12 and 12, found 20"),
        ({"volume": {"decibels": 3, "probability": 2}}, "here: volume: probability lies between 0 and 1"),
        ({"volume": {"decibels": 3, "probability": "often"}}, "here: volume: probability: is a number"),
        ({"speed": {"factors": []}}, "here: speed: factors needs at least one number"),
        ({"silence": {"seconds": [-1, 1]}}, "here: silence: seconds of silence are at least 0, found -1; shift cuts"),
        ({"noise": {"snr": 3, "sounds": "none", "swing": 6}}, "here: noise: pole and swing apply only to white noise"),
        ({"babble": {"snr": 3, "talkers": [4, 2]}}, "here: babble: talkers needs [lowest, highest], found [4, 2]"),
        ({"babble": {"snr": 3, "talkers": [0, 2]}}, "here: babble: talkers lies between 1 and 100, found 0"),
        ({"noise": {"snr": 3, "sounds": 4}}, "here: noise: sounds: is a text, found 4"),
        ({"noise": {"snr": 3, "sounds": "none/here"}}, "here: noise: none/here: no audio files there"),
    ],
)
def test_a_wrong_option_is_named(config, message):
    with pytest.raises(UserError) as error:
        Chain.from_config(config, "here")
    assert str(error.value).startswith(message)


def test_babble_in_training_names_its_sounds():
    with pytest.raises(UserError, match="here: babble: sounds is missing: name a folder or a list"):
        Chain.from_config({"babble": {"snr": 6}}, "here").check_sounds("here")
