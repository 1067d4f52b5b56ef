"""A pipeline's YAML."""

import pytest

from espnet_atat.baselines.config import BilstmConfig, CrfConfig
from espnet_atat.config.layout import FOLD, filled
from espnet_atat.config.mixtures import load_mixtures
from espnet_atat.config.system import load_system
from espnet_atat.config.table import load_table
from espnet_atat.config.two_stage import FirstStage, Pipeline
from espnet_atat.errors import UserError
from tests.steps.lamps import ORACLE


@pytest.fixture
def write(row_writer):
    return row_writer("lamps", ORACLE)


def test_a_pipeline_is_read_with_its_defaults_and_its_seed_is_the_system_s(write):
    system = write()
    assert system.pipeline == Pipeline(tagger="crf", data=("lamps/train",))
    assert system.first_stage == FirstStage(oracle=True)
    assert (system.pretrain, system.finetune, system.decode) == (None, None, ("oracle",))
    assert system.pipeline.config(seed=3) == CrfConfig()
    text = ORACLE.replace("crf, ", "bilstm_crf, options: {epochs: 3, lr: 1}, ")
    assert write(text=text).pipeline.config(seed=3) == BilstmConfig(epochs=3, lr=1.0, seed=3)
    assert not write().pipeline.has_seed


def test_a_first_stage_names_the_folder_of_results(write):
    german = write("oracle: true", "whisper: small, language: de").first_stage
    assert german == FirstStage(whisper="small", language="de")
    assert write("oracle: true", "whisper: models/mine").decode == ("whisper",)
    transcripts = write("oracle: true", 'transcripts: "asr/{set}.{fold}"')
    assert filled(transcripts, FOLD, "2").first_stage.value == "asr/{set}.2"
    asr = "asr: decode_tree}\npretrain: {config: pretrain, mixture: pretrain"
    assert write("oracle: true", asr).decode == ("decode_tree",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tagger: crf", "tagger: hmm", r"s: pipeline: tagger: is one of crf, bilstm_crf, found 'hmm'"),
        ("[lamps/train]", "[]", r"pipeline: data is not empty"),
        ("[lamps/train]", "[train]", r"pipeline: data and pretrain_data: a set is recipe/name, found 'train'"),
        ("lamps/train", '"lamps/fold{fold}"', r"pipeline: data has \{fold\} in it, but the system has no folds"),
        ("tagger: crf", "tagger: crf, options: {c3: 1}", r"options: unknown key 'c3'; known: c1, c2, max_it"),
        ("tagger: crf", "tagger: crf, options: {max_iterations: 1.5}", r"max_iterations: is a whole number, found 1.5"),
        ("tagger: crf", "tagger: crf, options: {c1: -1}", r"pipeline: options: --c1 is from 0 to 1000000.0, found -1"),
        ("tagger: crf", "tagger: bilstm_crf, options: {seed: 2}", r"options: the seed is that of the row"),
        ("tagger: crf", "tagger: crf, pretrain_data: [a/b]", r"pretrain_data and the option pretrain_epochs"),
        ("oracle: true", "oracle: yes please", r"first_stage: oracle: is true, found 'yes please'"),
        ("{oracle: true}", "oracle", r"first_stage: needs the keys asr, whisper"),
        ("oracle: true", "kaldi: x", r"first_stage: unknown key 'kaldi'; known: asr, whisper, transcripts, oracle"),
        ("oracle: true", "oracle: true, whisper: small", r"needs one of asr, .* found whisper, oracle"),
        ("oracle: true", "language: en", r"needs one of asr, whisper, transcripts, oracle, found none of them"),
        ("oracle: true", "oracle: true, language: de", r"first_stage: language goes with whisper"),
        ("oracle: true", "asr: mini/decode", r"asr: 'mini/decode' cannot name a folder of results"),
        ("oracle: true", "asr: decode", r"s: the key 'pretrain' is missing"),
        ("title:", "pretrain: {config: x, mixture: x}\ntitle:", r"pretrain and finetune go with first_stage: asr;"),
        ("first_stage: {oracle: true}", "", r"pipeline and first_stage go together"),
        ("title:", "decode: [decode]\ntitle:",
         r"decode does not apply to a pipeline, whose words come from its first_stage"),
        ("{oracle: true}\ntest: [{", "{whisper: small}\ntest: [{source: text_in, ",
         "whisper hears speech; text_in goes with"),
        ("task: nlu", "task: asr", r"lamps/test: a pipeline writes trees: task is slu or nlu, found asr"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(write, old, new, message):
    with pytest.raises(UserError, match=message):
        write(old, new)


def test_mini_s_pipelines_learn_what_the_other_rows_of_their_table_learn(root, monkeypatch):
    monkeypatch.chdir(root)
    systems = [load_system("mini", name) for name in load_table("mini", "2").systems]
    e2e, zeroshot = load_system("mini", "music_e2e_100"), load_system("mini", "books_zeroshot")
    trees = tuple(part.set for part in load_mixtures("mini", e2e.pretrain).train)
    books = tuple(part.set for part in load_mixtures("mini", zeroshot.finetune).train)
    assert [system.pipeline.data for system in systems if system.pipeline] == [*[trees] * 5, books]
    asr = load_system("mini", "music_pipeline_asr_crf")
    assert asr.pretrain == load_system("mini", "music_asr_mlm").pretrain  # so the run is trained once
