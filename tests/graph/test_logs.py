"""What of ESPnet's log reaches the terminal."""

import contextlib
import logging

from espnet_atat.graph.logs import LogFollower, log_to

START = "2/20epoch started. Estimated time to finish: 3 minutes and 5.1 seconds"
RESULT = (
    "2epoch results: [train] iter_time=0.012, loss_att=18.876, acc=0.974, acc_slu=0.989, loss=27.279, "
    "time=1 minute and 3.2 seconds, total_count=300, [valid] acc=0.912, acc_slu=0.901, acc_mlm=nan, time=1.2 seconds"
)
SHORT = "  epoch 2/20: loss 27.279, valid acc 0.912 (slu 0.901), 0 s, about 0 min left\n"


def test_an_epoch_is_one_line_and_the_rest_goes_to_the_file(tmp_path, capsys):
    before = logging.getLogger().handlers[:]
    with contextlib.suppress(ValueError), log_to(tmp_path / "train.log"):
        logging.info("some detail")
        logging.info(START)
        logging.info(RESULT)
        logging.warning("a file was torn")
        logging.getLogger("other").warning("noise of a library")
        logging.getLogger("espnet_atat.decode.decode_set").info("decoded 8 of 8 utterances")
        raise ValueError("this went wrong")
    with log_to(tmp_path / "again.log"):
        logging.info("no error")
    assert logging.getLogger().handlers == before
    assert capsys.readouterr().out == SHORT + "  warning: a file was torn\n  decoded 8 of 8 utterances\n"
    text = (tmp_path / "train.log").read_text()
    for message in ("some detail", RESULT, "noise of a library", "ValueError: this went wrong"):
        assert message in text


def test_another_process_log_is_followed_from_its_end(tmp_path, capsys):
    log = tmp_path / "train.log"
    prefix = "[vm:0/2] 2026-11-22 01:01:34,840 (trainer:392)"
    log.write_text(f"{prefix} INFO: {RESULT}\n")
    follower = LogFollower(log)
    with log.open("a") as handle:
        handle.write(f"{prefix} INFO: {START}\n{prefix} INFO: {RESULT[:50]}")
        handle.flush()
        follower.print_news()
        assert capsys.readouterr().out == ""
        handle.write(f"{RESULT[50:]}\n{prefix} WARNING: a file was torn\n")
        handle.flush()
        follower.print_news()
    assert capsys.readouterr().out == SHORT + "  warning: a file was torn\n"
    follower.print_news()
    assert capsys.readouterr().out == ""
