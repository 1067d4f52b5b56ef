"""What brings the two halves together: contrast, consistency, states shortened to pieces, words swapped."""

import math

import pytest
import torch
from torch import Tensor

from espnet_atat.errors import UserError
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.ctc import CTCHead
from espnet_atat.model.halves import ModalityContrast, mean_of_pieces, swap_words
from espnet_atat.tasks.checks import check_depths
from tests.toy_model import TEXT_PIECES, TINY_BERT, example, toy_batch, toy_model, without_dropout

CLS, SEP = 1, 2


def utterances(words: list[list[int]], frames_a_word: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Utterances whose sound is the word's own vector, ``frames_a_word`` times: the ``forward`` arguments."""
    vectors = torch.nn.functional.one_hot(torch.arange(16)).float() * 4
    lengths = torch.tensor([len(line) for line in words])
    longest = int(lengths.max())
    audio = torch.zeros(len(words), longest * frames_a_word, 16)
    text = torch.zeros(len(words), longest + 2, 16)
    pieces = torch.full((len(words), longest + 2), -1)
    for i, line in enumerate(words):
        audio[i, : len(line) * frames_a_word] = vectors[line].repeat_interleave(frames_a_word, 0)
        text[i, 1 : len(line) + 1] = vectors[line]
        pieces[i, : len(line) + 2] = torch.tensor([CLS, *line, SEP])
    return audio, lengths * frames_a_word, text, lengths + 2, pieces


def test_sounds_like_their_words_cost_little_and_swapped_ones_much():
    contrast = ModalityContrast()
    audio, audio_lengths, text, text_lengths, pieces = utterances([[3, 4, 5], [6, 7]])
    good = contrast(audio, audio_lengths, text, text_lengths, pieces)
    assert good.shape == (2,)
    assert float(good.max()) < 0.01
    bad = contrast(audio.roll(1, dims=2), audio_lengths, text, text_lengths, pieces)
    assert float(bad.min()) > 2 * math.log(5)  # worse than guessing among the five pieces
    twice = contrast(*utterances([[3, 4, 3], [3]]))
    assert float(twice.max()) < 0.01  # occurrences of one word are not told apart
    with pytest.raises(UserError, match="temperature is above 0"):
        ModalityContrast(temperature=0.0)


def test_the_loss_is_summed_over_pieces_and_padding_has_none():
    torch.manual_seed(0)
    audio, text, pieces = torch.randn(2, 9, 8), torch.randn(2, 6, 8), torch.arange(3, 15).reshape(2, 6)
    lengths, text_lengths = torch.tensor([9, 5]), torch.tensor([6, 4])
    contrast = ModalityContrast(temperature=0.5, distance_weight=0.0)
    loss = contrast(audio, lengths, text, text_lengths, pieces)
    audio[1, 5:], text[1, 4:], pieces[1, 4:] = 99.0, 99.0, 7
    torch.testing.assert_close(contrast(audio, lengths, text, text_lengths, pieces), loss)

    sounds = []  # the definition, piece by piece
    for i, j in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]:
        states = audio[i, : lengths[i]]
        attention = (torch.cosine_similarity(text[i, j][None], states) / 0.5).softmax(0)
        sounds.append((i, text[i, j], attention @ states))
    logits = torch.stack([torch.stack([torch.cosine_similarity(t, s, 0) for _, _, s in sounds]) for _, t, _ in sounds])
    both = -0.5 * ((logits / 0.5).log_softmax(1).diag() + (logits / 0.5).log_softmax(0).diag())
    expected = torch.stack([both[:4].sum(), both[4:].sum()])
    torch.testing.assert_close(loss, expected)


def test_distance_draws_norms_together():
    audio, *rest = utterances([[3, 4, 5]])
    same_direction = ModalityContrast(distance_weight=1.0)(2 * audio, *rest)
    assert float(same_direction) == pytest.approx(3 * 16 / 16, rel=0.01)  # three pieces, 4 in one of 16 dimensions


