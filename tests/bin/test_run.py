"""The driver's options: each is used, a mistake is one line, and help needs nothing but Python."""

import argparse
import re
import subprocess
import sys

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.run import get_parser, main
from espnet_atat.config.selection import add_selection
from espnet_atat.stages import LAST_STAGE, STAGES

#: Of every stage: what to do, and with which systems.
OF_ALL = {"help", "stage", "stop_stage", "part", "force", "dry_run"}


@pytest.fixture(autouse=True)
def at_root(root, monkeypatch):
    monkeypatch.chdir(root)


def test_every_option_is_of_some_stage_or_of_all():
    selection = argparse.ArgumentParser(add_help=False)
    add_selection(selection)
    of_all = OF_ALL | {action.dest for action in selection._actions}
    of_stages = {option for stage in STAGES for option in stage.options}
    assert {action.dest for action in get_parser()._actions} == of_all | of_stages
    assert of_all & of_stages == {"seeds", "fold", "tts_engine"}  # the last of rows, and of stage 3


def test_help_names_all_stages_and_recipes_are_found_without_any_package():
    command = [sys.executable, "-S", "-m", "espnet_atat.bin.run", "--help"]  # -S: no site-packages
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(f"{stage:>2} {stage.title}" in done.stdout for stage in STAGES)
    assert "--part" not in done.stdout


def test_the_readme_lists_the_stages(root):
    columns = zip(STAGES, STAGES[-(-LAST_STAGE // 2) :], strict=False)
    rows = [f"| {left} | {left.title} | {right} | {right.title} |" for left, right in columns]
    table = ["| stage | what | stage | what |", "| --- | --- | --- | --- |", *rows]
    assert "\n".join(table) in (root / "README.md").read_text()


def test_the_page_about_stages_has_a_row_for_each(root):
    page = (root / "docs/stages.md").read_text()
    assert f" in {LAST_STAGE} numbered stages." in page
    section = page.partition("## What each stage writes")[2].partition("\n## ")[0]
    titles = [title for first in re.findall(r"^\| (\d[^|]*) \|", section, re.M) for title in first.split(", ")]
    assert titles == [f"{stage} {stage.title}" for stage in STAGES]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rec", "mini"], "unrecognized arguments: --rec mini"),  # no abbreviations, for the sake of run.sh
        (["mini"], "unrecognized arguments: mini"),
        (
            ["--feats_type", "raw", "--stage", "7"],
            f"--feats_type belongs to stage 6, but stages 7 to {LAST_STAGE} are selected",
        ),
        (["--compress", "false", "--stage", "14"], "--compress belongs to stage 6,"),
        (["--synthesize_sets", "music_text", "--stage", "4"], "--synthesize_sets belongs to stage 3,"),
        (["--cpu_processes", "2", "--stage", "8", "--stop_stage", "8"], "--cpu_processes belongs to stage 10, 11,"),
        (["--seeds", "1,2", "--stop_stage", "6"], "--seeds belongs to stage 7, 8,"),
        (["--fold", "1", "--stop_stage", "6"], "--fold belongs to stage 7, 8,"),
        (["--train_cmd", "slurm.pl", "--stage", "7", "--stop_stage", "7"], "--train_cmd belongs to stage 8, 10, 11,"),
        (
            ["--recipe", "fsc", "--aligner", "gentle", "--stage", "4"],
            "--aligner: the selected stages align no set of fsc",
        ),
        (["--augment_sets", "music_train", "--stage", "3"], "--augment_sets music_train: stage 2 makes its copies"),
        (["--augment_sets", "music_text_pico", "--stop_stage", "2"], "music_text_pico: stage 3 makes its copies"),
        (["--recipe", "snips", "--system", "atat_close", "--upload_dir", "out"], "several folds (--fold): name one"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(arguments, message, capsys):
    assert main_guard(main, [*arguments, "--dry_run"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
