"""A mistake in anything that a row names is found when the row is selected, and named with its place."""

from pathlib import Path

import pytest

from espnet_atat.errors import UserError
from tests.steps.world import FILES, row_file, selected, write_recipe

pytestmark = pytest.mark.usefixtures("world")

FINETUNE = "mixture: new_words}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pretrain.options.max_epohc=1", "pretrain: options: unknown option 'max_epohc', perhaps 'max_epoch'; python"),
        ("pretrain.options.max_epoch=abc", "pretrain: options: max_epoch: is a whole number, found 'abc'"),
        ("pretrain.options.seed=3", "pretrain: options: seed: is set by the row's seeds or --seeds: leave it out"),
        ("pretrain.options.output_dir=x", "pretrain: options: output_dir: is set by the plan: leave it out"),
        ("pretrain.options.train_shape_file=[x]", "pretrain: options: train_shape_file: is set by the row's mixture"),
        ("finetune.options.freeze_param=[audio_encodr]", "freeze_param: unknown part of the model 'audio_encodr', per"),
        ("finetune.keep=[decodr.embed]", "finetune: keep: unknown part of the model 'decodr', perhaps 'decoder'"),
        ("pretrain.model=valid.foo.best.pth", r"pretrain: model: training writes valid\.acc.*found 'valid\.foo\.best"),
        ("pretrain.options.best_model_criterion=[[valid]]",
         r"best_model_criterion: entry 1 is a list such as .*\['valid'"),
        ("pretrain.options.best_model_criterion=[valid, acc, max]",
         "best_model_criterion: entry 1 is a list .*'valid'"),
        ("pretrain.model=0epoch.pth", r"pretrain: model: training writes .*found '0epoch\.pth'"),
        ("pretrain.options.max_epoch=null", "pretrain: options: max_epoch: is not null"),
        ("pretrain.options.use_amp=1", "pretrain: options: use_amp: is true or false, found 1"),
        ("pretrain.options.keep_nbest_models=null", "pretrain: options: keep_nbest_models: is not null"),
        ("pretrain.options.log_level=info", "log_level: is one of ERROR, WARNING, INFO, DEBUG, NOTSET, found 'info'"),
        ("pretrain.options.ctc_unit=word", "ctc_unit: is one of char, token, null, found 'word'"),
        ("pretrain.options.cpu_processes=0", "cpu_processes: is a whole number from 1, found 0"),
        ("pretrain.options.decoder_conf.num_blokcs=3", "decoder_conf: unknown key 'num_blokcs', perhaps 'num_blocks'"),
        ("pretrain.options.decoder_conf=3", "pretrain: options: decoder_conf: is a mapping, found 3"),
        ("pretrain.options.audio_encoder_conf.blocks_conf={linear: 3}",
         "options: audio_encoder_conf: blocks_conf of transformer: unknown key 'linear'"),
        ("finetune.options.optim_conf.momentum=1", "optim_conf of adam: unknown key 'momentum'"),
        ("finetune.options.optim=sgdd", "optim: is one of adam, adamw, .*, found 'sgdd'"),
        ("finetune.mixture=new_word", "finetune: recipe toy: unknown mixture 'new_word', perhaps 'new_words'"),
        ("finetune.config=fine", r"no fine\.yaml in egs2/atat/toy/conf nor in conf"),
        ("decode=[decode_tre]", r"no decode_tre\.yaml in egs2/atat/toy/conf"),
        ("tokens.bpe_sise=5", "tokens: unknown key 'bpe_sise', perhaps 'bpe_size'"),
        ("pretrain.options.text_pace=-1", "pretrain: text_pace is a number of states from 0 to 100, found -1"),
        ("pretrain.options={text_pace: 1.0, text_encoder: null}", "pretrain: text_pace needs a text encoder"),
        ("pretrain.options={waveform_augment_conf: {babble: {snr: 6}}}", "babble: sounds is missing"),
        ("pretrain.options.text_encoder_conf.model=m",
         "text_encoder_conf: model names .* config describes .*: set one of"),
        ("pretrain.options.text_tokenizer=t",
         "wordpiece_size trains a tokenizer, and text_tokenizer names one: leave one"),
        ("pretrain.options.text_encoder_conf={model: m, config: null}",
         "wordpiece_size trains a tokenizer, and text_encoder_conf: model names one: leave one"),
        ("tokens={bpe_size: 5}", "pretrain: the text encoder has no tokenizer: tokens: wordpiece_size trains one"),
        ("lm={nlayerz: 3}", "lm: as the row says it: unknown option 'nlayerz'"),
        ("lm={lm_conf: {nlayerz: 3}}", "lm_conf of seq_rnn: unknown key 'nlayerz', perhaps 'nlayers'"),
    ],
)  # fmt: skip
def test_an_option_that_is_wrong_is_named_with_its_row(setting, message):
    with pytest.raises(UserError, match=rf"^egs2/atat/toy/tables/of_zeroshot\.yaml: zeroshot with .*: .*{message}"):
        selected("--system", "zeroshot", "--set", setting)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("conf/pretrain.yaml", "max_epoch", "max_epohc",
         r"pretrain: .*conf/pretrain\.yaml: unknown option 'max_epohc'"),
        ("conf/decode.yaml", "beam_size", "beam_sise",
         r"conf/decode\.yaml: unknown key 'beam_sise', perhaps 'beam_size'"),
        ("conf/decode.yaml", "beam_size: 2", "batch_size: no",
         r"conf/decode\.yaml: batch_size is a whole number from 1"),
        ("conf/decode.yaml", "beam_size: 2", "oov_penalty: 7\nlexicon: words.txt",
         r"conf/decode\.yaml: a package brings no lexicon"),
        ("conf/decode.yaml", "beam_size: 2", "lm_weight: 0.1\nbeam_size: 2", r"no lm\.yaml in egs2/atat/toy/conf"),
        ("conf/tokens.yaml", "bpe_size", "bpe_sise", r"conf/tokens\.yaml: unknown key 'bpe_sise'"),
        ("rows/zeroshot", FINETUNE, "mixture: new_words, options: {patience: x}}",
         "finetune: options: patience: is a wh"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_named_with_the_row_that_names_it(world, name, old, new, message):
    path = row_file(world, "toy", "zeroshot") if name.startswith("rows") else world / "egs2/atat/toy" / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=rf"^egs2/atat/toy/tables/of_zeroshot\.yaml: zeroshot: .*{message}"):
        selected("--system", "zeroshot")


