"""Shallow fusion: the language model sees its own symbols, and its score is what it gives the tokens."""

import pytest
import torch
from espnet2.lm.seq_rnn_lm import SequentialRNNLM
from espnet2.tasks.lm import LMTask

from espnet_atat.decode.lm_fusion import LanguageModel
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.errors import UserError
from espnet_atat.tasks.language_model import measure_perplexity


@pytest.fixture(scope="module")
def lm_tokens(vocabulary) -> list[str]:
    """Another order than the decoder's, no task tokens, ESPnet's end symbol last."""
    return ["<blank>", "<unk>", *sorted(vocabulary.tokens[7:], reverse=True), "<sos/eos>"]


@pytest.fixture(scope="module")
def network(lm_tokens) -> SequentialRNNLM:
    torch.manual_seed(0)
    return SequentialRNNLM(len(lm_tokens), unit=16, nlayers=1, dropout_rate=0.0).eval()


def test_the_score_is_the_models_own(trained, speech, network, lm_tokens, vocabulary):
    model = LanguageModel.of(vocabulary, network, lm_tokens)
    options = {"lm_weight": 0.7, "nbest": 3, "maxlen": 10, "constrain_trees": True}
    search = Speech2Understand(trained=trained, language_model=model, **options)
    for results in search.nbest(speech[:4]):
        for result in results:
            ids = [lm_tokens.index(token) for token in result.tokens]
            inputs = torch.tensor([[len(lm_tokens) - 1, *ids]])
            outputs = torch.tensor([*ids, len(lm_tokens) - 1])
            with torch.inference_mode():
                logits, _ = network(inputs, None)
            expected = float(-torch.nn.functional.cross_entropy(logits[0], outputs, reduction="sum"))
            assert result.scores["lm"] == pytest.approx(expected, abs=1e-3)
            assert result.score == pytest.approx(result.scores["decoder"] + 0.7 * expected, abs=1e-3)


def test_a_tag_that_the_language_model_lacks_is_named(vocabulary, network, lm_tokens):
    with pytest.raises(UserError, match=r"lacks 1 of the decoder's tokens, the first is '\[IN:BUY'"):
        LanguageModel.of(vocabulary, network, [token for token in lm_tokens if token != "[IN:BUY"])


def test_files_that_are_no_language_model_are_named(vocabulary, tmp_path):
    model = tmp_path / "lm.pth"
    with pytest.raises(UserError, match=r"config.yaml: no such file \(--lm_train_config\)"):
        LanguageModel.load(vocabulary, None, model)
    config = tmp_path / "config.yaml"
    config.write_text("lm: seq_rnn\n")
    model.write_bytes(b"rubbish")
    with pytest.raises(UserError, match="not the configuration of a language model"):
        LanguageModel.load(vocabulary, config, model)


@pytest.fixture(scope="module")
def trained_lm(lm_tokens, tmp_path_factory):
    """A folder in which ESPnet has trained a language model on one sentence until it knows nothing else."""
    folder = tmp_path_factory.mktemp("lm")
    (folder / "tokens.txt").write_text("".join(f"{token}\n" for token in lm_tokens))
    (folder / "text").write_text("".join(f"s{n} {SENTENCE}\n" for n in range(8)))
    (folder / "shape").write_text("".join(f"s{n} {len(SENTENCE.split())}\n" for n in range(8)))
    options = f"--output_dir {folder}/run --token_list {folder}/tokens.txt --token_type word --num_workers 0"
    for split in ("train", "valid"):
        options += f" --{split}_data_path_and_name_and_type {folder}/text,text,text"
        options += f" --{split}_shape_file {folder}/shape"
    options += " --lm transformer --lm_conf layer=1 --lm_conf att_unit=16 --lm_conf unit=16 --lm_conf dropout_rate=0.0"
    options += " --optim adam --optim_conf lr=0.02 --max_epoch 30 --batch_type numel --batch_bins 16"
    options += " --best_model_criterion valid,loss,min --keep_nbest_models 1 --use_matplotlib false"
    LMTask.main(cmd=[*options.split(), "--use_tensorboard", "false"])
    return folder


SENTENCE = "[IN:PLAY ▁play [SL:SONG ▁moon ] ]"


@pytest.mark.slow
def test_espnets_own_training_gives_a_language_model_that_steers_the_search(trained, vocabulary, speech, trained_lm):
    model = LanguageModel.load(vocabulary, None, trained_lm / "run/valid.loss.ave.pth")
    search = Speech2Understand(trained=trained, language_model=model, lm_weight=50.0, maxlen=12)
    assert {result.tree for result in search(speech[:4])} == {"[IN:PLAY play [SL:SONG moon ] ]"}
    without = Speech2Understand(trained=trained, maxlen=12)
    assert "[IN:PLAY play [SL:SONG moon ] ]" not in {result.tree for result in without(speech[:4])}


@pytest.mark.slow
def test_perplexity_is_that_of_the_definition(trained_lm, lm_tokens, tmp_path):
    run, text = trained_lm / "run", tmp_path / "text"
    model = run / "valid.loss.ave.pth"
    figure, tokens = measure_perplexity(run / "config.yaml", model, trained_lm / "text", tmp_path / "known")
    assert tokens == 8 * (len(SENTENCE.split()) + 1)
    assert 1.0 < figure < 1.2  # it has learnt the sentence by heart
    # A model to which all tokens are alike has as many choices as there are tokens, whatever the text.
    state = torch.load(model, weights_only=True)
    for name in ("lm.decoder.weight", "lm.decoder.bias"):
        state[name].zero_()
    torch.save(state, tmp_path / "uniform.pth")
    text.write_text("a ▁the ▁moon\nb [IN:BUY ▁the ]\n")
    figure, tokens = measure_perplexity(run / "config.yaml", tmp_path / "uniform.pth", text, tmp_path / "uniform")
    assert tokens == 7
    assert figure == pytest.approx(len(lm_tokens), rel=1e-5)