def test_a_model_with_a_contrast_teaches_both_encoders_and_decodes_without_transcripts():
    batch = toy_batch(frames=(40, 23, 31), pieces=(5, 9))
    plain = toy_model(model_conf={"ctc_weight": 0.3})
    model = toy_model(model_conf={"ctc_weight": 0.3, "contrast_weight": 0.5})
    torch.manual_seed(0)
    transcript = torch.randint(3, TEXT_PIECES, (3, 6))
    lengths = torch.tensor([6, 4, 5])
    loss, stats, _ = model(**batch, transcript=transcript, transcript_lengths=lengths)
    without, empty, _ = model(**batch)
    assert without == plain(**batch)[0]
    assert empty.keys() == stats.keys()  # DDP reduces every key
    assert math.isnan(float(empty["loss_contrast"]))
    expected = without + 0.5 * stats["loss_contrast"] * 3 / 5  # of three audio examples among five
    torch.testing.assert_close(loss, expected)
    (loss - without).backward()
    assert model.audio_encoder.cnn.project.weight.grad.abs().sum() > 0
    assert model.text_encoder.project.weight.grad.abs().sum() > 0
    assert model.decoder.tied.pretrained.grad.abs().max() < 1e-6  # rounding: this loss knows no decoder


def test_a_contrast_may_set_in_later_and_a_checkpoint_knows_when():
    batch = toy_batch(frames=(40, 23), pieces=(5,))
    batch |= {"transcript": torch.tensor([[3, 4, 5, 6], [3, 7, 6, -1]]), "transcript_lengths": torch.tensor([4, 3])}
    options = {"model_conf": {"ctc_weight": 0.3, "contrast_weight": 0.5, "contrast_start": 2}}
    model = toy_model(**options)

    def contrasted() -> bool:
        return not math.isnan(float(model(**batch)[1]["loss_contrast"]))

    assert not contrasted()  # evaluation does not count
    model.train()
    assert [contrasted() for _ in range(4)] == [False, False, True, True]
    resumed = toy_model(**options)
    resumed.load_state_dict(model.state_dict())
    assert not math.isnan(float(resumed(**batch)[1]["loss_contrast"]))


def test_the_count_of_batches_survives_averaging_and_models_without_a_contrast():
    counting = {"ctc_weight": 0.3, "contrast_weight": 0.5, "contrast_start": 5}
    model = toy_model(model_conf=counting)
    epochs = []
    for seen in (10, 20, 30):
        model.batches.fill_(seen)
        epochs.append({name: value.clone() for name, value in model.state_dict().items()})
    # As ESPnet averages: integers are added up, floats averaged.
    total = sum(epoch["batches"] for epoch in epochs)
    assert float(total / 3 if total.is_floating_point() else total) == 20
    without = toy_model(model_conf={**counting, "contrast_weight": 0.0})
    without.load_state_dict(epochs[0])  # strict: everything else must fit
    assert "batches" not in without.state_dict()
    assert all(torch.equal(value, epochs[0][name]) for name, value in without.state_dict().items())


