"""A system's and a table's YAML."""

import pytest

from espnet_atat.config.system import Phase, TestSet, load_system
from espnet_atat.config.table import load_table
from espnet_atat.errors import UserError
from espnet_atat.text.growth import BPEGrowth
from tests.steps.world import FILES, write_recipe


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a system ``s`` of the recipe ``toy`` with some lines replaced; gives the reader of it."""
    monkeypatch.chdir(tmp_path)

    def write(old: str = "", new: str = "", text: str = FILES["rows/zeroshot"]):
        assert old in text
        write_recipe(tmp_path, "toy", {"rows/s": text.replace(old, new) if old else text})
        return load_system("toy", "s")

    return write


def test_a_system_is_read_with_its_defaults(write):
    system = write()
    assert (system.recipe, system.name, system.title) == ("toy", "s", "the new domain from text")
    assert system.pretrain == Phase(config="pretrain", mixture="pretrain")
    assert system.finetune == Phase(config="finetune", mixture="new_words")
    assert system.decode == ("decode", "decode_tree")
    assert system.test == (TestSet(set="toy/test", task="nlu"),)
    assert (system.tokens, system.seeds, system.folds, system.hypothesis, system.dev) == (
        "tokens",
        (1,),
        None,
        "frame",
        (),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "titel:", r"systems/s\.yaml: unknown key 'titel'; known: title, pretrain, test"),
        ("title: the new domain from text", "", r"systems/s\.yaml: the key 'title' is missing"),
        ("config: finetune, ", "", r"systems/s\.yaml: finetune: the key 'config' is missing"),
        (
            "config: finetune",
            "config: finetune, epochs: 3",
            r"finetune: unknown key 'epochs'; known: config, mixture, model, options, keep",
        ),
        ("config: finetune", "config: finetune, options: [3]", r"finetune: options is a mapping of training options"),
        ("config: finetune", "config: finetune, keep: []", r"finetune: keep is a list of parameters' names"),
        ("config: finetune", "config: finetune, keep: decoder", r"finetune: keep: is a list, found 'decoder'"),
        ("config: pretrain", "keep: [decoder], config: pretrain", r"pretrain: keep is of finetune: a pretraining has"),
        (
            "config: finetune",
            "config: finetune, grow_bpe: {sizes: 3}",
            r"grow_bpe: unknown key 'sizes'; known: size, pieces_per_word",
        ),
        ("config: finetune", "config: finetune, grow_bpe: {size: x}", r"finetune: grow_bpe: size is a whole number"),
        ("config: finetune", "config: finetune, grow_bpe: 3", r"grow_bpe: wants the keys size, pieces_per_word, found"),
        ("config: pretrain", "grow_bpe: true, config: pretrain", r"pretrain: grow_bpe is of finetune"),
        (
            "config: finetune",
            "config: finetune, keep: [audio_encoder], grow_bpe: true",
            r"finetune: grow_bpe goes with the old embedding",
        ),
        ("title:", "overrides: [x]\ntitle:", r"unknown key 'overrides'; known: title, pretrain, test"),
        ("decode: [decode,", "decode: [mini/decode,", r"decode: 'mini/decode' cannot name a folder of results"),
        ("task: nlu", "task: slug", r"test, entry 1: unknown task 'slug'"),
        ("set: toy/test", "set: test", r"test, entry 1: set is recipe/name, found 'test'"),
        ("task: nlu", "task: nlu, source: video", r"source is one of speech, text_in, found 'video'"),
        ("test: [", "test: [{set: other/test, task: slu}, ", r"the set test is decoded twice"),
        ("title:", "seeds: [1, x]\ntitle:", r"seeds: is a list of whole numbers"),
        ("title:", "seeds: 1\ntitle:", r"seeds: is a list, found 1"),
        ("title:", "hypothesis: words\ntitle:", r"hypothesis is one of frame, tags, found 'words'"),
        ("title:", "folds: 5\ntitle:", r"'folds' and test sets with \{fold\} go together"),
        ("title: the", "title: [the", r"systems/s\.yaml: not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_file(write, old, new, message):
    with pytest.raises(UserError, match=message):
        write(old, new)


def test_a_finetuning_may_grow_the_bpe_model_and_a_call_may_say_otherwise(write):
    plain = write()
    assert plain.finetune.grow_bpe is None
    assert plain.growing_bpe(None) is plain
    told = plain.growing_bpe(True)
    assert (told.finetune.grow_bpe, told.overrides) == (BPEGrowth(500, 3), ("--grow_bpe true",))
    assert write("config: finetune", "config: finetune, grow_bpe: true").finetune.grow_bpe == BPEGrowth()
    own = write("config: finetune", "config: finetune, grow_bpe: {size: 60}")
    assert own.growing_bpe(True).finetune.grow_bpe == BPEGrowth(60, 3), "the call does not change how"
    assert own.growing_bpe(False).finetune.grow_bpe is None
    fresh = write("config: finetune", "config: finetune, keep: [audio_encoder]")
    assert fresh.growing_bpe(True) is fresh, "its token list is a new one"


def test_an_unknown_system_lists_the_known_ones(write):
    write()
    with pytest.raises(UserError, match=r"no t\.yaml in egs2/atat/toy/systems; there are: s"):
        load_system("toy", "t")


def test_yaml_builds_no_objects(write):
    with pytest.raises(UserError, match="not YAML"):
        write("the new domain from text", "!!python/object/apply:os.getcwd []")


def test_folds_fill_the_names_of_sets(write):
    system = write("toy/test", '"toy/fold{fold}_test"', FILES["rows/zeroshot"].replace("title:", "folds: 2\ntitle:"))
    assert [system.of_fold(fold).test[0].set for fold in (1, 2)] == ["toy/fold1_test", "toy/fold2_test"]
    for fold in (0, 3, None):
        with pytest.raises(UserError, match="has the folds 1 to 2"):
            system.of_fold(fold)


def test_a_system_without_folds_has_none(write):
    with pytest.raises(UserError, match="has no folds; asked for 2"):
        write().of_fold(2)


def test_a_table_is_found_by_number_or_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, "toy", {"tables/table3.yaml": "title: three\nrows: {a, b}\n", "tables/x.yaml": "title: x"})
    table = load_table("toy", "3")
    assert (table.name, table.title, table.systems) == ("table3", "three", ("a", "b"))
    with pytest.raises(UserError, match=r"tables/x\.yaml: the key 'systems' is missing"):
        load_table("toy", "x")


def test_a_table_may_name_its_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "title: x\nrows: {a}\nfigures: "
    write_recipe(tmp_path, "toy", {"tables/x.yaml": f"{text}[hyper]", "tables/y.yaml": f"{text}[hipper]"})
    assert load_table("toy", "x").figures == ("hyper",)
    with pytest.raises(UserError, match="unknown figure 'hipper'; known: em_hypothesis, em_full, hyper"):
        load_table("toy", "y")
