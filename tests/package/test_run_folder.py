"""Training runs: which model is meant, and where the paths of a configuration lead from elsewhere."""

import pytest
import yaml

from espnet_atat.errors import UserError
from espnet_atat.graph.work import working
from espnet_atat.package.run_folder import find_run


@pytest.fixture
def run(tmp_path):
    """A run whose paths are from the repository's root, which is not the working directory."""
    folder = tmp_path / "clone/exp/runs/finetune-0a"
    folder.mkdir(parents=True)
    tokenizer = tmp_path / "clone/exp/runs/tokens-0b/text_tokenizer"
    tokenizer.mkdir(parents=True)
    config = {"output_dir": "exp/runs/finetune-0a", "text_tokenizer": "exp/runs/tokens-0b/text_tokenizer"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_paths_are_found_from_anywhere(run, tmp_path, monkeypatch):
    (run / "valid.acc.ave.pth").touch()
    for place in (tmp_path, tmp_path / "clone"):
        monkeypatch.chdir(place)
        found = find_run(run)
        assert found.model_file == run / "valid.acc.ave.pth"
        assert place / found.text_tokenizer == tmp_path / "clone/exp/runs/tokens-0b/text_tokenizer"
    (run / "config.yaml").write_text(yaml.safe_dump({"text_tokenizer": "bert-base-uncased"}))  # a hub's name
    assert find_run(run).text_tokenizer == "bert-base-uncased"
    with pytest.raises(UserError, match="neither a package"):
        find_run(tmp_path)


def test_the_model_that_decoding_takes_is_meant(run):
    for name in ("valid.acc.ave.pth", "valid.loss.ave.pth", "3epoch.pth"):
        (run / name).touch()
    with pytest.raises(UserError, match=r"which model is meant\? .* there are: 3epoch\.pth, valid\.acc\.ave\.pth"):
        find_run(run)
    with working(run, "config", in_place=True, notes={"model": "3epoch.pth"}):
        pass
    assert find_run(run).model_file.name == "3epoch.pth"
