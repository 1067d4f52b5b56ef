"""The plan that is printed before there is data."""

import pytest

from espnet_atat.bin.run_systems import main
from espnet_atat.errors import UserError
from tests.recipe.world import FILES, write_recipe


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """The recipe without any data; ``folded`` is a cross validation."""
    monkeypatch.chdir(tmp_path)
    folded = (
        FILES["rows/old"].replace("toy/test", '"toy/fold{fold}_test"').replace("mixture: pretrain", "mixture: folds")
    )
    mixture = FILES["mixtures/new_words"].replace("toy/new", '"toy/fold{fold}_train"')
    write_recipe(tmp_path, "toy", {**FILES, "rows/folded": f"{folded}folds: 3\n", "mixtures/folds": mixture})
    return tmp_path


@pytest.mark.usefixtures("recipe")
def test_every_stage_of_every_system_is_named(capsys):
    main(["--recipe", "toy", "--dry_run", "--seeds", "1,2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "stages 7 to 14, named when the stages before are done (dump/toy/audio: has no feats.scp"
    )
    assert lines[6:] == [
        "  zeroshot: the new domain from text",
        "    stage 7: tokens by egs2/atat/toy/conf/tokens.yaml",
        "    stages 9 and 10: egs2/atat/toy/conf/pretrain.yaml on slu toy/audio, asr toy/audio, nlu toy/words "
        "(mixture pretrain)",
        "    stage 11: egs2/atat/toy/conf/finetune.yaml on nlu toy/new (mixture new_words)",
        "    stages 12 and 13: toy/test (nlu), by decode, decode_tree",
        "    seed 1, 2",
    ]


@pytest.mark.usefixtures("recipe")
def test_folds_are_counted_and_the_first_is_shown(capsys):
    main(["--recipe", "toy", "--system", "folded", "--dry_run"])
    printed = capsys.readouterr().out
    assert "on nlu toy/fold1_train (" in printed
    assert "toy/fold1_test (slu)" in printed
    assert "    seed 1; fold 1, 2, 3 (the sets above are of fold 1)" in printed
    main(["--recipe", "toy", "--system", "folded", "--dry_run", "--fold", "2"])
    assert capsys.readouterr().out.endswith("    seed 1; fold 2\n")


def test_a_file_that_is_missing_is_named(recipe):
    (recipe / "egs2/atat/toy/conf/finetune.yaml").unlink()
    with pytest.raises(UserError, match=r"no finetune\.yaml in egs2/atat/toy/conf"):
        main(["--recipe", "toy", "--system", "zeroshot", "--dry_run"])
