"""A recipe's own file."""

from dataclasses import fields

import pytest

from espnet_atat.config.recipe import Align, SplicedSet, load_recipe, recipe_names
from espnet_atat.corpora.listing import corpus_path
from espnet_atat.errors import UserError
from espnet_atat.speech.alignment.aligners import OF_GENTLE
from espnet_atat.speech.augmentation.chain import Chain, Silence
from espnet_atat.speech.masking import MaskConfig
from espnet_atat.stages import OF_ALIGNER
from tests.steps.world import write_recipe

FULL = """
corpus: [$FIRST, $SECOND]
prepare: [--folds, "5"]
environment: [SPLITS]
augment: [train]
synthesize: {sets: [train, test@flite], options: {voices: [rms]}}
mask: {sets: [train], options: {ratio: 0.2}}
splice: {from: [train], sets: {cut: {number: 30, text: lines}}}
mixtures: {m: {train: [{task: asr, set: toy/train}], valid: []}}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(text=FULL):
        write_recipe(tmp_path, "toy", {})
        (tmp_path / "egs2/atat/toy/recipe.yaml").write_text(text)
        return load_recipe("toy")

    return load


def test_a_recipe_is_read_whole(load):
    recipe = load()
    assert (recipe.prepare, recipe.environment, recipe.augment) == (("--folds", "5"), ("SPLITS",), ("train",))
    assert (recipe.synthesize.sets, recipe.synthesize.engine) == (("train", "test@flite"), "pico")
    assert (recipe.align.aligner, recipe.mask.sets) == ("sphinx", ("train",))
    assert recipe.mask.options == MaskConfig(ratio=0.2)
    assert (recipe.splice.from_, recipe.splice.sets) == (("train",), {"cut": SplicedSet(text="lines", number=30)})
    assert recipe.mixtures["m"].train == ({"task": "asr", "set": "toy/train"},)
    with pytest.raises(UserError, match="egs2/atat: unknown recipe 'toys', perhaps 'toy'; known: toy"):
        load_recipe("toys")


def test_a_recipe_has_the_options_of_the_aligner_that_the_driver_has():
    assert tuple(field.name for field in fields(Align)) == OF_ALIGNER
    assert {*OF_ALIGNER} - {"aligner"} == OF_GENTLE.keys() - {"gentle_dir", "gentle_python"}


@pytest.mark.parametrize("name", ["../../../evil", "../atat/toy", "toy/", "/evil", ""])
def test_a_name_that_leads_elsewhere_is_no_recipe(load, tmp_path, name):
    """Its scripts would be run."""
    load()
    (tmp_path.parent / "evil").mkdir(exist_ok=True)
    (tmp_path.parent / "evil/recipe.yaml").write_text(FULL)
    with pytest.raises(UserError, match="egs2/atat: unknown recipe"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[--folds", "[5, --folds", r"prepare, entry 1: is a text, found 5"),
        ("sets: {cut:", "sets: {cut: {numbers: 3}, other:", r"splice: sets: cut: unknown key 'numbers', perhaps"),
        ("voices: [rms]", "voicess: [rms]", r"synthesize: options: unknown key 'voicess', perhaps 'voices'"),
        ("voices: [rms]", "voices: rms", r"synthesize: options: voices: is a list, found 'rms'"),
        ("voices: [rms]", "seed: x", r"synthesize: options: seed: is a whole number, found 'x'"),
        (
            "corpus:",
            "license: {name: mit, file: nowhere}\ncorpus:",
            r"recipe\.yaml: license: file: nowhere: no such file",
        ),
        ("ratio: 0.2", "rate: 0.2", r"mask: options: unknown key 'rate', perhaps 'ratio'; known: ratio, fill, seed"),
        ("[$FIRST, $SECOND]", '"a\\0b"', "a text has the character NUL"),
        ("[$FIRST, $SECOND]", "1" * 5000, r"recipe\.yaml: not YAML: Exceeds the limit"),
        ("[$FIRST, $SECOND]", "[" * 5000, r"recipe\.yaml: not YAML: "),
    ],
)
def test_mistakes_are_named(load, old, new, message):
    assert old in FULL
    with pytest.raises(UserError, match=message):
        load(FULL.replace(old, new))


def test_what_is_shipped_says_what_stages_1_to_5_make(root, monkeypatch):
    monkeypatch.chdir(root)
    assert recipe_names() == [
        *("an4", "broad", "common_voice", "custom", "fsc", "librispeech", "mini", "mls", "slurp", "snips", "stop"),
        *("switchboard", "top"),
    ]
    mini = load_recipe("mini")
    assert mini.corpus == "egs2/atat/mini/corpus"
    assert (mini.mask.sets, mini.splice.from_) == (("sentences_train",), ("sentences_train", "music_train"))
    silence = Silence(seconds=(0, 1), decibels=(-90, -10), probability=0.5)
    ends = Chain((silence,))
    assert mini.splice.sets["spliced_train"] == SplicedSet(number=3000, shortest=4, longest=9, effects=ends)
    assert mini.splice.sets["music_spliced"].effects == ends
    monkeypatch.setenv("STOP", "/corpora/stop")
    assert str(corpus_path("stop", load_recipe("stop").corpus)) == "/corpora/stop"
