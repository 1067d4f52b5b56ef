"""Stage 16, with a client that notes what it is asked; with a real package: ``test_stage15_pack``."""

from pathlib import Path

import pytest

from tests.steps.world import run

ZIP = Path("exp/toy/packages/toy_zeroshot_seed1.zip")


@pytest.fixture
def sent(world, monkeypatch) -> list[tuple[str, bool]]:  # noqa: ARG001 (its directory)
    ZIP.parent.mkdir(parents=True)
    ZIP.write_bytes(b"a model")
    asked: list[tuple[str, bool]] = []

    def to_hub(package: Path, repository: str, *, private: bool) -> str:
        assert package == ZIP
        asked.append((repository, private))
        return f"https://hub/{repository}"

    monkeypatch.setattr("espnet_atat.steps.stage15_pack.to_hub", to_hub)
    monkeypatch.setattr("espnet_atat.steps.stage15_pack.contents_of", lambda package: {package.name: 7})
    return asked


def upload(repository: str, *options: str) -> None:
    stage_16("--hf_repo", repository, *options)


def stage_16(*options: str) -> None:
    run("--system", "zeroshot", "--stage", "16", "--stop_stage", "16", *options)


def test_a_package_goes_to_a_repository_once(sent, capsys):
    upload("me/toy", "--dry_run")
    assert f"to be made (of {ZIP})" in capsys.readouterr().out
    assert not sent
    upload("me/toy")
    assert "uploaded to https://hub/me/toy" in capsys.readouterr().out
    upload("me/toy")
    assert f"{ZIP.stem}.uploaded: done already" in capsys.readouterr().out
    assert sent == [("me/toy", False)]
    upload("me/toy", "--force")
    upload("us/toy", "--private")
    ZIP.write_bytes(b"a better one")
    upload("us/toy")
    assert sent[1:] == [("me/toy", False), ("us/toy", True), ("us/toy", False)]


def test_a_package_goes_to_a_folder_once(sent, monkeypatch, capsys):
    def to_folder(package: Path, folder: Path) -> None:
        (folder / "model").write_bytes(package.read_bytes())

    monkeypatch.setattr("espnet_atat.steps.stage15_pack.to_folder", to_folder)
    stage_16("--upload_dir", "given")
    assert Path("given/model").read_bytes() == b"a model"
    capsys.readouterr()
    stage_16("--upload_dir", "given")
    assert "given: done already" in capsys.readouterr().out
    assert not sent


def test_a_plan_sends_nothing(sent, monkeypatch):
    monkeypatch.setattr("espnet_atat.steps.driver.build", lambda node, request: None)  # noqa: ARG005
    upload("me/toy")
    assert not sent
