"""What is made is whole or absent, made by one process at a time, and continued only if it is of the same."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from espnet_atat.graph import work as module
from espnet_atat.graph.node import Node
from espnet_atat.graph.pool import JOURNAL
from espnet_atat.graph.work import STAMP, is_made, read_stamp, working


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a folder or file is to be; nothing else is in its parent."""
    return tmp_path / "made" / "set"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fill(output: Path, made_from: str, content: str = "whole", **options) -> None:
    with working(output, made_from, **options) as work:
        (work / "text").write_text(content)


def write(output: Path, made_from: str, content: str) -> None:
    with working(output, made_from, file=True) as work:
        (work / output.name).write_text(content)
        (work / "half").unlink(missing_ok=True)


def test_a_folder_is_there_when_the_block_has_ended(place):
    with working(place, "a") as work:
        (work / "text").write_text("whole")
        (work / "audio").mkdir()
        (work / "audio" / "torn.tmp").write_text("of a killed call")
        (work / JOURNAL).write_text("[]")
        assert not place.exists()
        assert not is_made(place, "a")
    assert names(place.parent) == {"set"}
    assert {str(path.relative_to(place)) for path in place.rglob("*")} == {"text", "audio", STAMP}
    assert is_made(place, "a")
    assert not is_made(place, "b")
    assert read_stamp(place)["seconds"] >= 0


def test_a_file_is_there_with_what_goes_beside_it(place):
    with working(place, "a", file=True) as work:
        (work / "set").write_text("whole")
        (work / "set.report").write_text("beside")
        (work / JOURNAL).write_text("[]")
    assert names(place.parent) == {"set", "set.report", ".set.made.json"}
    assert place.read_text() == "whole"
    assert is_made(place, "a")
    write(place, "b", "again")
    assert place.read_text() == "again"
    assert (is_made(place, "a"), is_made(place, "b")) == (False, True)
    with pytest.raises(FileNotFoundError, match="was not written"), working(place, "c", file=True):
        pass
    assert (place.read_text(), is_made(place, "b")) == ("again", True)
    place.unlink()
    assert not is_made(place, "b")


def run_out_of_space(output: Path, made_from: str) -> None:
    with working(output, made_from) as work:
        (work / "half").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("made_from", "left"), [("a", {"half", STAMP}), ("b", {STAMP})])
def test_an_error_leaves_the_output_and_what_can_be_continued(place, made_from, left):
    with pytest.raises(UserError), working(place, "a"):
        raise UserError("a mistake")
    assert names(place.parent) == set()  # there is nothing to go on from
    fill(place, "before")
    with pytest.raises(OSError, match="No space"):
        run_out_of_space(place, "a")
    assert is_made(place, "before")
    with working(place, made_from) as work:
        assert names(work) == left
    assert is_made(place, made_from)
    assert not (place / "text").exists()  # of the output before


@pytest.mark.parametrize("file", [False, True])
def test_what_was_not_made_here_is_not_replaced(place, file):
    place.mkdir(parents=True)
    fill(place, "a")  # empty: nothing is lost
    mine = place.with_name("mine")
    (mine if file else mine / "text").parent.mkdir(exist_ok=True)
    (mine if file else mine / "text").write_text("by hand")
    with pytest.raises(UserError, match=r"mine was not made by this step.*move or delete it"):
        write(mine, "a", "new") if file else fill(mine, "a")
    with pytest.raises(UserError, match="not a folder" if file else "a folder, not a file"):
        fill(mine, "a") if file else write(mine, "a", "new")
    assert (mine if file else mine / "text").read_text() == "by hand"
    assert names(place.parent) == {"set", "mine"}


def test_a_folder_of_that_name_that_no_call_has_left_is_not_removed(place):
    partial = place.with_name("set.partial")
    partial.mkdir(parents=True)
    (partial / f".{STAMP}.17.tmp").touch()  # of a call that was killed as it began
    fill(place, "a")
    partial.mkdir()
    (partial / "notes").write_text("mine")
    with pytest.raises(UserError, match=r"set\.partial was not made"):
        fill(place, "b")
    assert (partial / "notes").read_text() == "mine"


