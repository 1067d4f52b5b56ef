"""Options of ESPnet's trainer that would do something else here are refused before anything is built."""

from argparse import Namespace

import pytest

from espnet_atat.errors import UserError
from espnet_atat.tasks.atat import ATATTask


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngpu": 2, "distributed": False}, "--ngpu 2: give --multiprocessing_distributed true"),
        ({"ngpu": 0, "distributed": False, "max_cache_size": 1e9}, "--max_cache_size .*examples are not cached"),
    ],
)
def test_what_this_task_cannot_do_is_said(options, message):
    with pytest.raises(UserError, match=message):
        ATATTask.main_worker(Namespace(**{"max_cache_size": 0.0, **options}))
