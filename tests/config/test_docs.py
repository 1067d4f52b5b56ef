"""The examples of docs/tables.md, as a reader would use them."""

import dataclasses
import re
import shutil

import pytest

from espnet_atat.config.mixtures import Mixture, load_mixtures
from espnet_atat.config.recipe import Recipe
from espnet_atat.config.system import Phase, System, load_system
from espnet_atat.config.table import Table, load_table
from espnet_atat.config.training import load_token_config, load_training_config


@pytest.fixture
def page(root, tmp_path, monkeypatch):
    """The text of the page; the working directory holds a copy of the shipped files."""
    shutil.copytree(root / "conf", tmp_path / "conf")
    shutil.copytree(root / "egs2", tmp_path / "egs2", ignore=shutil.ignore_patterns("results", "corpus"))
    monkeypatch.chdir(tmp_path)
    return (root / "docs/tables.md").read_text()


def test_a_row_with_a_larger_decoder_is_four_lines_in_one_file(page, tmp_path):
    row = re.findall(r"```yaml\n(.*?)```", page, re.S)[0]
    assert len(row.splitlines()) <= 4
    path = tmp_path / "egs2/atat/snips/tables/table4.yaml"
    path.write_text(path.read_text().replace("\nrows:\n", f"\nrows:\n{row}"))
    assert load_table("snips", "4").systems[0] == "large_close"
    large, shipped = (load_system("snips", name) for name in ("large_close", "pretrained_close"))
    assert (large.finetune, large.test) == (shipped.finetune, shipped.test)
    one, other = (load_training_config("snips", system.pretrain) for system in (large, shipped))
    assert {key for key in one if one[key] != other[key]} == {"decoder_conf"}
    assert one["decoder_conf"] == {**other["decoder_conf"], "num_blocks": 12}


def test_a_corpus_of_one_s_own_with_three_systems_is_one_file(page, tmp_path):
    (tmp_path / "egs2/atat/custom/tables/mine.yaml").write_text(re.findall(r"```yaml\n(.*?)```", page, re.S)[1])
    table = load_table("custom", "mine")
    assert table.baseline == {"speech_and_text": "speech_only", "tuned": "speech_only"}
    systems = [load_system("custom", name) for name in table.systems]
    mixtures = [load_mixtures("custom", system.pretrain) for system in systems]
    # A row that starts from another trains nothing anew: the mixture is that row's, name included.
    assert [mixture.name for mixture in mixtures] == ["speech_only", "speech_and_text", "speech_and_text"]
    assert [[part.group for part in each.train] for each in mixtures[:2]] == [["slu-train"], ["slu-train", "nlu-train"]]
    assert load_mixtures("custom", systems[2].finetune).name == "tune"
    assert load_token_config("custom", systems[0].tokens)["bpe_size"] == 1000


def test_every_key_is_explained(page):
    for kind in (System, Phase, Table, Recipe, Mixture):
        given = {"recipe", "audio_choices", "overrides", "row"} | (set() if kind is Mixture else {"name"})
        keys = [field.name for field in dataclasses.fields(kind) if field.name not in given]
        assert [key for key in keys if f"`{key}`" not in page] == [], kind