def test_words_are_spelled_by_a_ctc_over_characters(world):
    path = world / "egs2/atat/toy/conf/decode.yaml"
    path.write_text(f"{path.read_text()}oov_penalty: 7\n")
    assert selected("--system", "zeroshot")
    with pytest.raises(
        UserError,
        match=r"zeroshot with .*: decode: a configuration has oov_penalty, .*, or name a configuration without",
    ):
        selected("--system", "zeroshot", "--set", "pretrain.options.ctc_unit=token")
    text = "[{set: toy/test, task: nlu, source: text_in}]"
    assert selected("--system", "zeroshot", "--set", "pretrain.options.ctc_unit=token", "--set", f"test={text}")


def test_reading_goes_without_a_ctc_over_tokens_in_the_search(world):
    path = world / "egs2/atat/toy/conf/decode.yaml"
    path.write_text(f"{path.read_text()}reading_weight: 1\nctc_weight: 0.3\n")
    assert selected("--system", "zeroshot")
    with pytest.raises(UserError, match=r"reading_weight and ctc_weight, .* or set ctc_weight: 0"):
        selected("--system", "zeroshot", "--set", "pretrain.options.ctc_unit=token")


def test_a_fold_is_of_a_row_that_has_it():
    with pytest.raises(UserError, match=r"of_zeroshot\.yaml: zeroshot: system zeroshot has no folds; asked for 2"):
        selected("--system", "zeroshot", "--fold", "2")


def test_exponents_are_numbers_in_files_too(world):
    row = FILES["rows/zeroshot"].replace(FINETUNE, "mixture: new_words, options: {optim_conf: {lr: 1e-3}}}")
    write_recipe(world, "toy", {"rows/zeroshot": row})
    (system,) = selected("--system", "zeroshot").systems
    assert system.finetune.options == {"optim_conf": {"lr": 0.001}}


@pytest.mark.parametrize("model", ["valid.acc.best.pth", "valid.acc.ave_3best.pth", "latest.pth", "12epoch.pth"])
def test_any_model_that_training_writes_may_be_taken(model):
    assert selected("--system", "zeroshot", "--set", f"pretrain.model={model}")


def test_a_mistake_in_what_a_row_inherits_is_shown_where_it_was_made():
    write_recipe(Path(), "toy", {"rows/heir": "base: zeroshot\ntitle: heir\n"})
    file = row_file(Path(), "toy", "zeroshot")
    file.write_text(file.read_text().replace(FINETUNE, "mixture: new_word}"))
    with pytest.raises(UserError, match=r"^egs2/atat/toy/tables/of_zeroshot\.yaml: zeroshot: finetune: .*'new_word'"):
        selected("--system", "heir")
