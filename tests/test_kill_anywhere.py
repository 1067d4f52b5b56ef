"""Kills of the driver in the stages of data, which take seconds; python -m tests.kill_anywhere tries all stages."""

import pytest

from tests.kill_anywhere import Try, run
from tests.speech.synthesis.conftest import installed


@pytest.mark.slow
def test_a_killed_stage_is_gone_on_with_and_leaves_what_an_unbroken_one_does(tmp_path):
    from espnet_atat.speech.synthesis.flite import Flite

    installed(Flite())
    tries = [Try(number, stage, number % 2 == 0, 0.7) for number, stage in enumerate((1, 2, 3, 4, 5, 6))]
    assert run(tmp_path / "kills", tries) == 0
