"""tools/start_gentle.sh, with a ``docker`` that serves what stands in for Gentle's image."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import program, run

DOCKER = """\
echo "$*" >> {log}
case "$1" in
run) for word; do case "$word" in 127.0.0.1:*) port=${{word#127.0.0.1:}} ;; esac; done
    cd {root}
    {python} -m tests.speech.alignment.gentle_server "${{port%:8765}}" >/dev/null 2>&1 &
    echo $! >> {pids} ;;
ps) cat {pids} ;;
stop) shift; kill "$@" ;;
esac
"""


@pytest.fixture
def docker(root, tmp_path):
    """A folder with the program."""
    pids = tmp_path / "pids"
    body = DOCKER.format(log=tmp_path / "log", root=root, python=sys.executable, pids=pids)
    yield program(tmp_path / "bin/docker", body).parent
    for pid in pids.read_text().split() if pids.exists() else ():
        subprocess.run(["kill", pid], check=False, stderr=subprocess.DEVNULL)


def free_port() -> int:
    """The first of two free ports that follow each other."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except (OSError, OverflowError):
                continue


def start(root: Path, path: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(root, "tools/start_gentle.sh", *arguments, **{"PATH": path, **variables})


def test_without_docker_it_says_what_aligns_here(root, tmp_path):
    (tmp_path / "bash").symlink_to("/bin/bash")
    done = start(root, str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: docker is not installed; without it, --aligner sphinx aligns here\n"


@pytest.mark.slow
def test_servers_start_once_and_stop(root, tmp_path, docker):
    path, port = f"{docker}:{os.environ['PATH']}", free_port()
    done = start(root, path, "2", GENTLE_PORT=str(port))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"http://127.0.0.1:{port},http://127.0.0.1:{port + 1}\n"
    log = (tmp_path / "log").read_text().splitlines()
    assert [f"--publish 127.0.0.1:{port + n}:8765 lowerquality/gentle" in log[n] for n in range(2)] == [True, True]
    assert start(root, path, "2", GENTLE_PORT=str(port)).stdout == done.stdout
    assert len((tmp_path / "log").read_text().splitlines()) == 2
    assert start(root, path, "stop").returncode == 0
    assert start(root, path, "none").stderr == "error: usage: tools/start_gentle.sh [N | stop], not 'none'\n"
