"""A researcher's own data: tables in their three formats, ready data dirs, and every mistake a newcomer makes."""

import json
from pathlib import Path
from typing import Any

import pytest

from espnet_atat.corpora.custom import prepare
from espnet_atat.corpora.custom_slots import read_slots, tree_of_slots
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import SPOKEN
from espnet_atat.speech.audio import probe
from tests.corpora.conftest import write_lines, write_noise
from tests.test_strict_json import HOSTILE

ROW = {"audio": "a.wav", "transcript": "go home", "speaker": "ann", "split": "train"}
THREE_LINES = [
    "audio,transcript,intent,slots,split",
    'a.wav,"Make the kitchen blue, please.",set light,room=kitchen; color=Blue,train',
    "b.wav,make the hall red,set light,room=hall;color=red,dev",
    "c.wav,make the attic blue,set light,room=attic;color=blue,test",
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for name in "abc":
        write_noise(tmp_path / "mine" / f"{name}.wav")
    return write_lines(tmp_path / "mine" / "lights.csv", THREE_LINES)


def test_three_lines_make_three_sets(table: Path, tmp_path: Path) -> None:
    prepare(table, tmp_path / "data")
    train = DataDir.load(tmp_path / "data" / "train")
    assert train == DataDir(
        text={"a": "make the kitchen blue please"},
        target={"a": "[IN:SET_LIGHT make the [SL:ROOM kitchen ] [SL:COLOR blue ] please ]"},
        wav={"a": str(table.parent / "a.wav")},
        utt2spk={"a": "a"},
    )
    assert DataDir.load(tmp_path / "data" / "test").ids == ["c"]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("t.tsv", ["wav\ttext\ttree\tspeaker\tsplit", "a.wav\tgo home\t[IN:GO go [SL:TO home ] ]\tann\ttrain"]),
        ("t.jsonl", [json.dumps({**ROW, "intent": "go", "slots": {"to": "home"}})]),
        ("t.csv", ["audio,transcript,intent,slots,speaker,split", 'a.wav,go home,go,"[[""to"", ""home""]]",ann,train']),
    ],
)
def test_every_format_gives_the_same(tmp_path: Path, name: str, rows: list[str]) -> None:
    write_noise(tmp_path / "a.wav")
    prepare(write_lines(tmp_path / name, rows), tmp_path / "data")
    data = DataDir.load(tmp_path / "data" / "train")
    assert data.target == {"ann-a": "[IN:GO go [SL:TO home ] ]"}
    assert data.utt2spk == {"ann-a": "ann"}


