"""To a folder, to the hub and back: the hub's real client against a stand-in for its server."""

import os
import subprocess
import sys
import zipfile

import pytest
from espnet_atat.bin.upload import main

from espnet_atat.errors import UserError
from espnet_atat.package.reader import open_package, read_manifest
from tests.package.hub_server import TOKEN, serve
from tests.toy_commands import TREES


@pytest.fixture
def hub():
    with serve() as hub:
        yield hub


def upload(hub, tmp_path, *arguments, token=TOKEN):
    """The command in a process whose client asks the stand-in, and knows no token but this one."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    if token is not None:
        environment["HF_TOKEN"] = token
    command = [sys.executable, "-m", "espnet_atat.bin.upload", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_dry_run_lists_files_and_sizes(make_zip, capsys):
    main([str(make_zip()), "--hf_repo", "someone/small", "--dry_run"])
    lines = capsys.readouterr().out.splitlines()
    assert "           7  exp/model.pth" in lines
    assert lines[-1].endswith("bytes in 9 files would go to someone/small; nothing was sent")


def test_a_folder_gets_a_package_that_opens(make_zip, tmp_path):
    folder = tmp_path / "published"
    main([str(make_zip()), "--folder", str(folder)])
    main([str(make_zip()), "--folder", str(folder)])  # an older package is replaced
    with open_package(folder) as package:
        assert package.manifest.name == "small"


def test_a_folder_with_other_things_is_left_alone(make_zip, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other files and no package"):
        main([str(make_zip()), "--folder", str(tmp_path / "mine")])
    assert (tmp_path / "mine/thesis.txt").read_text() == "years of work"


def test_what_nobody_could_load_is_not_published(make_zip, tmp_path):
    with pytest.raises(UserError, match="names no train_config"):
        main([str(make_zip({"meta.yaml": "files: {}\nyaml_files: {}\n"})), "--folder", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_without_a_token_nothing_is_sent(hub, make_zip, tmp_path):
    absent = upload(hub, tmp_path, make_zip(), "--hf_repo", "someone/small", token=None)
    assert absent.returncode == 2
    assert absent.stderr.count("\n") == 1
    assert "error: no token of the hub, so nothing was sent" in absent.stderr
    assert hub.requests == []
    wrong = upload(hub, tmp_path, make_zip(), "--hf_repo", "someone/small", token="hf_wrong")
    assert wrong.returncode == 2
    assert "asked about the token, and nothing was sent" in wrong.stderr
    # It was asked things (of its own accord the client asks more than who we are), and given nothing.
    assert hub.requests[-1] == "GET /api/whoami-v2"
    assert all(request.startswith("GET ") for request in hub.requests)
    named = upload(hub, tmp_path, make_zip(), "--hf_repo", "small")
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
    with pytest.raises(UserError, match="not to be had from the hub either"):
        read_manifest(f"{hub.address}/zoo/resolve/main/absent.zip")


@pytest.mark.slow
def test_up_to_the_hub_and_down_again(hub, toy_package, tmp_path):
    done = upload(hub, tmp_path, toy_package, "--hf_repo", "someone/toy", "--private")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"uploaded to {hub.address}/someone/toy"
    with zipfile.ZipFile(toy_package) as archive:
        sent = {name: archive.read(name) for name in archive.namelist()}
    assert hub.repositories["someone/toy"] == sent
    assert hub.private == {"someone/toy"}

    # Another machine: espnet_model_zoo's downloader, by the name alone.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "other"), "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    from tests.toy_package import write_command

    recording = write_command(tmp_path / "stop.wav", 1)
    command = [sys.executable, "-m", "espnet_atat.bin.atat", "understand", "--model", "someone/toy", str(recording)]
    understood = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert understood.returncode == 0, understood.stderr
    assert understood.stdout == f"{TREES[1]}\n"
    absent = [*command[:-2], "someone/absent", str(recording)]
    refused = subprocess.run(absent, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "error: someone/absent: not there, and not to be had from the hub either" in refused.stderr