def with_transcripts(*lengths: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    batch = toy_batch(frames=(40, 23, 31), pieces=(5, 9))
    transcript = torch.randint(3, TEXT_PIECES, (3, max(lengths)))
    return {**batch, "transcript": transcript, "transcript_lengths": torch.tensor(lengths)}


def test_consistency_is_the_loss_of_the_target_read_where_both_halves_give_the_same():
    batch = with_transcripts(6, 4, 5)
    model = toy_model(model_conf={"ctc_weight": 0.3, "consistency_weight": 1.0})
    text, lengths = batch["text"][:3], batch["text_lengths"][:3]
    read = model.encode_text(batch["transcript"], batch["transcript_lengths"])
    decoded = model._decode(read, text, lengths)
    torch.testing.assert_close(model._consistency(decoded, read, text, lengths), decoded.loss)
    heard = model._decode(model.encode_audio(batch["speech"], batch["speech_lengths"]), text, lengths)
    apart = model._consistency(heard, read, text, lengths) - decoded.loss
    assert (apart > 0.01).all()
    own = model.encode_audio(batch["speech"][:1], batch["speech_lengths"][:1])  # an utterance's loss is its own
    first = Encoded(read.states[:1], read.lengths[:1]), text[:1], lengths[:1]
    alone = model._consistency(model._decode(own, *first[1:]), *first) - model._decode(*first).loss
    torch.testing.assert_close(alone, apart[:1], rtol=1e-3, atol=1e-4)


def test_a_consistent_model_teaches_both_encoders_and_the_decoder():
    batch = with_transcripts(6, 4, 5)
    plain = toy_model(model_conf={"ctc_weight": 0.3})
    model = toy_model(model_conf={"ctc_weight": 0.3, "consistency_weight": 0.5})
    loss, stats, _ = model(**batch)
    without = plain(**batch)[0]
    torch.testing.assert_close(loss, without + 0.5 * stats["loss_consistency"] * 3 / 5)
    (loss - without).backward()
    taught = model.audio_encoder.cnn.project, model.text_encoder.project, model.decoder.decoders[0].src_attn.linear_v
    assert all(layer.weight.grad.abs().sum() > 0 for layer in taught)
    late = toy_model(model_conf={"ctc_weight": 0.3, "consistency_weight": 0.5, "contrast_start": 1}).train()
    assert [math.isnan(float(late(**batch)[1]["loss_consistency"])) for _ in range(3)] == [True, False, False]


TWO_LAYERS = {"config": {**TINY_BERT, "num_hidden_layers": 2}}


@pytest.mark.parametrize("together", [False, True])
def test_the_contrast_at_several_depths_is_the_mean_over_layers_of_both_encoders(together):
    batch = with_transcripts(6, 4, 5)
    options = {"contrast_weight": 1.0, "contrast_conf": {"depths": 2}}
    model = toy_model(blocks="conformer", text_encoder_conf=TWO_LAYERS, model_conf=options)
    model.decodes_together = together
    loss, stats, _ = model(**batch, speech_parts=[1, 2], text_in_parts=[1, 1])
    seen: list[Tensor] = []
    hook = model.audio_encoder.blocks.encoders[0].register_forward_hook(lambda *call: seen.append(call[2][0][0]))
    heard = model.encode_audio(batch["speech"], batch["speech_lengths"])
    hook.remove()
    pieces, lengths = batch["transcript"], batch["transcript_lengths"]
    mask = torch.arange(6) < lengths[:, None]
    hidden = model.text_encoder.bert(pieces, attention_mask=mask.long(), output_hidden_states=True).hidden_states
    first, last = (model.text_encoder.project(hidden[layer]) for layer in (1, 2))
    normed = (torch.nn.functional.layer_norm(states, states.shape[-1:]) for states in (seen[0], first))
    pairs = [(heard.states, last), tuple(normed)]
    expected = torch.stack([model.contrast(a, heard.lengths, t, lengths, pieces) for a, t in pairs]).mean()
    torch.testing.assert_close(stats["loss_contrast"], expected[None], rtol=1e-4, atol=1e-4)
    assert math.isfinite(float(loss))
    check_depths(model)
    with pytest.raises(UserError, match="depths is 3, but an encoder has 2 layers"):
        check_depths(toy_model(text_encoder_conf=TWO_LAYERS, model_conf={**options, "contrast_conf": {"depths": 3}}))


def spelling_head(symbols: int = 6, separator: int | None = 2) -> CTCHead:
    """A head whose symbol is the largest dimension of a state."""
    head = CTCHead(symbols, symbols, separator=separator)
    with torch.no_grad():
        head.project.weight.copy_(20 * torch.eye(symbols))
        head.project.bias.zero_()
    return head


def states_of(path: list[int], symbols: int = 6) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(path), symbols).float()


@pytest.mark.parametrize(
    ("separator", "paths", "pieces"),
    [
        (2, [[0, 3, 4, 2, 2, 0, 5], [3, 2, 4, 2, 0]], [[0, 0, 0, 1, 1, 1, 1], [0, 1, 1, 2, 2, -1, -1]]),
        (None, [[0, 3, 3, 0, 4, 5, 0], [3, 0, 3, 3, 4]], [[0, 1, 1, 1, 2, 3, 3], [0, 0, 1, 1, 2, -1, -1]]),
    ],
)
def test_a_piece_is_a_word_of_characters_or_a_token_and_its_state_the_mean_of_its_states(separator, paths, pieces):
    states = torch.nn.utils.rnn.pad_sequence([states_of(path) for path in paths], batch_first=True)
    found = spelling_head(separator=separator).pieces(states, torch.tensor([7, 5]))
    assert found.tolist() == pieces
    short, lengths = mean_of_pieces(states, found)
    assert lengths.tolist() == [max(row) + 1 for row in pieces]
    for row, number in enumerate(lengths):
        for piece in range(number):
            torch.testing.assert_close(short[row, piece], states[row, found[row] == piece].mean(0))


