"""What would stop a training of several processes, found before it starts."""

from argparse import Namespace

import pytest

from espnet_atat.errors import UserError
from espnet_atat.tasks.checks import check_modalities


def test_batches_without_a_modality_need_unused_parameters_between_processes():
    check_modalities(["text_in"], Namespace(unused_parameters=False), world_size=1)
    check_modalities(["text_in"], Namespace(unused_parameters=True), world_size=2)
    check_modalities([], Namespace(unused_parameters=False), world_size=2)
    with pytest.raises(UserError, match=r"some of the 2 processes hold no text_in.*--unused_parameters true"):
        check_modalities(["text_in"], Namespace(unused_parameters=False), world_size=2)
