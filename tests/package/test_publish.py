"""To a folder, to the hub and back: the hub's real client against a stand-in for its server."""

import os
import subprocess
import sys
import zipfile

import pytest

from espnet_atat.errors import UserError
from espnet_atat.package.publish import to_folder
from espnet_atat.package.reader import open_package, read_manifest
from tests.conftest import ROOT
from tests.package.hub_server import TOKEN, serve
from tests.toy_commands import TREES


@pytest.fixture
def hub():
    with serve() as hub:
        yield hub


UPLOAD = """
import sys
from pathlib import Path
from espnet_atat.bin import main_guard
from espnet_atat.package.publish import to_hub
sys.exit(main_guard(lambda arguments: print(to_hub(Path(arguments[0]), arguments[1])), sys.argv[1:]))
"""


def upload(hub, tmp_path, package, repository, token=TOKEN):
    """Upload in a process whose client asks the stand-in, and knows no token but this one."""
    command = [sys.executable, "-c", UPLOAD, str(package), repository]
    return run(command, hub, tmp_path / "hf", **({} if token is None else {"HF_TOKEN": token}))


def run(command, hub, home, **variables):
    """In an environment that knows this hub alone."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **variables}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_folder_gets_a_package_that_opens(make_zip, tmp_path):
    to_folder(make_zip(), tmp_path / "published")
    with open_package(tmp_path / "published") as package:
        assert package.manifest.name == "small"
    with pytest.raises(UserError, match="the key 'model_file' is missing"):  # nobody could load it
        to_folder(make_zip({"meta.yaml": "files: {}\nyaml_files: {}\n"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_without_a_token_nothing_is_sent(hub, make_zip, tmp_path):
    absent = upload(hub, tmp_path, make_zip(), "someone/small", token=None)
    assert absent.returncode == 2
    assert absent.stderr.count("\n") == 1
    assert "error: no token of the hub, so nothing was sent" in absent.stderr
    assert hub.requests == []
    wrong = upload(hub, tmp_path, make_zip(), "someone/small", token="hf_wrong")
    assert wrong.returncode == 2
    assert "asked about the token, and nothing was sent" in wrong.stderr
    # It was asked things (of its own accord the client asks more than who we are), and given nothing.
    assert hub.requests[-1] == "GET /api/whoami-v2"
    assert all(request.startswith("GET ") for request in hub.requests)
    named = upload(hub, tmp_path, make_zip(), "small")
    assert "a repository's name is user/name" in named.stderr


@pytest.mark.slow
def test_an_address_is_fetched_once_as_espnet_model_zoo_does(hub, make_zip, tmp_path, monkeypatch):
    for name, value in (("HOME", str(tmp_path)), ("NO_PROXY", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    hub.repositories["zoo"] = {"small.zip": make_zip().read_bytes()}
    address = f"{hub.address}/zoo/resolve/main/small.zip"
    assert read_manifest(address).name == "small"
    assert read_manifest(address).name == "small"
    assert hub.requests.count("GET /zoo/resolve/main/small.zip") == 1
    with pytest.raises(UserError, match="nor the hub has it"):
        read_manifest(f"{hub.address}/zoo/resolve/main/absent.zip")


@pytest.mark.slow
def test_up_to_the_hub_and_down_again(hub, toy_package, tmp_path):
    done = upload(hub, tmp_path, toy_package, "someone/toy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.address}/someone/toy"
    with zipfile.ZipFile(toy_package) as archive:
        sent = {name: archive.read(name) for name in archive.namelist()}
    assert hub.repositories["someone/toy"] == sent

    # Another machine: espnet_model_zoo's downloader, by the name alone.
    elsewhere = {"hub": hub, "home": tmp_path / "other", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    from tests.toy_package import write_command

    recording = write_command(tmp_path / "stop.wav", 1)
    command = [sys.executable, "-m", "espnet_atat.bin.atat", "understand", "--model", "someone/toy", str(recording)]
    understood = run(command, **elsewhere)
    assert understood.returncode == 0, understood.stderr
    assert understood.stdout == f"{TREES[1]}\n"
    refused = run([*command[:-2], "someone/absent", str(recording)], **elsewhere)
    assert refused.returncode == 2
    message = "error: someone/absent: no such file or folder, and neither espnet_model_zoo nor the hub has it"
    assert message in refused.stderr
