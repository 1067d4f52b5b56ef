"""Files with random damage: a command takes them or refuses them in one line, whatever is in them."""

import io
import json
import shutil
import struct
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet_atat.errors import UserError
from espnet_atat.speech.arks import read_features
from tests.hostile.table import Row, run, snapshot
from tests.hostile.test_hostile import good, made  # noqa: F401
from tests.hostile.world import PACKAGE, zip_of

#: Always the same examples.
bounded = settings(
    max_examples=25, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
PIECES = [*'\t,"\n\r\0\ufeff\u2028é', "[IN:A", "]", "[SL:B", *"{}:", "- ", *"|x ", "1e999"]
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(["", "s-1", "utt_id", *PIECES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["words", "rows", "counts"]), inner),
    max_leaves=6,
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
short, long = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
damage = st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.binary(max_size=6) | texts.map(str.encode))


def damaged(content: bytes, how: tuple[int, int, bytes]) -> bytes:
    """Some bytes taken away at a place, others put there."""
    place, count, new = how
    place %= len(content) + 1
    return content[:place] + new + content[place + count :]


def zipped(content: bytes) -> bytes:
    return zip_of({**PACKAGE, "atat.yaml": content}.items())


def header(fields: tuple[int, int, int, int, int, int, int]) -> bytes:
    """A wav whose header says anything."""
    chunk = struct.pack("<HHIIHH", *fields[:6])
    body = b"WAVEfmt " + struct.pack("<I", 16) + chunk + b"data" + struct.pack("<I", fields[6]) + bytes(3200)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def take_or_refuse(call: str, files: dict[str, bytes]) -> None:
    """Both are right; a traceback, a second line, or a trace of a refused call is not."""
    old = {name: Path(name).read_bytes() for name in files}
    try:
        for name, content in files.items():
            Path(name).write_bytes(content)
        before = snapshot()
        found = run(Row("generated", call, {}, ""))
        left = {name for name in snapshot().keys() - before.keys() if name.split("/")[0] not in ("out", "out.partial")}
        if found.code:
            assert found.err.startswith("error: "), found.err
            assert "Traceback" not in found.err
            assert not left - {".out.lock"}, left
        assert snapshot().items() >= before.items()
    finally:
        for path in Path().glob("out*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in old.items():
            Path(name).write_bytes(content)


@pytest.mark.usefixtures("good")
class TestDamage:
    @bounded
    @given(how=damage, file=st.sampled_from(["text", "target", "wav.scp", "utt2spk", "spk2utt"]))
    def test_data_dirs_and_trees(self, how, file):
        path = f"data/train/{file}"
        take_or_refuse("validate data/train --audio header", {path: damaged(Path(path).read_bytes(), how)})

    @bounded
    @given(how=damage, kind=st.sampled_from(["csv", "tsv"]))
    def test_tables(self, how, kind):
        path = f"corpora/mine.{kind}"
        take_or_refuse(f"prepare custom {path} out", {path: damaged(Path(path).read_bytes(), how)})

    @bounded
    @given(how=damage)
    def test_references(self, how):
        take_or_refuse("score --ref ref --hyp hyp --output out", {"ref": damaged(Path("ref").read_bytes(), how)})

    @bounded
    @given(text=texts, how=damage)
    def test_yaml(self, text, how):
        call = "augment --data_dir data/train --output_dir out --config augment.yaml"
        Path("augment.yaml").touch()
        content = damaged(b"speeds: [0.9]\nprepare: {bit_depth: 16}\n", how) + text.encode()
        take_or_refuse(call, {"augment.yaml": content})
        Path("augment.yaml").unlink()

    @bounded
    @given(fields=st.tuples(short, short, long, long, short, short, long))
    def test_wav_headers(self, fields):
        likely = (1, 1 + fields[1] % 2, fields[2] % 48_001, fields[3], 2, fields[5] % 33, fields[6])
        for each in (fields, likely):
            take_or_refuse("features --data_dir data/test --output_dir out", {"audio/s-1.wav": header(each)})

    @bounded
    @given(how=damage, whole=st.booleans())
    def test_zips(self, how, whole):
        manifest = PACKAGE["atat.yaml"].encode()
        content = damaged(zipped(manifest), how) if whole else zipped(damaged(manifest, how))
        call = "prepare fetch --url file:///x/package.zip --output_dir out --file_checksums ids"
        take_or_refuse(call, {"package.zip": content})

    @bounded
    @given(how=damage)
    def test_arks(self, how):
        file = io.BytesIO()
        kaldiio.save_ark(file, {"s-1": np.ones((3, 4), np.float32)})
        Path("some.ark").write_bytes(damaged(file.getvalue(), how))
        error = "some.ark"
        try:
            assert np.isfinite(read_features("some.ark:4")).all()
        except UserError as found:
            error = str(found)
        Path("some.ark").unlink()
        assert "some.ark" in error

    @bounded
    @given(value=values, file=st.sampled_from(["align.jsonl", "corpora/mine.jsonl", "b.json", "table.json"]))
    def test_values(self, value, file):
        calls = {
            "align.jsonl": "mask --data_dir data/train --alignments align.jsonl --output_dir out",
            "corpora/mine.jsonl": "prepare custom corpora/mine.jsonl out",
            "b.json": "compare a.json b.json",
            "table.json": "table table.json",
        }
        take_or_refuse(calls[file], {file: json.dumps(value).encode() + b"\n"})
