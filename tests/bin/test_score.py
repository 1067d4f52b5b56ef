"""The command bin.score: what it writes, prints and refuses, and how fast it is."""

import json
import random
import sys

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.score import main
from tests.shell import cpu_seconds

REF = "a [IN:PLAY play [SL:SONG blue ] ]\nb [IN:STOP stop ]\n"
HYP = "a [IN:PLAY play [SL:SONG blue ] ]\nb\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "ref").write_text(REF, encoding="utf-8")
    (tmp_path / "hyp").write_text(HYP, encoding="utf-8")
    return tmp_path


def run(folder, *options: str) -> int:
    sides = ["--ref", str(folder / "ref"), "--hyp", str(folder / "hyp"), "--output", str(folder / "out/metrics.json")]
    return main_guard(main, [*sides, *options])


def test_what_is_printed_is_what_is_written(files, capsys) -> None:
    (files / "heard").write_text("stop\n")
    (files / "ids").write_text("a\n")
    options = ["--heard_words", str(files / "heard"), "--subset", f"mine={files / 'ids'}"]
    assert run(files, *options, "--info", "text_form=official") == 0
    written = json.loads((files / "out/metrics.json").read_text(encoding="utf-8"))
    assert written["form"] == 1
    assert written["utterances"] == 2
    assert written["reference"] == str(files / "ref")
    assert written["info"] == {"text_form": "official"}
    subsets = {name: part["utterances"] for name, part in written["subsets"].items()}
    assert subsets == {"heard": 1, "unheard": 1, "mine": 1}
    assert written["figures"]["em_full"]["value"] == 0.5
    assert written["counts"]["utt_ids"] == ["a", "b"]
    assert written["counts"]["columns"]["full_correct"] == [1, 0]
    printed = capsys.readouterr().out
    assert "2 utterances, trees (hypothesis: frame), text_form official" in printed
    assert "subset unheard: 1 utterances" in printed
    assert "1 invalid predictions; the first, b: empty" in printed
    for entry in written["figures"].values():
        line = next(line for line in printed.splitlines() if line.startswith(entry["title"] + " "))
        assert f"{entry['numerator']:.6g} / {entry['denominator']:.6g}" in line
        assert f"{100 * entry['value']:.2f}" in line


def test_the_scorer_that_comes_with_top_is_named(files, capsys) -> None:
    assert run(files, "--scorer", "top") == 0
    assert json.loads((files / "out/metrics.json").read_text(encoding="utf-8"))["info"] == {"scorer": "top"}
    assert "trees (hypothesis: frame), scorer top" in capsys.readouterr().out


def test_what_cannot_be_scored_is_one_line_and_leaves_no_file(files, capsys) -> None:
    (files / "hyp").write_text(HYP + "c x\n", encoding="utf-8")
    assert run(files) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "hyp:3: utterance 'c' is not in the reference" in error
    assert error.count("\n") == 1
    (files / "hyp").unlink()
    assert run(files) == 2
    assert f"error: {files / 'hyp'}: No such file" in capsys.readouterr().err
    assert not (files / "out/metrics.json").exists()


def test_a_malformed_subset_and_a_list_of_several_items_a_line(files, capsys) -> None:
    for option in ("mine", "mine=", "=ids"):
        assert run(files, "--subset", option) == 2
        assert f"--subset {option}: expected NAME=VALUE" in capsys.readouterr().err
    (files / "heard").write_text("stop\n\nplay it\n")
    assert run(files, "--heard_words", str(files / "heard")) == 2
    assert "heard:3: 2 items on one line" in capsys.readouterr().err
    (files / "heard").write_bytes(b"stop\ncaf\xe9\n")
    assert run(files, "--heard_words", str(files / "heard")) == 2
    assert "heard: byte 9 is not UTF-8" in capsys.readouterr().err


def test_nine_thousand_trees_in_three_seconds_without_torch(tmp_path) -> None:
    """As many utterances as TOP's test set, 40 % of them predicted wrongly in one way or another."""
    dice = random.Random(5)
    vocabulary = [f"word{number}" for number in range(500)]
    with (tmp_path / "ref").open("w") as ref, (tmp_path / "hyp").open("w") as hyp:
        for number in range(9_042):
            words = " ".join(dice.choices(vocabulary, k=dice.randint(3, 14)))
            tokens = f"[IN:GET me [SL:PLACE [IN:FIND {words} ] ] [SL:S{number % 30} now ] ]".split()
            ref.write(f"u{number:05d} {' '.join(tokens)}\n")
            if dice.random() < 0.4:
                tokens[dice.randrange(len(tokens))] = dice.choice(["other", "]", "[SL:DATE"])
                tokens[dice.randrange(len(tokens))] = dice.choice(vocabulary)
            hyp.write(f"u{number:05d} {' '.join(tokens)}\n")
    program = (
        "import sys; from espnet_atat.bin.score import main; main(sys.argv[1:]);"
        "found = {'torch', 'espnet2', 'scipy', 'pandas', 'sentencepiece'} & set(sys.modules); assert not found, found"
    )
    options = ["--ref", tmp_path / "ref", "--hyp", tmp_path / "hyp", "--output", tmp_path / "metrics.json"]
    _, seconds = cpu_seconds(sys.executable, "-c", program, *options, limit=3.0)
    assert seconds < 3
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["utterances"] == 9_042
    assert 0.5 < written["figures"]["em_full"]["value"] < 0.7
