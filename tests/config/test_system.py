"""A row as it is read."""

import pytest

from espnet_atat.config.system import Phase, TestSet
from espnet_atat.errors import UserError
from espnet_atat.text.growth import BPEGrowth
from tests.steps.world import FILES


@pytest.fixture
def write(row_writer):
    return row_writer("toy", FILES["rows/zeroshot"])


def test_a_system_is_read_with_its_defaults(write):
    system = write()
    assert (system.recipe, system.name, system.title) == ("toy", "s", "the new domain from text")
    assert system.pretrain == Phase(config="pretrain", mixture="pretrain")
    assert system.finetune == Phase(config="finetune", mixture="new_words")
    assert system.decode == ("decode", "decode_tree")
    assert system.test == (TestSet(set="toy/test", task="nlu"),)
    assert (system.tokens, system.lm, system.hypothesis) == ("tokens", "lm", "frame")
    assert (system.seeds, system.folds, system.dev) == ((1,), None, ())
    mixture = "mixture: {train: [{task: nlu, set: toy/new}], valid: [{task: nlu, set: toy/new}]}"
    assert write("mixture: new_words", mixture).finetune.mixture.name == "s"  # one that is spelled out is the row's


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "titel:", r"of_s\.yaml: s: unknown key 'titel', perhaps 'title'; known: title, pretrain, finetune"),
        ("config: finetune, ", "", r"s: finetune: the key 'config' is missing"),
        ("config: finetune", "config: finetune, epochs: 3", r"finetune: unknown key 'epochs'; known: config, mixture"),
        ("config: finetune", "config: finetune, options: [3]", r"finetune: options: is a mapping, found \[3\]"),
        ("config: finetune", "config: finetune, keep: []", r"finetune: keep names parameters or prefixes"),
        ("config: pretrain", "keep: [decoder], config: pretrain", r"pretrain: keep and grow_bpe apply to finetune"),
        ("config: finetune", "config: finetune, grow_bpe: {sizes: 3}", r"grow_bpe: unknown key 'sizes', perhaps 's"),
        ("config: finetune", "config: finetune, grow_bpe: {size: x}", r"grow_bpe: size: is a whole number, found 'x'"),
        ("config: finetune", "config: finetune, grow_bpe: 3", r"grow_bpe: is a mapping, found 3"),
        ("config: pretrain", "grow_bpe: true, config: pretrain", r"pretrain: keep and grow_bpe apply to finetune"),
        ("config: finetune", "config: finetune, keep: [ctc], grow_bpe: true", r"grow_bpe goes with the old embedding"),
        ("decode: [decode,", "decode: [mini/decode,", r"decode: 'mini/decode' cannot name a folder of results"),
        ("task: nlu", "task: nlu, source: video", r"source: is one of speech, text_in, found 'video'"),
        ("test: [", "test: [{set: other/test, task: slu}, ", r"the set test is decoded twice"),
        ("title:", "seeds: [true]\ntitle:", r"seeds, entry 1: is a whole number, found True"),
        ("title:", "seeds: [-1]\ntitle:", r"seeds are whole numbers from 0"),
        ("title:", "folds: 1\ntitle:", r"folds is a whole number from 2"),
    ],
)
def test_a_mistake_is_named_with_file_row_and_key(write, old, new, message):
    with pytest.raises(UserError, match=message):
        write(old, new)


def test_a_finetuning_may_grow_the_bpe_model(write):
    assert write().finetune.grow_bpe is None
    assert write("config: finetune", "config: finetune, grow_bpe: true").finetune.grow_bpe == BPEGrowth(500, 3)
    assert write("config: finetune", "config: finetune, grow_bpe: false").finetune.grow_bpe is None
    assert write("config: finetune", "config: finetune, grow_bpe: {size: 60}").finetune.grow_bpe == BPEGrowth(60, 3)


def test_folds_fill_the_names_of_sets(write):
    system = write("toy/test", '"toy/fold{fold}_test"', f"folds: 2\n{FILES['rows/zeroshot']}")
    assert [system.of_fold(fold).test[0].set for fold in (1, 2)] == ["toy/fold1_test", "toy/fold2_test"]
    for fold in (0, 3, None):
        with pytest.raises(UserError, match="has the folds 1 to 2"):
            system.of_fold(fold)
    with pytest.raises(UserError, match="has no folds; asked for 2"):
        write().of_fold(2)