def test_text_audio_or_a_tree_alone(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.wav")
    rows = ["audio,transcript,split", ",Only words!,text", "a.wav,,unheard"]
    prepare(write_lines(tmp_path / "t.csv", rows), tmp_path / "data")
    assert DataDir.load(tmp_path / "data" / "text") == DataDir(text={"row000001": "only words"})
    assert DataDir.load(tmp_path / "data" / "unheard").text == {"a": ""}
    rows = ["transcript,tree,split", ",[IN:GO Go [SL:TO home ] ],train"]
    prepare(write_lines(tmp_path / "t.csv", rows), tmp_path / "data")
    assert DataDir.load(tmp_path / "data" / "train").text == {"row000001": "go home"}


@pytest.mark.parametrize(("columns", "disjoint"), [(2, "transcripts"), (3, "transcripts"), (4, "speakers")])
def test_sets_are_drawn_where_no_column_names_them(tmp_path, columns, disjoint):
    rows = [["id", "transcript", "speaker", "audio"]]
    for n in range(40):  # speakers count only where there is audio
        audio = str(write_noise(tmp_path / f"{n}.wav")) if columns == 4 else ""
        rows.append([f"u{n}", f"sentence number {n // 2}", f"s{n % 10}", audio])
    report = prepare(write_lines(tmp_path / "t.csv", [",".join(row[:columns]) for row in rows]), tmp_path / "data")
    assert f"disjoint in {disjoint}" in str(report)
    sets = {name: DataDir.load(tmp_path / "data" / name) for name in ("train", "dev", "test")}
    assert {name: len(data) for name, data in sets.items()} == {"train": 32, "dev": 4, "test": 4}
    apart = [set((data.text if columns < 4 else data.utt2spk).values()) for data in sets.values()]
    assert sum(map(len, apart)) == len(set().union(*apart))


@pytest.mark.parametrize(
    ("lines_of", "what"),
    [
        (["transcript,intent,slots", "go home,go,to=home;by=home"], r"t\.csv:2: slot BY: value 'home' is not a second"),
        (["transcript,split", "go \0 home,train"], r"t\.csv:2: transcript: has a control character, '\\x00'"),
        (["transcript,split", "go \x1b[31m home,train"], r"t\.csv:2: transcript: has a control character, '\\x1b'"),
        (["audio,split", "a\0.wav,train"], r"t\.csv:2: audio: has a control character"),
        (["transcript,intent,slots", 'go,x,"{""a"": 1, ""a"": 2}"'], r"t\.csv:2: slots .*has the key 'a' twice"),
        (["transcript,intent,slots", f"go,x,{'[' * 100_000}"], r"t\.csv:2: slots .*inside each other"),
        (["audio,transcript,split", "a.wav,go,train", "./x/../a.wav,stay,test"], r"t\.csv:3: the recording .*a\.wav"),
        (["transcript,end", "go,1"], r"t\.csv:2: start and end without audio"),
        (["audio,start,end", "a.wav,2,1"], r"t\.csv:2: 'audio 2 1': 0 <= start < end"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, lines_of: list[str], what: str) -> None:
    with pytest.raises(UserError, match=what):
        prepare(write_lines(tmp_path / "t.csv", lines_of), tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        *((line.decode("latin-1"), message) for line, message in HOSTILE if line and b"\xff" not in line),
        ('{"transcript": "go \\u0000"}', r"has a control character, '\\x00'"),
        ('{"transcript": "go", "text": "stay"}', "'text' is a second column of the transcript"),
    ],
)
def test_a_line_of_json_means_one_thing_or_is_an_error(line: str, message: str, tmp_path: Path) -> None:
    table = write_lines(tmp_path / "t.jsonl", ['{"transcript": "go", "split": "train"}', line])
    with pytest.raises(UserError, match=rf"t\.jsonl:2: .*{message}"):
        prepare(table, tmp_path / "data")


def test_a_recording_may_be_in_the_sets_of_several_folds(tmp_path: Path) -> None:
    for name in "ab":
        write_noise(tmp_path / f"{name}.wav")
    rows = ["a.wav,go,train_fold1", "b.wav,go,test_fold1", "b.wav,go,train_fold2", "a.wav,go,test_fold2"]
    report = prepare(write_lines(tmp_path / "t.csv", ["audio,transcript,split", *rows]), tmp_path / "data")
    assert [one.name for one in report.sets] == ["test_fold1", "test_fold2", "train_fold1", "train_fold2"]


def test_all_bad_rows_are_named_together(tmp_path: Path) -> None:
    rows = [f"go home,go,to=x{n},train" for n in range(25)]
    table = write_lines(tmp_path / "t.csv", ["transcript,intent,slots,split", "go home,go,to=home,train", *rows])
    with pytest.raises(UserError) as caught:
        prepare(table, tmp_path / "data")
    message = str(caught.value)
    assert message.startswith("25 bad rows of 26:\n")
    assert message.count("t.csv:") == 20
    assert message.endswith("… and 5 more")
    report = prepare(table, tmp_path / "data", skip_bad_rows=True)
    assert report.sets[0].kept == 1
    assert str(report).count("left out: ") == 25
    table = write_lines(tmp_path / "t.csv", ["transcript,tree,split", "go,[IN:GO go ],test", "go,[IN:GO go,test"])
    with pytest.raises(UserError, match=r"t\.csv:3: unclosed"):  # of a test set
        prepare(table, tmp_path / "data", skip_bad_rows=True)


def test_bytes_that_are_not_utf8_and_bad_json(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"transcript,split\ncaf\xe9,train\n")
    with pytest.raises(UserError, match=r"t\.csv:2: byte b'\\xe9' is not UTF-8"):
        prepare(tmp_path / "t.csv", tmp_path / "data")
    with pytest.raises(UserError, match=r"t\.jsonl:2: not JSON at column 2"):
        prepare(write_lines(tmp_path / "t.jsonl", ['{"transcript": "a"}', "{transcript}"]), tmp_path / "data")
    with pytest.raises(UserError, match=r"t\.xls: expected \.csv"):
        prepare(write_lines(tmp_path / "t.xls", ["x"]), tmp_path / "data")


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (None, []),
        ("", []),
        ("room = kitchen ;color=blue;", [("room ", " kitchen "), ("color", "blue")]),
        ('{"room": ["kitchen", "hall"], "color": "blue"}', [("room", "kitchen"), ("room", "hall"), ("color", "blue")]),
        ([["room", "kitchen"]], [("room", "kitchen")]),
        ({"room": "a=b;c"}, [("room", "a=b;c")]),
    ],
)
def test_slots_as_users_write_them(slots: Any, expected: list[tuple[str, str]]) -> None:
    assert read_slots(slots) == expected


