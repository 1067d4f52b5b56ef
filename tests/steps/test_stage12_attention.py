"""The utterance whose attention is kept (the file itself: ``test_stages``, ``tests/report/test_attention``)."""

from espnet_atat.steps.stage12_attention import first_right

REFERENCES = {"u1": "[IN:A a ]", "u2": "[IN:B b ]", "u3": "[IN:C c ]"}


def test_it_is_the_first_one_understood():
    assert first_right(REFERENCES, {"u1": "", "u2": "[IN:B b ]", "u3": "[IN:C c ]"}, REFERENCES) == "u2"


def test_one_without_audio_is_passed_over():
    assert first_right(REFERENCES, {"u2": "[IN:B b ]", "u3": "[IN:C c ]"}, ["u1", "u3"]) == "u3"


def test_it_is_the_first_of_all_where_none_was_understood():
    assert first_right(REFERENCES, {}, ["u3", "u2"]) == "u2"
