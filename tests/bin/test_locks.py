"""One process at a time writes an output: a second one waits, then says who holds it, and changes nothing."""

import pytest

from espnet_atat.bin import atat_inference, main_guard, pipeline, prepare, token_list, validate
from espnet_atat.datadir import DataDir
from espnet_atat.graph import work


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (prepare, "custom data/train out"),
        (prepare, "fetch --url file:///nowhere.zip --output_dir out --checksum md5:0"),
        (validate, "out --fix"),
        (token_list, "--targets data/train/target --output_dir out --bpe_size 30"),
        (pipeline, "train crf --data_dirs data/train --output_dir out"),
        (pipeline, "understand --model_dir crf --data_dir data/train --output_dir out --oracle"),
        (atat_inference, "--train_config file --model_file file --data_dir data/train --output_dir out"),
    ],
)
def test_a_second_process_is_told_who_writes_there(command, call, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "WAIT", 0.1)
    for name in ("data/train", "out"):
        DataDir(text={"b": "go", "a": "stop"}, target={"a": "[IN:A stop ]", "b": "[IN:B go ]"}).write(name)
    (tmp_path / "file").touch()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with work.making(tmp_path / "out"):
        assert main_guard(command.main, call.split()) == 2
    assert capsys.readouterr().err.startswith("error: out is being made by process ")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_end_of_memory_is_one_line(capsys):
    def main(_: object) -> None:
        raise MemoryError("Unable to allocate 256. GiB")

    assert main_guard(main, []) == 2
    said = "error: out of memory (Unable to allocate 256. GiB): a file or a number is too large\n"
    assert capsys.readouterr().err == said