def test_slots_that_cannot_be_read() -> None:
    for slots in ("{", "room", [["a"]], {"a": 1}, 3, [["a", "b", "c"]]):
        with pytest.raises(UserError, match="slots"):
            read_slots(slots)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ("a=new;b=new york", "from [SL:B new york ] to [SL:A new ] york"),  # the longer value first
        ("a=york;b=york", "from new [SL:A york ] to new [SL:B york ]"),  # two of one value
        ("a=;b=york", "from new [SL:B york ] to new york [SL:A ]"),  # nothing said
    ],
)
def test_values_find_their_words(slots: str, expected: str) -> None:
    tree = tree_of_slots("fly", slots, "from new york to new york", SPOKEN)
    assert tree.serialise() == f"[IN:FLY {expected} ]"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A folder of two ready data dirs whose ids do not begin with the speaker's."""
    for name in ("train", "test"):
        DataDir(
            text={"u1": "Go HOME!"},
            target={"u1": "[IN:GO Go [SL:TO HOME! ] ]"},
            wav={"u1": str(write_noise(tmp_path / f"{name}.wav"))},
            utt2spk={"u1": "ann"},
        ).write(tmp_path / "ready" / name)
    return tmp_path / "ready"


def test_ready_data_dirs_are_taken_over(ready: Path, tmp_path: Path) -> None:
    report = prepare(ready, tmp_path / "data")
    assert "train: 1 ids that did not begin with their speaker's now do" in str(report)
    assert DataDir.load(tmp_path / "data" / "train").target == {"ann-u1": "[IN:GO go [SL:TO home ] ]"}
    assert DataDir.load(tmp_path / "data" / "test").wav == {"ann-u1": str(tmp_path / "test.wav")}


def test_pipes_are_refused_or_made_into_files_also_of_segments(ready: Path, tmp_path: Path) -> None:
    scp = ready / "train" / "wav.scp"
    scp.write_text(f"u1 cat {tmp_path / 'train.wav'} |\n")
    with pytest.raises(UserError, match="is a shell pipe; give a plain path, or --allow_pipes"):
        prepare(ready, tmp_path / "data")
    prepare(ready, tmp_path / "data", allow_pipes=True)
    wav = DataDir.load(tmp_path / "data" / "train").wav
    assert wav == {"ann-u1": str(tmp_path / "data" / "audio" / "train" / "ann-u1.wav")}
    assert Path(wav["ann-u1"]).is_file()
    scp.write_text(f"r1 cat {tmp_path / 'train.wav'} |\n")
    (ready / "train" / "segments").write_text("u1 r1 0.1 0.25\n")
    prepare(ready, tmp_path / "data", allow_pipes=True)
    assert probe(DataDir.load(tmp_path / "data" / "train").wav["ann-u1"]).samples == 2400


def test_start_and_end_cut_one_recording_into_utterances_without_a_copy(tmp_path: Path) -> None:
    write_noise(tmp_path / "talk.flac", 3.0)
    rows = ["audio,start,end,transcript,speaker,split"]
    rows += ["talk.flac,0.5,1.25,go,ann,train", "talk.flac,2,,stop,bob,train"]
    report = prepare(write_lines(tmp_path / "t.csv", rows), tmp_path / "data")
    data = DataDir.load(tmp_path / "data" / "train")
    assert data.text == {"ann-talk-00000500-00001250": "go", "bob-talk-00002000": "stop"}
    assert [probe(entry).samples for entry in data.wav.values()] == [12_000, 16_000]
    assert report.sets[0].seconds == pytest.approx(1.75)
    written = {path.name for path in (tmp_path / "data" / "train").iterdir()}
    assert written == {"text", "wav.scp", "segments", "utt2spk", "spk2utt"}
    prepare(tmp_path / "data", tmp_path / "again")
    assert DataDir.load(tmp_path / "again" / "train") == data
