"""Utterances that are stretches of long recordings: what every step makes of them is what it makes of cut files."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_atat.data.mixture import Part, examples_of
from espnet_atat.datadir import Clip, DataDir
from espnet_atat.decode.source import Source
from espnet_atat.errors import UserError
from espnet_atat.graph.digest import features_digest
from espnet_atat.speech.alignment.align_set import align_set
from espnet_atat.speech.alignment.record import read_alignments
from espnet_atat.speech.alignment.sphinx import SphinxAligner
from espnet_atat.speech.audio import audio_bytes, probe, read_audio, read_lossless, read_mono
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.mask_set import mask_set
from espnet_atat.speech.masking import MaskConfig
from tests.speech.making import contents, made
from tests.spoken import spoken

RATE = 16_000


@pytest.fixture
def both(tmp_path: Path) -> tuple[DataDir, DataDir]:
    """Four utterances as files, and as stretches of the right channel of one flac, read from its data dir."""
    said = spoken("lights_train", 4)
    text, speakers = {one.id: one.words for one in said}, {one.id: one.voice for one in said}
    whole, segments, long = {}, [], np.zeros(RATE // 4, np.int16)
    for one in said:
        samples, _ = soundfile.read(one.path, dtype="int16")
        samples = samples[: len(samples) // 16 * 16]  # milliseconds
        whole[one.id] = str(tmp_path / f"{one.id}.wav")
        soundfile.write(whole[one.id], samples, RATE)
        segments.append(f"{one.id} talk {len(long) / RATE} {(len(long) + len(samples)) / RATE} 1")
        long = np.concatenate([long, samples])
    soundfile.write(tmp_path / "talk.flac", np.stack([long[::-1], long], axis=1), RATE)
    files = DataDir(text=text, wav=whole, utt2spk=speakers)
    files.write(tmp_path / "cut_train")
    (tmp_path / "cut_train" / "wav.scp").write_text(f"talk {tmp_path / 'talk.flac'}\n")
    (tmp_path / "cut_train" / "segments").write_text("".join(f"{line}\n" for line in sorted(segments)))
    return files, DataDir.load(tmp_path / "cut_train")


def test_every_step_reads_a_stretch_as_it_reads_a_file(both, tmp_path):
    both[1].write(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "cut_train")
    results = []
    for kind, data in zip(("files", "clips"), both, strict=True):
        made(align_set, data, tmp_path / f"{kind}.jsonl", SphinxAligner())
        words = read_alignments(tmp_path / f"{kind}.jsonl")
        masked = made(mask_set, data, words, tmp_path / f"{kind}_mlm", MaskConfig(seed=1, ratio=0.05))
        copies = DataDir.load(tmp_path / f"{kind}_mlm")
        dump = tmp_path / kind / "set"
        made(make_dump, data, dump, FeatureConfig())
        frames = [path.read_bytes() for path in sorted((dump / "data").glob("*.ark"))]
        made(make_dump, data, dump.with_name("raw"), FeatureConfig(feats_type="raw"))
        sources, _ = examples_of(Part(task="asr", set=f"{kind}/raw"), tmp_path)
        heard = Source.of_dump(dump.with_name("raw"), "speech")
        results.append(
            {
                "words": words,
                "masks": [masked.counts["words_masked"], [read_audio(copies.wav[utt]).tobytes() for utt in data.ids]],
                "frames": frames,
                "trained": [read_audio(sources[key]).tobytes() for key in sorted(sources)],
                "decoded": [(heard.length(utt), heard.read(utt).tobytes()) for utt in data.ids],
                "bytes": [soundfile.info(_as_file(audio_bytes(data.wav[utt]), tmp_path)).frames for utt in data.ids],
            }
        )
    assert results[0] == results[1]
    spans = [json.loads(line)["spans"] for line in (tmp_path / "clips_mlm" / "masks.jsonl").open()]
    written = list((tmp_path / "clips_mlm").rglob("*.flac"))
    assert len(written) == sum(map(bool, spans)) < 4, "what is not masked is not copied"
    assert sum(not Clip.of(entry).is_whole for entry in copies.wav.values()) == 4 - len(written)
    folder = tmp_path / "clips" / "raw"
    before = features_digest(folder)
    (folder / "segments").write_text((folder / "segments").read_text().replace("0.25 ", "0.26 "))
    assert features_digest(folder) != before


def _as_file(content: bytes, folder: Path) -> Path:
    (folder / "bytes").write_bytes(content)
    return folder / "bytes"


def test_a_clip_of_a_file_at_its_own_rate(tmp_path):
    soundfile.write(tmp_path / "a [1].wav", np.arange(8000, dtype=np.int16), 8000)
    path = str(tmp_path / "a [1].wav")
    assert Clip.of(path) == Clip(path)
    entry = str(Clip(path, 0.25, 0.5))
    assert read_lossless(entry)[0].tolist() == list(range(2000, 4000))
    assert (probe(entry).samples, len(read_mono(entry)[0]), len(read_audio(entry, resample=True))) == (2000, 2000, 4000)
    assert len(read_lossless(str(Clip(path, 0.5)))[0]) == len(read_lossless(f"{path}[0.5:1.4]")[0]) == 4000


@pytest.mark.parametrize(
    ("stretch", "message"),
    [
        ("[0.5:1.6]", r"ends after the recording, which lasts 1 s"),
        ("[1.2:1.3]", r"ends after the recording"),
        ("[0:0.5,1]", r"is channel 1, counted from 0, of 1"),
    ],
)
def test_a_stretch_that_the_file_has_not(tmp_path, stretch, message):
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), RATE)
    with pytest.raises(UserError, match=message):
        read_audio(f"{tmp_path / 'a.wav'}{stretch}")


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("u1 b 0 1", "recording 'b' is not in wav.scp"),
        ("u1 a 1 1", "0 <= start < end"),
        ("u1 a 0", "expected recording, start, end and perhaps channel, found 'a 0'"),
        ("u1 a x 1", "expected recording"),
        ("u1 a 0 1 A", "expected recording"),
    ],
)
def test_a_bad_line_of_segments_is_named(tmp_path, segments, message):
    for name, content in {"text": "u1 x", "wav.scp": "a a.wav", "segments": segments}.items():
        (tmp_path / name).write_text(f"{content}\n")
    with pytest.raises(UserError, match=f"segments: u1: .*{message}"):
        DataDir.load(tmp_path)