@pytest.mark.parametrize("added", ["notes", ".hidden", "audio/mine.wav", "split2/1/text", "audio/many"])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_that_somebody_put_there_is_not_lost(place, added, in_place, monkeypatch):
    monkeypatch.setattr(module, "LISTED", 1 if added == "audio/many" else 9)

    def make(made_from: str, **options) -> None:
        with working(place, made_from, in_place=in_place, **options) as work:
            (work / "audio").mkdir(exist_ok=True)
            for name in ("text", "audio/a", "audio/b"):
                (work / name).write_text(made_from)

    make("a")
    make("b", anew=True)
    with working(place / "score", "c", file=True) as work:  # what other steps make in it
        (work / "score").write_text("made again by its own step")
    fill(place / "dumped", "c")
    mine = place / added
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    for again in (lambda: make("b", anew=True), lambda: module.remove(place)):
        with pytest.raises(UserError, match=rf"{added}: put there after .*set was made.*move or delete it first"):
            again()
        assert (mine.read_text(), (place / "text").read_text(), is_made(place, "b")) == ("mine", "b", True)
    mine.unlink()
    make("d", anew=True)
    assert is_made(place, "d")


def test_a_file_that_is_put_there_meanwhile_is_not_lost_either(place):
    fill(place, "a")
    node = Node(stage=6, at=place, identify=dict, make=lambda _: (place / "notes").write_text("mine") and None)
    with pytest.raises(UserError, match="set/notes: put there"):
        node.build()
    assert ((place / "notes").read_text(), (place / "text").read_text()) == ("mine", "whole")


def test_a_stamp_of_an_earlier_release_lists_no_files(place):
    fill(place, "a")
    stamp = read_stamp(place)
    assert stamp.pop("files") == {".": ["text"]}
    (place / STAMP).write_text(json.dumps(stamp))
    (place / "notes").write_text("of anybody")
    fill(place, "b")
    assert names(place) == {"text", STAMP}


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_the_working_directory_is_not_replaced(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="give a folder of its own"):
        fill(Path(name), "a")


def test_an_output_is_kept_apart_from_its_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Path("data/train")
    source.mkdir(parents=True)
    (source / "text").write_text("a words\n")
    for output, relation in ((source, "is"), (Path("data"), "contains"), (source / "new", "lies inside")):
        with pytest.raises(UserError, match=rf"{output} {relation} .*another output"):
            fill(output.absolute(), "a", inputs=[source])
    with pytest.raises(UserError, match=r"text is .*text"):
        fill(source / "text", "a", inputs=[source / "text"], file=True)
    with working(source / "align.jsonl", "a", inputs=[source], file=True) as work:
        (work / "align.jsonl").write_text("a file may lie there")
    assert (source / "text").read_text() == "a words\n"


SLOW = """
import sys, time
from pathlib import Path
from espnet_atat.graph.work import working
output, file, moment = Path(sys.argv[1]), sys.argv[2] == "file", sys.argv[3]
import espnet_atat.graph.work as module
step = 0
def before(function):
    def call(*arguments, **options):
        global step
        step += 1
        if str(step) == moment:
            print("now", flush=True)
            time.sleep(60)
        return function(*arguments, **options)
    return call
with working(output, "a", file=file) as work:
    (work / "half").write_text("half")
    if moment == "0":
        print("now", flush=True)
        time.sleep(60)
    (work / ("set" if file else "text")).write_text("new")
    (work / "half").unlink()
    module.os.replace, module.shutil.rmtree = before(module.os.replace), before(module.shutil.rmtree)
print("done", flush=True)
"""