def test_swapped_words_come_as_they_are_read_and_the_rest_as_it_is_heard():
    heard, symbols = states_of([0, 3, 4, 0, 2, 5, 0, 2, 3, 0]), [3, 4, 2, 5, 2, 3]
    words = torch.tensor([-1, 0, 0, 1, 2, -1, -1])  # two pieces of the first word; the last is padding
    read = 100.0 + torch.arange(7.0)[:, None].expand(7, 6)
    head = spelling_head()
    assert torch.equal(swap_words(head, heard, symbols, read, words, 0.0), heard)
    everything = swap_words(head, heard, symbols, read, words, 1.0)
    assert torch.equal(everything, torch.cat([heard[:1], read[1:5], heard[9:]]))  # silence at the ends stays
    torch.manual_seed(0)
    some = [swap_words(head, heard, symbols, read, words, 0.5) for _ in range(400)]
    assert sum(int((row == 103).all(1).any()) for row in some) / 400 == pytest.approx(0.5, abs=0.08)
    for row in some:  # a word is whole, in its place
        numbers = row[row[:, 0] > 99][:, 0].tolist()
        assert numbers == sorted(numbers)
        assert (101 in numbers) == (102 in numbers)
    too_short = heard[:3]
    assert swap_words(head, too_short, symbols, read, words, 1.0) is too_short
    cut = torch.where(words == 2, -1, words)
    assert swap_words(head, heard, symbols, read, cut, 1.0) is heard


def test_of_words_that_begin_in_one_state_none_is_lost():
    head = CTCHead(6, 6, subframes=3, separator=2)
    with torch.no_grad():  # a state's symbol, and the two after it
        head.project.weight.copy_(20 * torch.cat([torch.eye(6).roll(shift, 0) for shift in range(3)]))
        head.project.bias.zero_()
    heard, words = states_of([1, 4]), torch.tensor([-1, 0, 1, -1])  # 1 | 3 4 5
    read = 100.0 + torch.arange(4.0)[:, None].expand(4, 6)
    torch.manual_seed(0)
    found = [swap_words(head, heard, [1, 2, 3, 4, 5], read, words, 0.5) for _ in range(40)]
    swapped = [row for row in found if not torch.equal(row, heard)]
    assert 5 < len(swapped) < 35
    assert all(torch.equal(row, read[1:3]) for row in swapped)


def test_a_model_swaps_words_in_training_alone():
    batch = with_transcripts(6, 4, 5)
    batch["transcript_words"] = torch.tensor([[-1, 0, 0, 0, 0, -1], [-1, 0, 0, -1, -1, -1], [-1, 0, 0, 0, -1, -1]])
    batch["ctc_text"][batch["ctc_text"] == 2] = 1  # one word each
    plain = toy_model(model_conf={"ctc_weight": 0.3})
    model = toy_model(model_conf={"ctc_weight": 0.3, "swap_rate": 1.0})
    assert model(**batch)[0].item() == pytest.approx(plain(**batch)[0].item(), rel=1e-5)
    for part in (model, plain):
        without_dropout(part.train())
    loss, without = model(**batch)[0], plain(**batch)[0]
    assert abs(float(loss - without)) > 1e-3
    alone = {name: value for name, value in batch.items() if not name.startswith("text_in")}
    alone["text"], alone["text_lengths"] = batch["text"][:3], batch["text_lengths"][:3]
    model.zero_grad()
    model(**alone)[0].backward()
    assert model.text_encoder.project.weight.grad.abs().sum() > 0  # the decoder reads it in place of audio
    mlm = example(batch, 2)  # whose masked words are to be guessed
    assert int(mlm["text"][0, 0]) == model.task_ids["mlm"]
    mlm |= {name: batch[name][2:] for name in ("transcript", "transcript_lengths", "transcript_words")}
    assert model(**mlm)[0].item() == pytest.approx(plain(**mlm)[0].item(), rel=1e-5)


def test_a_model_decodes_from_one_state_a_word():
    batch = toy_batch(frames=(40, 23, 31), pieces=())
    model = toy_model(model_conf={"ctc_weight": 0.3, "shorten_audio": True}, ctc_conf={"dropout_rate": 0.5})
    encoded = model.encode_audio(batch["speech"], batch["speech_lengths"])
    source, pieces = model.decoder_source(encoded), model.audio_pieces(encoded)
    assert source.lengths.tolist() == (pieces.amax(1) + 1).tolist()
    assert int(source.lengths.max()) < int(encoded.lengths.max())
    expected = model._decode(source, batch["text"], batch["text_lengths"]).loss
    assert float(model(**batch)[1]["loss_att"]) == pytest.approx(float(expected.mean().detach()), rel=1e-5)
    model.ctc.train()
    assert torch.equal(model.audio_pieces(encoded), pieces)  # by the CTC without its dropout
