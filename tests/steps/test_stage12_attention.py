"""The utterance whose attention is kept (the file itself: ``test_driver``, ``tests/report/test_attention``)."""

import pytest

from espnet_atat.steps.stage12_attention import first_right

REFERENCES = {"u1": "[IN:A a ]", "u2": "[IN:B b ]", "u3": "[IN:C c ]"}
RIGHT = {"u1": "", "u2": REFERENCES["u2"], "u3": REFERENCES["u3"]}


@pytest.mark.parametrize(
    ("hypotheses", "there", "chosen"),
    [
        (RIGHT, ["u1", "u2", "u3"], "u2"),  # the first one understood
        (RIGHT, ["u1", "u3"], "u3"),  # of those with audio
        ({}, ["u3", "u2"], "u2"),  # the first of all where none was understood
    ],
)
def test_it_is_the_first_one_understood(hypotheses, there, chosen):
    assert first_right(REFERENCES, hypotheses, there) == chosen
