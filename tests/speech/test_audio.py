"""Reading audio: formats, and what is wrong with a file."""

import io

import numpy as np
import pytest
import soundfile

from espnet_atat.errors import UserError
from espnet_atat.speech.audio import AudioError, probe, read_audio, read_lossless, read_mono
from espnet_atat.speech.containers import crc16, damage

NOISE = np.random.default_rng(0).normal(size=48_000)


def wave(rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize(("name", "tolerance"), [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.ogg", 0.05)])
def test_reads_wav_flac_and_opus(tmp_path, name, tolerance):
    path = tmp_path / name
    soundfile.write(path, wave(), 16_000, **({"format": "OGG", "subtype": "OPUS"} if name == "a.ogg" else {}))
    samples = read_audio(path)
    assert samples.dtype == np.float32
    assert samples.shape == (8000,)
    assert np.abs(samples[1000:7000] - wave()[1000:7000]).max() < tolerance


def test_another_rate_or_channels_are_errors_unless_converted(tmp_path):
    soundfile.write(tmp_path / "rate.wav", wave(8000), 8000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([wave(), 0 * wave()], axis=1), 16_000)
    with pytest.raises(UserError, match=r"rate\.wav has 8000 samples per second, not 16000.*--resample"):
        read_audio(tmp_path / "rate.wav")
    with pytest.raises(UserError, match=r"stereo\.wav has 2 channels"):
        read_audio(tmp_path / "stereo.wav")
    converted = read_audio(tmp_path / "rate.wav", resample=True)
    assert len(converted) == 8000
    assert np.abs(converted[500:7500] - wave()[500:7500]).max() < 0.01
    assert np.abs(read_audio(tmp_path / "stereo.wav", resample=True) - 0.5 * wave()).max() < 1e-4


def test_each_bad_file_has_its_own_message(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.0]), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", np.array([0.0, 1e30, 0.0]), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "cut.flac", np.random.default_rng(0).normal(size=16_000) * 0.1, 16_000)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(tmp_path / "cut.wav", wave(), 16_000)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:4000])
    (tmp_path / "bytes.wav").touch()
    for name, message in {
        "text.wav": "cannot be read as audio",
        "empty.wav": "has no samples",
        "bytes.wav": "has no bytes",
        "nan.wav": "not finite",
        "loud.wav": "a sample of 1e\\+30, where full scale is 1",
        "cut.flac": "damaged or cut off|cut short",
        "cut.wav": "was cut off",
        "none.wav": "no such file",
        "sph2pipe a.sph |": "a pipe",
    }.items():
        with pytest.raises(UserError, match=message):
            read_audio(tmp_path / name)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_lossless_reading_and_writing_changes_no_sample(tmp_path, subtype):
    soundfile.write(tmp_path / "in.wav", wave(), 16_000, subtype=subtype)
    samples, rate, container, written = read_lossless(tmp_path / "in.wav")
    soundfile.write(tmp_path / "out", samples, rate, format=container, subtype=written)
    again, *_ = read_lossless(tmp_path / "out")
    assert soundfile.info(tmp_path / "out").subtype == subtype
    assert again.dtype == samples.dtype
    assert np.array_equal(again, samples)


CODED = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16")]


def coded(container: str, subtype: str, seconds: float = 3.0) -> bytes:
    file = io.BytesIO()
    samples = wave(seconds=seconds) + 0.01 * NOISE[: int(16_000 * seconds)]
    soundfile.write(file, samples, 16_000, subtype, format=container)
    return file.getvalue()


@pytest.mark.parametrize(("container", "subtype"), CODED)
def test_no_changed_byte_of_a_compressed_file_gives_other_samples(container, subtype):
    whole, random = coded(container, subtype), np.random.default_rng(0)
    tagged = b"ID3\4\0\0\0\0\0\5title" + whole if container == "MP3" else whole
    good, _ = read_mono("whole", content=tagged)
    refused = 0
    for place, bits in zip(random.integers(len(whole), size=40), random.integers(1, 256, 40), strict=True):
        changed = bytearray(whole)
        changed[place] ^= int(bits)
        try:
            samples, _ = read_mono("changed", content=bytes(changed))
            assert np.array_equal(samples, good), place
        except AudioError:
            refused += 1
    assert refused >= 35
    for end in random.integers(100, len(whole), size=20):
        with pytest.raises(AudioError):
            read_mono("cut", content=whole[:end])


def test_the_sums_of_ogg_and_mp3_are_those_of_their_definitions():
    """Bit by bit, as the formats define them, rather than by tables of bytes."""
    content = NOISE[:99].tobytes()
    for size in (0, 1, 2, 200, 777):
        total = 0
        for byte in content[:size]:
            total ^= byte
            for _ in range(8):
                total = total >> 1 ^ 0xA001 * (total & 1)
        assert crc16(content[:size]) == total


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_that_does_not_say_its_length_is_read_to_its_end(tmp_path, mode):
    """Streams have no first frame of counts. From their size libsndfile gets another length than they have."""
    speech = np.concatenate([wave(seconds=2.0), np.zeros(48_000, np.float32), NOISE[:16_000] / 4])
    soundfile.write(tmp_path / "whole.mp3", speech, 16_000, bitrate_mode=mode)
    content = (tmp_path / "whole.mp3").read_bytes()
    counts = max(content.find(b"Xing"), content.find(b"Info"))
    stream = content[content.find(content[:2], counts) :]
    (tmp_path / "stream.mp3").write_bytes(stream)
    whole, samples = read_audio(tmp_path / "whole.mp3"), read_audio(tmp_path / "stream.mp3")
    assert len(whole) <= len(samples) == probe(tmp_path / "stream.mp3").samples < len(whole) + 3 * 1152
    lag = int(np.argmax(np.correlate(samples, whole[: len(whole) // 2], "valid")[:2304]))
    assert np.abs(samples[lag : lag + len(whole)][1152:] - whole[1152:][: len(samples) - lag - 1152]).max() < 1e-3
    assert np.array_equal(read_mono("stream", content=stream)[0], samples)
    with pytest.raises(AudioError, match="in the middle of a frame"):
        read_mono("cut", content=stream[:-20])
    # Caught amid a frame, the rest is read.
    (tmp_path / "caught.mp3").write_bytes(stream[20:])
    caught = read_audio(tmp_path / "caught.mp3")
    assert len(samples) - 3 * 1152 < len(caught) < len(samples)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    "between", [b"", b"ID3\4\0\0\0\0\0\5title", b"TAG" + bytes(125), b"APETAGEX\xd0\x07\0\0\x28\0\0\0" + bytes(56)]
)
def test_joined_mp3s_are_read_to_the_end_of_the_last(counts, between):
    content = coded("MP3", "MPEG_LAYER_III")
    if not counts:
        content = content[content.find(content[:2], max(content.find(b"Xing"), content.find(b"Info"))) :]
    first, _ = read_mono("first", content=content)
    joined, _ = read_mono("joined", content=content + between + content)
    assert 2 * len(first) <= len(joined) < 2 * len(first) + 3 * 1152
    assert np.abs(joined[: len(first)] - first)[: len(first) - 2304].max() < 1e-3  # from the same sample on
    assert np.abs(joined[-16_000:]).max() > 0.1
    with pytest.raises(AudioError, match="damaged or cut off"):
        read_mono("cut", content=(content + between + content)[:-20])


@pytest.mark.parametrize("ffmpegs", [False, True])
def test_files_that_encoders_write_or_people_join_are_whole(ffmpegs):
    """FFmpeg sums the first frame otherwise than LAME: 190 bytes, in which this sum is zeros."""
    mp3, ogg = coded("MP3", "MPEG_LAYER_III"), coded("OGG", "OPUS")
    if ffmpegs:
        at, frame = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 154, mp3[: mp3.find(mp3[:2], 4)]
        own = crc16((frame[:at] + bytes(2) + frame[at + 2 :]).ljust(190, b"\0")[:190])
        mp3 = mp3[:at] + own.to_bytes(2, "big") + mp3[at + 2 :]
    assert damage("MP3", "x", mp3) is damage("OGG", "x", ogg) is damage("WAV", "x", mp3) is None
    assert damage("MP3", "x", mp3 + b"TAG" + bytes(125)) is damage("MP3", "x", mp3 + mp3) is None
    assert damage("OGG", "x", ogg + coded("OGG", "VORBIS")) is None
    changed = mp3[:-1] + bytes([mp3[-1] ^ 1])
    assert damage("MP3", "x", changed) == "its frames do not match the checksum in its first frame"
    assert damage("MP3", "x", mp3 + b"no frame") == f"no MP3 frame begins at byte {len(mp3)}"


def test_a_file_that_is_mended_is_read_again(tmp_path):
    whole = coded("OGG", "VORBIS")
    (tmp_path / "a.ogg").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(AudioError, match=r"a\.ogg is damaged or cut off: the page at byte \d+ does not match"):
        read_audio(tmp_path / "a.ogg")
    (tmp_path / "a.ogg").write_bytes(whole)
    assert len(read_audio(tmp_path / "a.ogg")) == 48_000
