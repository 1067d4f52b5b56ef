"""A token list of one's own corpus, and one grown from it."""

from pathlib import Path

import pytest

from espnet_atat.bin.token_list import main
from espnet_atat.datadir import write_two_column
from espnet_atat.errors import UserError
from espnet_atat.text.growth import BPEGrowth, grow
from espnet_atat.text.tokenizer import TargetTokenizer
from tests.text.test_growth import LONG_TARGETS
from tests.toy import UTTERANCES


@pytest.fixture
def old(tmp_path: Path) -> Path:
    write_two_column(tmp_path / "old_target", {f"o{n}": tree for n, (_, tree) in enumerate(UTTERANCES)})
    write_two_column(tmp_path / "new_target", {f"n{n}": tree for n, tree in enumerate(LONG_TARGETS)})
    main(["--targets", str(tmp_path / "old_target"), "--output_dir", str(tmp_path / "old"), "--bpe_size", "50"])
    return tmp_path / "old"


def call(old: Path, *options: str) -> TargetTokenizer:
    output = old.parent / "new"
    main(["--targets", str(old.parent / "new_target"), "--output_dir", str(output), *options])
    return TargetTokenizer.load(output)


def test_a_list_grows_as_stage_11_grows_it(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = TargetTokenizer.load(old)
    plain = call(old, "--grow_from", str(old))
    assert plain.vocabulary == grow(before, LONG_TARGETS).vocabulary
    finer = call(old, "--grow_from", str(old), "--grow_bpe", "true", "--bpe_size", "60")
    expected = grow(before, LONG_TARGETS, BPEGrowth(size=60))
    assert (finer.vocabulary, finer.grown_words) == (expected.vocabulary, expected.grown_words)
    added = len(finer.vocabulary) - len(before.vocabulary)
    assert f"{len(finer.vocabulary)} tokens, {added} new tokens, 2 words split differently" in capsys.readouterr().out


def test_a_folder_that_this_command_did_not_make_stays(old, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/data.csv").touch()
    with pytest.raises(UserError, match="mine was not made by this step"):
        main(["--targets", str(old.parent / "old_target"), "--output_dir", str(tmp_path / "mine"), "--bpe_size", "50"])
    assert (tmp_path / "mine/data.csv").exists()
