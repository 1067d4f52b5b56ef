"""tools/install_extra.sh: what it refuses, before it changes anything."""

import pytest

from tests.shell import run


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["minilm", "voices"], "error: unknown part 'voices'; there are: tts minilm whisper ears vad\n"),
        (["tts"], "error: no environment at {venv}; run tools/setup.sh first, or set ATAT_VENV\n"),
        ([], "tools/install_extra.sh whisper"),  # how it is used
    ],
)
def test_what_it_cannot_install_is_said(root, tmp_path, parts, message):
    done = run(root, "tools/install_extra.sh", *parts, ATAT_VENV=str(tmp_path), PATH="/usr/bin:/bin")
    assert done.returncode == 2
    assert message.format(venv=tmp_path) in done.stderr
    assert list(tmp_path.iterdir()) == []
