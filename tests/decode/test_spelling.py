"""Words of the CTC's spelling in the final choice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from espnet_atat.decode.cross_attention import speech_attention
from espnet_atat.decode.ctc_scorer import ctc_log_likelihoods
from espnet_atat.decode.result import DECODER_SCORE, Understanding, frame_of
from espnet_atat.decode.spelling import MOST_PLACES, respell
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.text.lexicon import MOST_SIMILAR, Lexicon
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer, target_words
from tests.decode.conftest import CHARACTERS, encode, sure_of_letters

TOKENS = ("[IN:PLAY", "▁play", "[SL:SONG", "▁pur", "ple", "▁dancer", "]", "▁please", "]")
LOG_PROBS = [-0.1, -0.2, -0.3, -2.0, -1.0, -0.4, -0.5, -0.6, -0.7, -0.8]  # <eos> last


def result_of(tokens=TOKENS) -> Understanding:
    line = TargetTokenizer.join(tokens)
    text = " ".join(target_words(line))
    tree = line if line.startswith("[") else ""
    return Understanding(tree, frame_of(line), text, -7.0, tuple(tokens), {DECODER_SCORE: -6.6})


def spell(heard: str, lexicon=None, tokens=TOKENS, likes=None, log_probs=LOG_PROBS) -> Understanding | None:
    """With a penalty of 5 for a word; the CTC likes texts with the words ``likes``, by default those that it heard."""
    wanted = set((heard if likes is None else likes).split())

    def score(texts):
        return [10.0 * len(wanted & set(text.split())) for text in texts]

    return respell(result_of(tokens), log_probs, heard.split(), 5.0, score, lexicon)


def token_log_probs(trained, encoded, tokens, tasks) -> list[float]:
    """By a pass of the decoder over one hypothesis, for each label."""
    ids, source, found = trained.vocabulary.ids(tokens), trained.model.decoder_source(encoded), []
    for task in tasks:
        inputs = torch.tensor([[trained.vocabulary.task_id(task), *ids]])
        with torch.inference_mode():
            logits, _ = trained.model.decoder(source.states, source.lengths, inputs, torch.tensor([inputs.shape[1]]))
        found.append(logits[0, : len(ids)].softmax(-1)[range(len(ids)), ids])
    return torch.stack(found).mean(0).log().tolist()


def line(*arguments, **options) -> str | None:
    found = spell(*arguments, **options)
    return found and found.line


@pytest.fixture
def lexicon(tmp_path):
    def write(text: str | bytes) -> Lexicon:
        path = tmp_path / "words.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Lexicon(path)

    return write


def test_a_word_of_the_ctc_takes_the_place_of_the_decoders_and_of_its_log_probability():
    found = spell("play pumpkin dancer please")
    assert found.tree == "[IN:PLAY play [SL:SONG pumpkin dancer ] please ]"
    assert (found.text, found.frame) == ("play pumpkin dancer please", frame_of(found.tree))
    assert found.tokens == ("[IN:PLAY", "▁play", "[SL:SONG", "▁pumpkin", "▁dancer", "]", "▁please", "]")
    assert found.score == pytest.approx(-7.0 + 3.0 - 5.0)
    assert found.scores == {DECODER_SCORE: pytest.approx(-6.6 + 3.0 - 5.0)}


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("play purple dancer please", None),
        ("play purple please", None),  # a word less
        ("play purple dancer now please", None),  # a word more: nobody says where a tag is
        # Two words for one, and one for two, between the same tags.
        ("play pumpkin and dancer please", "[IN:PLAY play [SL:SONG pumpkin and dancer ] please ]"),
        ("play pumpdancer please", "[IN:PLAY play [SL:SONG pumpdancer ] please ]"),
        ("plaper dancer please", None),  # one for two that a tag parts
        ("play pumpkin dancer peas", "[IN:PLAY play [SL:SONG pumpkin dancer ] peas ]"),
        ("play ⁇mpkin dancer please", None),  # a character that the CTC does not know
        ("", None),
    ],
)
def test_where_words_differ(heard, expected):
    assert line(heard) == expected


def test_a_word_is_put_in_only_if_that_improves_the_score():
    assert line("play pumpkin dancer peas", likes="pumpkin") == "[IN:PLAY play [SL:SONG pumpkin dancer ] please ]"
    assert line("play pumpkin dancer peas", likes="play please") is None
    # The CTC's ten nats outweigh five, and the decoder's log probability of what is replaced.
    assert line("play pumpkin dancer please", likes="pumpkin purple") is None
    assert line("play pumpkin dancer please", likes="pumpkin purple", log_probs=[-6.0] * 10) is not None


def test_words_without_a_tree_and_hypotheses_with_other_tokens():
    assert spell("play moon", tokens=("▁play", "▁noon")).score == pytest.approx(-7.0 + 0.2 - 5.0)
    assert spell("play moon", tokens=("<slu>", "▁play", "▁noon")) is None
    assert spell("moon", tokens=()) is None


def test_however_much_differs_the_number_of_texts_is_bounded(lexicon):
    letters = "abcdefghijkl"
    tokens, heard = tuple(f"▁{letter}{letter}" for letter in letters), [letter * 2 + "x" for letter in letters]
    many = lexicon(" ".join(f"{letter * 2}{last}" for letter in letters for last in "rstuvwyz"))
    log_probs, sizes = [-1.0 - n for n in range(len(letters))], []

    def score(texts):
        sizes.append(len(texts))
        return [0.0] + [100.0] * (len(texts) - 1)

    found = respell(result_of(tokens), log_probs, heard, 5.0, score, many)
    assert sizes == [1 + MOST_PLACES * MOST_SIMILAR]
    changed = [new != old for new, old in zip(found.tokens, tokens, strict=True)]
    assert changed == [False] * (len(letters) - MOST_PLACES) + [True] * MOST_PLACES, "the least sure"
    assert respell(result_of(tokens), log_probs, [*heard, "llz"], 5.0, score, many) is not None
    assert sizes[1:] == [2], "of words that are no pairs, the most similar of each"


def test_a_spelling_is_corrected_to_a_similar_word(lexicon):
    words = lexicon("\ufeffPumpkin, pimpkin\nbumper purple\n")
    assert words.words == ("pumpkin", "pimpkin", "bumper", "purple")
    assert words.similar("pumpken") == ["pumpkin", "pimpkin"]
    for best in ("pumpkin", "pimpkin"):
        expected = f"[IN:PLAY play [SL:SONG {best} dancer ] please ]"
        assert line("play pumpken dancer please", lexicon=words, likes=best) == expected
    assert line("play pumpken dancer please", lexicon=words, likes="pumpken") is None
    assert line("play zebra dancer please", lexicon=words) is None, "no word of the lexicon is like it"


@pytest.mark.parametrize(("content", "message"), [("\n ,\n", "no word in it"), (b"caf\xe9", "not UTF-8")])
def test_a_lexicon_that_is_none(content, message, lexicon):
    with pytest.raises(UserError, match=message):
        lexicon(content)


def test_a_lexicon_that_is_not_there(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=f"{path}: cannot be read"):
            Lexicon(path)


def test_the_words_on_a_path_of_the_ctc():
    symbols = ("<space>", "m", "o", "o", "<blank>", "o", "n", "n", "<space>", "<unk>", "a")
    assert CharTokenizer(CHARACTERS).words([CHARACTERS.index(symbol) for symbol in symbols]) == ["moon", "⁇a"]


@pytest.mark.parametrize(
    ("name", "task"), [("character_trained", "slu"), ("character_trained", "nlu+slu"), ("shortened_trained", "asr")]
)
def test_what_joins_the_final_choice_is_each_hypothesis_respelled_by_itself(name, task, request, speech):
    trained = sure_of_letters(request.getfixturevalue(name))
    options = {"task": task, "maxlen": 10, "nbest": 4, "constrain_trees": True}
    plain = Speech2Understand(trained=trained, **options).nbest(speech)
    spelled = Speech2Understand(trained=trained, oov_penalty=0.5, **options).nbest(speech)
    new = 0
    for utterance, before, after in zip(speech, plain, spelled, strict=True):
        encoded = encode(trained, utterance)
        with torch.inference_mode():
            path = trained.model.ctc.log_softmax(encoded.states)[0].argmax(-1).tolist()

        def score(texts, encoded=encoded):
            symbols = [trained.characters.encode(text) for text in texts]
            with torch.inference_mode():
                return (0.3 * ctc_log_likelihoods(trained.model.ctc, encoded, [0] * len(texts), symbols)).tolist()

        expected = {each.line: each.score for each in before}
        for each in before:
            heard_once = replace(each, score=each.score - 0.3 * each.scores["ctc"])
            log_probs = token_log_probs(trained, encoded, each.tokens, task.split("+"))
            found = respell(heard_once, log_probs, trained.characters.words(path), 0.5, score)
            if found is not None and found.line not in {each.line for each in before}:
                expected[found.line] = max(found.score + score([found.text])[0], expected.get(found.line, -1e9))
                new += 1
        best = sorted(expected.values(), reverse=True)[:4]
        assert [result.score for result in after] == pytest.approx(best, abs=1e-3)
        assert [expected[result.line] for result in after] == pytest.approx(best, abs=1e-3)
    assert new, "no word was spelled: no test"


def test_no_word_is_worth_a_large_penalty_and_threads_and_batches_change_nothing(character_trained, speech):
    options = {"trained": character_trained, "task": "slu", "maxlen": 10, "nbest": 4}
    plain = [[each.line for each in results] for results in Speech2Understand(**options).nbest(speech)]
    costly = Speech2Understand(oov_penalty=1e6, **options).nbest(speech)
    assert [[each.line for each in results] for results in costly] == plain
    understand = Speech2Understand(oov_penalty=0.5, **options)
    together = understand.nbest(speech)
    assert [[each.line for each in results] for results in together] != plain
    with ThreadPoolExecutor(4) as pool:
        for one, (result,) in zip(together, pool.map(lambda each: understand.nbest([each]), speech), strict=True):
            assert [each.line for each in one] == [each.line for each in result]
            assert [each.score for each in one] == pytest.approx([each.score for each in result], abs=1e-3)


def test_attention_shows_a_word_of_the_ctcs_spelling(character_trained, speech):
    (segment,) = Speech2Understand(trained=character_trained).segments(speech[0])
    attention = speech_attention(character_trained, segment, "slu", ("[IN:PLAY", "▁pumpkin", "]"))
    assert (attention.tokens[1], attention.mean.shape[0]) == ("▁pumpkin", 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oov_penalty": -1}, "oov_penalty is a number from 0"),
        ({"oov_penalty": float("nan")}, "oov_penalty is a number from 0"),
        ({"oov_penalty": 1, "penalty": 1}, "oov_penalty go without lm_weight and penalty"),
        ({"oov_penalty": 1, "ctc_weight": 0}, "needs a CTC over characters"),
        ({"lexicon": "words.txt"}, "give oov_penalty too"),
        ({"oov_penalty": 1, "lexicon": "nowhere/words.txt"}, "nowhere/words.txt: cannot be read"),
    ],
)
def test_options_that_cannot_be(options, message, character_trained):
    with pytest.raises(UserError, match=message):
        Speech2Understand(trained=character_trained, **options)


@pytest.mark.parametrize("name", ["trained", "token_trained"])
def test_a_model_whose_ctc_has_no_characters(name, request):
    with pytest.raises(UserError, match="needs a CTC over characters"):
        Speech2Understand(trained=request.getfixturevalue(name), oov_penalty=1)


def test_a_ctc_that_takes_part_in_the_search_goes_without_reading(token_trained):
    assert Speech2Understand(trained=token_trained, reading_weight=1)
    with pytest.raises(UserError, match="reading_weight goes with a CTC over characters or none"):
        Speech2Understand(trained=token_trained, reading_weight=1, ctc_weight=0.3)


def test_texts_have_nothing_to_spell(trained):
    plain, spelled = (Text2Understand(trained=trained, oov_penalty=each) for each in (0.0, 1.0))
    assert plain("play moon") == spelled("play moon")
