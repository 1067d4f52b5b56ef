"""Vocabulary growth: rows mapped by token, old logits as they were."""

from pathlib import Path

import pytest
import torch
from espnet2.torch_utils.load_pretrained_model import load_pretrained_model

from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.text.growth import BPEGrowth, grow
from espnet_atat.text.tokenizer import TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary
from espnet_atat.train.optimiser import NEW_ROWS
from espnet_atat.train.transfer import OLD_ROWS, initial_checkpoint, kept_checkpoint
from tests.toy_model import toy_batch, toy_model

GROWTH = BPEGrowth(size=60, pieces_per_word=3)
FIRST, SECOND = ["[IN:BUY rhapsody [SL:BOOK moön ] ]"], ["[IN:SELL [SL:BOOK wintergreen rhapsody ] ]"]


@pytest.fixture(scope="module")
def old(toy) -> Vocabulary:
    return Vocabulary.load(toy.token_list)


def transferred(
    model: ESPnetATATModel, old: Vocabulary, new: Vocabulary, folder: Path, seed: int = 9
) -> ESPnetATATModel:
    """A grown model as a training run builds it: fresh by its seed, then ESPnet's --init_param."""
    torch.save(model.state_dict(), folder / "model.pth")
    initial_checkpoint(folder / "model.pth", old, new, folder / "init.pth")
    grown = toy_model(new, pretrained_vocabulary_size=len(old), seed=seed)
    load_pretrained_model(str(folder / "init.pth"), grown, ignore_init_mismatch=False)
    return grown


@torch.no_grad()
def logits_of(model: ESPnetATATModel) -> torch.Tensor:
    batch = toy_batch(frames=(40,), pieces=())
    encoded = model.encode_audio(batch["speech"], batch["speech_lengths"])
    return model.decoder(encoded.states, encoded.lengths, batch["text"], batch["text_lengths"])[0]


@pytest.mark.parametrize("tokens", [["[IN:BUY", "ö"], []])
def test_rows_are_mapped_and_old_logits_unchanged(old, tmp_path, tokens):
    model = toy_model(old)
    grown = transferred(model, old, old.grow(tokens), tmp_path)
    assert torch.equal(grown.decoder.tied.pretrained, model.decoder.tied.weight)
    assert grown.decoder.tied.new.shape == (len(tokens), 16)
    assert (grown.decoder.tied.new.norm(dim=1) > 0.1).all(), "fresh rows are drawn, not zero"
    torch.testing.assert_close(logits_of(grown)[..., : len(old)], logits_of(model), rtol=0, atol=1e-6)
    state = model.state_dict()
    for name, value in grown.state_dict().items():
        if name not in (OLD_ROWS, NEW_ROWS):
            assert torch.equal(value, state[name]), name


def test_fresh_rows_follow_the_seed_of_the_new_run(old, tmp_path):
    model, new = toy_model(old), old.grow(["ö"])
    rows = [transferred(model, old, new, tmp_path, seed).decoder.tied.new for seed in (1, 1, 2)]
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])


def test_pieces_of_a_second_bpe_model_are_fresh_rows_and_old_logits_unchanged(toy, old, tmp_path):
    before = TargetTokenizer(old, toy.bpemodel)
    once = grow(before, FIRST, GROWTH)
    twice = grow(once, SECOND, GROWTH)
    assert list(once.grown_words) == ["rhapsody"]
    assert sorted(twice.grown_words) == ["rhapsody", "wintergreen"]
    models = [toy_model(old)]
    for smaller, larger in ((before, once), (once, twice)):
        models.append(transferred(models[-1], smaller.vocabulary, larger.vocabulary, tmp_path))
    first, second, third = map(logits_of, models)
    torch.testing.assert_close(second[..., : len(old)], first, rtol=0, atol=1e-6)
    torch.testing.assert_close(third[..., : len(once.vocabulary)], second, rtol=0, atol=1e-6)
    assert third.shape[-1] == len(twice.vocabulary)