def begin(root: Path, output: Path, kind: str, moment: int) -> subprocess.Popen:
    """A process that stops in the block (0), or before the n-th step by which its output gets its place."""
    command = [sys.executable, "-c", SLOW, str(output), kind, str(moment)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    process.line = process.stdout.readline().strip()
    return process


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_or_nothing(place, root, kind):
    content = place if kind == "file" else place / "text"
    for moment in range(20):
        write(place, "old", "old") if kind == "file" else fill(place, "old", "old")
        process = begin(root, place, kind, moment)
        if process.line == "now":
            process.send_signal(signal.SIGKILL)
        process.communicate()
        if is_made(place, "old"):
            assert content.read_text() == "old"
        if is_made(place, "a"):
            assert content.read_text() == "new"
        elif kind == "folder":
            assert not place.exists() or is_made(place, "old")
        if process.line == "done":
            break
        write(place, "a", "again") if kind == "file" else fill(place, "a", "again")
        assert content.read_text() == "again"
        assert is_made(place, "a")
        assert names(place.parent) == ({"set", ".set.made.json"} if kind == "file" else {"set"})
    assert 4 <= moment < 19
    assert is_made(place, "a")


def test_a_second_process_waits_and_then_names_the_first_or_goes_on(place, root, monkeypatch):
    monkeypatch.setattr(module, "WAIT", 0.2)
    process = begin(root, place, "folder", 0)
    with pytest.raises(UserError, match=rf"set is being made by process {process.pid} on .*wait until"):
        fill(place, "a")
    monkeypatch.undo()
    process.kill()
    process.communicate()
    with working(place, "a") as work:
        assert (work / "half").read_text() == "half"
    assert names(place.parent) == {"set"}
    # One that waits goes on when the first has ended.
    process = begin(root, place, "folder", 0)
    started = time.monotonic()
    subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {process.pid}"])
    fill(place, "b")
    process.communicate()
    assert time.monotonic() - started > 0.25
    assert is_made(place, "b")


def test_what_another_process_makes_meanwhile_is_taken_as_it_is(place):
    """It is not made again under the feet of who goes on with it."""
    made: list[Path] = []
    begun, go_on = threading.Event(), threading.Event()

    def make(work: Path) -> None:
        made.append(work)
        begun.set()
        go_on.wait(60)
        (work / "text").write_text("whole")

    options = {"stage": 6, "at": place, "identify": lambda: {"a": 1}, "make": make}
    nodes = [Node(**options, fetches=fetches) for fetches in (False, False, True)]
    first, *others = (threading.Thread(target=node.build) for node in nodes)
    first.start()
    begun.wait(60)
    for each in others:
        each.start()
    time.sleep(0.3)
    go_on.set()
    for each in (first, *others):
        each.join()
    assert len(made) == 1
    nodes[0].build()  # of what is there it is asked for again, by a command
    assert len(made) == 2


FULL = """
import resource, sys
from pathlib import Path
from espnet_atat.atomic import atomic_dir, atomic_file, atomic_write
from espnet_atat.bin import main_guard
from espnet_atat.graph.work import working
from espnet_atat.speech.audio import write_audio

def main(argv):
    writer, output = argv[0], Path(argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # a write fails as on a disk that is full
    if writer == "atomic_write":
        with atomic_write(output) as handle:
            handle.write("x" * 100_000)
    elif writer == "write_audio":
        write_audio(output, [0.0] * 100_000, 16_000, "WAV", "PCM_16")
    elif writer == "atomic_file":
        with atomic_file(output) as file:
            file.write_bytes(bytes(100_000))
    else:
        with atomic_dir(output) if writer == "atomic_dir" else working(output, "a") as folder:
            (folder / "feats.ark").write_bytes(bytes(100_000))

sys.exit(main_guard(main, sys.argv[1:]))
"""


@pytest.mark.parametrize("writer", ["atomic_write", "write_audio", "atomic_file", "atomic_dir", "working"])
def test_a_full_disk_names_what_was_written(writer, tmp_path, root):
    command = [sys.executable, "-c", FULL, writer, str(tmp_path / "set")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path / 'set'}: File too large\n")
    assert not (tmp_path / "set").exists()
