"""The driver's options: each is used, a mistake is one line, and help needs nothing but Python."""

import argparse
import subprocess
import sys

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.run import get_parser, main
from espnet_atat.config.recipe import recipe_names
from espnet_atat.config.selection import add_selection
from espnet_atat.stages import STAGES, stage_table

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
    assert of_all & of_stages == {"tts_engine"}  # of rows, and of stage 3


def test_help_names_all_stages_and_recipes_are_found_without_any_package():
    command = [sys.executable, "-S", "-m", "espnet_atat.bin.run", "--help"]  # -S: no site-packages
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(f"{stage:>2} {stage.title}" in done.stdout for stage in STAGES)
    assert "--part" not in done.stdout


def test_the_readme_lists_the_stages(root):
    assert stage_table() in (root / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nope"], f"unknown recipe 'nope'; known: {', '.join(recipe_names())}"),
        (["--recipes", "mini"], "unrecognized arguments: --recipes mini"),
        (["--rec", "mini"], "unrecognized arguments: --rec mini"),  # no abbreviations, for the sake of run.sh
        (["mini"], "unrecognized arguments: mini"),
        (["--system", "nope"], "recipe mini: unknown row 'nope'"),
        (["--table", "1,99"], "recipe mini: unknown table 'table99'"),
        (["--table", ","], "recipe mini: unknown table ','"),
        (["--stage", "two"], "argument --stage: invalid int value: 'two'"),
        (["--stage", "12", "--stop_stage", "3"], "stages are 1 to 16, not 12 to 3"),
        (["--jobs", "many"], "argument --jobs: 'many' is not a whole number from 1"),
        (["--jobs", "2", "--num_nodes", "2"], "give one of them"),
        (["--feats_type", "plp"], "argument --feats_type: invalid choice: 'plp'"),
        (["--table", "default", "--system", "music"], "argument --system: not allowed with argument --table"),
        (["--hf_repo", "me/model"], "one model is uploaded at a time: name its system (--system)"),
        (["--system", "music", "--hf_repo", "me/model", "--upload_dir", "out"], "not allowed with argument --hf_repo"),
        (["--feats_type", "raw", "--stage", "7"], "--feats_type belongs to stage 6, but stages 7 to 16 are selected"),
        (["--compress", "false", "--stage", "14"], "--compress belongs to stage 6,"),
        (["--aligner", "gentle", "--stage", "5"], "--aligner belongs to stage 2, 4,"),
        (["--synthesize_sets", "music_text", "--stage", "4"], "--synthesize_sets belongs to stage 3,"),
        (["--cpu_processes", "2", "--stage", "8", "--stop_stage", "8"], "--cpu_processes belongs to stage 10, 11,"),
        (["--tts_engine", "flite", "--stage", "4"], "--tts_engine flite: no row has a place for it"),
        (["--system", "music", "--hf_repo", "me/model", "--stop_stage", "3"], "--hf_repo belongs to stage 16,"),
        (["--system", "music", "--upload_dir", "out", "--private"], "--private makes a new repository private"),
        (["--system", "music", "--hf_repo", "me/model", "--seeds", "1,2"], "has several seeds (--seeds): name one"),
        (
            ["--recipe", "snips", "--system", "atat_close", "--upload_dir", "out"],
            "several folds (--fold): name one",
        ),
        (["--ngpu", "-1"], "argument --ngpu: '-1' is not a whole number from 0"),
        (["--ngpu", "1", "--cpu_processes", "3"], "--cpu_processes trains on the CPU, --ngpu on GPUs"),
        (["--set", "pretrain.options.max_epohc=1"], "unknown option 'max_epohc', perhaps 'max_epoch'"),
        (["--set", "finetune"], "--set finetune: is KEY=VALUE"),
        (["--seeds", "1,1"], "'1,1' has a seed twice"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(arguments, message, capsys):
    assert main_guard(main, [*arguments, "--dry_run"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