def test_what_does_not_fit_is_named(old, tmp_path):
    torch.save(toy_model(old).state_dict(), tmp_path / "model.pth")
    torch.save({"encoder.weight": torch.ones(1)}, tmp_path / "asr.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    other, longer, output = Vocabulary((*old.tokens[:-1], "ö")), old.grow(["ö"]), tmp_path / "init.pth"
    rows = rf"model\.pth has rows for {len(old)} tokens, its token list has {len(longer)}"
    for model, before, after, message in (
        ("model.pth", old, other, r"the new token list \(\d+\) does not begin with the old one"),
        ("model.pth", longer, longer.grow(["ü"]), rows),
        ("asr.pth", old, old, r"asr\.pth: no decoder\.embed\.0\.pretrained in it"),
        ("torn.pth", old, old, r"torn\.pth: not a whole checkpoint"),
    ):
        with pytest.raises(UserError, match=message):
            initial_checkpoint(tmp_path / model, before, after, output)
    with pytest.raises(UserError, match=r"model\.pth has nothing below 'audio'; it has audio_encoder, ctc, decoder, t"):
        kept_checkpoint(tmp_path / "model.pth", ["audio"], output)
    assert not output.exists()


@pytest.mark.parametrize("subframes", [1, 2])
def test_a_ctc_over_the_decoders_tokens_grows_too(old, tmp_path, subframes):
    conf = {"subframes": subframes}
    model, new = toy_model(old, ctc_symbols=len(old), ctc_conf=conf), old.grow(["[IN:BUY", "ö"])
    torch.save(model.state_dict(), tmp_path / "model.pth")
    initial_checkpoint(tmp_path / "model.pth", old, new, tmp_path / "init.pth", ctc_of_tokens=True)
    grown = toy_model(new, ctc_symbols=len(new), ctc_conf=conf, pretrained_vocabulary_size=len(old), seed=9)
    load_pretrained_model(str(tmp_path / "init.pth"), grown, ignore_init_mismatch=False)
    states = torch.randn(1, 5, 16)
    with torch.no_grad():
        before, after = (m.ctc.project(states).reshape(1, 5 * subframes, -1) for m in (model, grown))
    torch.testing.assert_close(after[..., : len(old)], before)
    unknown = before[..., old.unknown_id].unsqueeze(-1).expand(-1, -1, 2)
    torch.testing.assert_close(after[..., len(old) :], unknown)  # a fresh symbol is as unlikely as that


def test_what_is_not_kept_starts_fresh_with_a_token_list_of_its_own(old, tmp_path):
    model, other = toy_model(old), Vocabulary.build(["]", "[IN:BUY"], ["▁x"])
    torch.save(model.state_dict(), tmp_path / "model.pth")
    kept_checkpoint(tmp_path / "model.pth", ["audio_encoder"], tmp_path / "init.pth")
    # The E2E baseline: no text encoder, a fresh decoder, another vocabulary.
    options = {"text_encoder": None, "seed": 9}
    untouched, started = (toy_model(other, **options) for _ in range(2))
    load_pretrained_model(str(tmp_path / "init.pth"), started, ignore_init_mismatch=False)
    theirs, fresh = model.state_dict(), untouched.state_dict()
    for name, value in started.state_dict().items():
        source = theirs if name.startswith("audio_encoder.") else fresh
        assert torch.equal(value, source[name]), name
    name = "decoder.decoders.0.feed_forward.w_1.weight"
    assert not torch.equal(started.state_dict()[name], theirs[name]), "the decoder is another one"


def test_growth_may_keep_a_part_too(old, tmp_path):
    model, new = toy_model(old), old.grow(["ö"])
    torch.save(model.state_dict(), tmp_path / "model.pth")
    initial_checkpoint(tmp_path / "model.pth", old, new, tmp_path / "init.pth", keep=["audio_encoder", "decoder.embed"])
    kept = torch.load(tmp_path / "init.pth", weights_only=True)
    assert {name.split(".")[0] for name in kept} == {"audio_encoder", "decoder"}
    assert [name for name in kept if name.startswith("decoder.")] == [OLD_ROWS]
    assert torch.equal(kept[OLD_ROWS], model.decoder.tied.weight)


def test_adapters_of_the_old_run_are_left_behind(old, tmp_path):
    state = toy_model(old).state_dict()
    torch.save(state | {"decoder.decoders.0.src_attn.linear_q.lora_A": torch.ones(2, 16)}, tmp_path / "model.pth")
    initial_checkpoint(tmp_path / "model.pth", old, old.grow(["ö"]), tmp_path / "init.pth")
    assert torch.load(tmp_path / "init.pth", weights_only=True).keys() == state.keys() - {NEW_ROWS}
