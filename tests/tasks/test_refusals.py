"""What is wrong with data or options, or would do something else here, is said before anything is trained."""

import logging
from argparse import Namespace
from pathlib import Path

import pytest
from espnet2.tasks.abs_task import AbsTask

from espnet_atat.bin import main_guard
from espnet_atat.bin.atat_train import main
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.errors import UserError
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.tasks.checks import check_modalities
from espnet_atat.text.vocabulary import Vocabulary
from tests.toy import write_toy_mixture
from tests.toy_training import FOUR_TASKS, Prepared


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngpu": 2, "distributed": False}, "--ngpu 2: give --multiprocessing_distributed true"),
        ({"ngpu": 0, "distributed": False, "max_cache_size": 1e9}, "--max_cache_size .*this task caches no examples"),
    ],
)
def test_what_this_task_cannot_do_is_said(options, message):
    with pytest.raises(UserError, match=message):
        ATATTask.main_worker(Namespace(**{"max_cache_size": 0.0, **options}))


def test_batches_without_a_modality_need_unused_parameters_between_processes():
    for lacking, unused, processes in ((["text_in"], False, 1), (["text_in"], True, 2), ([], False, 2)):
        check_modalities(lacking, Namespace(unused_parameters=unused), world_size=processes)
    with pytest.raises(UserError, match=r"some of the 2 processes hold no text_in.*--unused_parameters true"):
        check_modalities(["text_in"], Namespace(unused_parameters=False), world_size=2)


def refusal(capsys: pytest.CaptureFixture[str], options: list[str]) -> str:
    """The one line of error that the command prints; nothing may have been trained."""
    output = Path(options[options.index("--output_dir") + 1])
    before = {path.name for path in output.glob("*.pth")}
    capsys.readouterr()
    assert main_guard(main, options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert not any("Traceback" in line for line in lines)
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == lines[-1:], "one line, the last one"
    assert {path.name for path in output.glob("*.pth")} == before
    return errors[0]


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory) -> Path:
    """A run of one epoch."""
    return prepared.train(tmp_path_factory.mktemp("runs") / "trained", max_epoch=1)


def test_a_token_list_that_does_not_fit_the_checkpoint(prepared, trained, new_domain, tmp_path, capsys):
    size = len(Vocabulary.load(prepared.toy.token_list))
    message = f"decoder.embed.0.pretrained has {size} rows, the model to be trained {size + 2}"
    initial = new_domain.options(tmp_path, init_param=[str(trained / "1epoch.pth")])
    assert f"1epoch.pth: {message}" in refusal(capsys, initial)
    assert f"checkpoint.pth: {message}" in refusal(capsys, new_domain.options(trained, max_epoch=2))  # to resume


@pytest.mark.parametrize("phase", ["statistics", "training"])
@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("<slu> [IN:SING la ]", "utterance slu-audio-spk0-02: the tag '[IN:SING' is not in the token list"),
        ("<st> rain", "utterance slu-audio-spk0-02: the target begins with '<st>', not with a task token"),
        ("<slu>", "utterance slu-audio-spk0-02: the target is empty"),
    ],
)
def test_a_bad_target_is_named_before_anything_is_trained(prepared, tmp_path, capsys, phase, target, complaint):
    mixture = write_toy_mixture(prepared.toy, FOUR_TASKS, f"bad_{tmp_path.name}")
    write_two_column(mixture / "text", {**read_two_column(mixture / "text"), "slu-audio-spk0-02": target})
    options = Prepared(prepared.toy, mixture, prepared.stats).options(tmp_path / "run", num_workers=1, max_epoch=1)
    if phase == "statistics":
        options += ["--collect_stats", "true"]
    assert complaint in refusal(capsys, options)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"text_encoder": "none"}, "the data has text inputs, but the model no text encoder"),
        ({"audio_encoder": "none"}, "the data has audio, but the model no audio encoder"),
        ({"ctc_unit": "char"}, "ctc_unit char needs --ctc_characters"),
        ({"batch_bins": 30}, "raise the budget or drop it"),
        ({"token_list": "nowhere.txt"}, "nowhere.txt: No such file"),
        ({"exclude_weight_decay": True}, "--exclude_weight_decay and --sharded_ddp do not go"),
        ({"num_att_plot": 1, "use_matplotlib": True}, "--num_att_plot must be 0"),
        ({"scheduler_conf": {"decay": "cosine"}}, "decay: is one of noam, linear, constant, found 'cosine'"),
    ],
)
def test_options_that_do_not_fit_are_one_clear_error(prepared, tmp_path, capsys, changes, complaint):
    options = prepared.options(tmp_path, **{"max_epoch": 1, **changes})
    if "token_list" in changes:
        options[options.index("--token_list") + 1] = changes["token_list"]
    assert complaint in refusal(capsys, options)


def test_what_a_torn_run_is_told_leaves_the_log_to_espnet(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "checkpoint.pth").write_bytes(b"torn")
    configured = []
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(AbsTask, "main_worker", lambda _args: configured.extend(logging.root.handlers))
    monkeypatch.setattr("espnet_atat.tasks.atat.check_checkpoints", lambda *_: None)
    monkeypatch.setattr("espnet_atat.tasks.atat.vocabulary_of", lambda _args: None)
    criterion = [("valid", "acc", "max")]
    args = Namespace(ngpu=0, max_cache_size=0, collect_stats=False, output_dir=str(tmp_path), dist_rank=None)
    vars(args).update(dist_launcher=None, best_model_criterion=criterion)
    ATATTask.main_worker(args)
    assert configured == []  # else the resumed training's log would lack its epochs
    assert "training starts over" in capsys.readouterr().err
