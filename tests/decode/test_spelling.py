"""Words of the CTC's spelling in the final choice."""

import pytest
import torch

from espnet_atat.decode.result import DECODER_SCORE, Understanding, frame_of
from espnet_atat.decode.spelling import MOST_PLACES, MOST_WAYS, best_words, respelled
from espnet_atat.decode.understand import Speech2Understand, Text2Understand
from espnet_atat.errors import UserError
from espnet_atat.text.lexicon import Lexicon
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer, target_words
from tests.decode.conftest import CHARACTERS, encode
from tests.decode.test_second_look import log_probability

TOKENS = ("[IN:PLAY", "▁play", "[SL:SONG", "▁pur", "ple", "▁dancer", "]", "▁please", "]")
LOG_PROBS = [-0.1, -0.2, -0.3, -2.0, -1.0, -0.4, -0.5, -0.6, -0.7, -0.8]  # <eos> last


def result_of(tokens=TOKENS) -> Understanding:
    line = TargetTokenizer.join(tokens)
    trees = line.startswith("[")
    text = " ".join(target_words(line))
    return Understanding(line if trees else "", frame_of(line), text, -7.0, tuple(tokens), {DECODER_SCORE: -6.6})


def lines(heard: str, penalty=5.0, lexicon=None, tokens=TOKENS) -> dict[str, float]:
    found = respelled(result_of(tokens), LOG_PROBS, heard.split(), penalty, lexicon)
    return {each.line: round(each.score, 6) for each in found}


@pytest.fixture
def lexicon(tmp_path):
    def write(text: str | bytes) -> Lexicon:
        path = tmp_path / "words.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Lexicon(path)

    return write


def test_a_word_of_the_ctc_takes_the_place_of_the_decoders_and_of_its_log_probability():
    (found,) = respelled(result_of(), LOG_PROBS, ["play", "pumpkin", "dancer", "please"], 5.0)
    assert found.tree == "[IN:PLAY play [SL:SONG pumpkin dancer ] please ]"
    assert (found.text, found.frame) == ("play pumpkin dancer please", frame_of(found.tree))
    assert found.tokens == ("[IN:PLAY", "▁play", "[SL:SONG", "▁pumpkin", "▁dancer", "]", "▁please", "]")
    assert found.score == pytest.approx(-7.0 + 3.0 - 5.0)
    assert found.scores == {DECODER_SCORE: pytest.approx(-6.6 + 3.0 - 5.0)}


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("play purple dancer please", {}),
        ("play purple please", {}),  # a word less
        ("play purple dancer now please", {}),  # a word more: nobody says where a tag is
        # Two words for one, and one for two, between the same tags.
        ("play pumpkin and dancer please", {"[IN:PLAY play [SL:SONG pumpkin and dancer ] please ]": -14.0}),
        ("play pumpdancer please", {"[IN:PLAY play [SL:SONG pumpdancer ] please ]": -8.6}),
        # One for two that a tag parts.
        ("plaper dancer please", {}),
        # Each by itself, and both.
        (
            "play pumpkin dancer peas",
            {
                "[IN:PLAY play [SL:SONG pumpkin dancer ] please ]": -9.0,
                "[IN:PLAY play [SL:SONG purple dancer ] peas ]": -11.4,
                "[IN:PLAY play [SL:SONG pumpkin dancer ] peas ]": -13.4,
            },
        ),
        ("play ⁇mpkin dancer please", {}),  # a character that the CTC does not know
        ("", {}),
    ],
)
def test_where_words_differ(heard, expected):
    assert lines(heard) == expected


def test_words_without_a_tree_and_hypotheses_with_control_tokens():
    assert lines("play moon", tokens=("▁play", "▁noon")) == {"play moon": -7.0 + 0.2 - 5.0}
    assert lines("play moon", tokens=("<slu>", "▁play", "▁noon")) == {}
    assert lines("moon", tokens=()) == {}


def test_however_much_differs_the_number_of_hypotheses_is_bounded(lexicon):
    tokens = tuple(f"▁{letter}{letter}" for letter in "abcdefg")
    spelled = " ".join(letter * 2 + "x" for letter in "abcdefg")
    assert len(lines(spelled, tokens=tokens)) == 2**MOST_PLACES - 1
    many = lexicon(" ".join(f"{letter * 2}{last}" for letter in "abcdefg" for last in "uvwyz"))
    assert len(lines(spelled, lexicon=many, tokens=tokens)) == MOST_WAYS - 1


def test_a_spelling_is_corrected_to_similar_words(lexicon):
    words = lexicon("Pumpkin, pimpkin\nbumper purple\n")
    assert words.words == ("pumpkin", "pimpkin", "bumper", "purple")
    assert words.similar("pumpken") == ["pumpkin", "pimpkin"]
    assert lines("play pumpken dancer please", lexicon=words) == {
        "[IN:PLAY play [SL:SONG pumpkin dancer ] please ]": -9.0,
        "[IN:PLAY play [SL:SONG pimpkin dancer ] please ]": -9.0,
    }
    assert lines("play zebra dancer please", lexicon=words) == {}, "no word of the lexicon is like it"


@pytest.mark.parametrize(("content", "message"), [("\n ,\n", "no word in it"), (b"caf\xe9", "not UTF-8")])
def test_a_lexicon_that_is_none(content, message, lexicon):
    with pytest.raises(UserError, match=message):
        lexicon(content)


def test_the_words_on_the_best_path():
    symbols = [
        CHARACTERS.index(c) for c in ("<space>", "m", "o", "o", "<blank>", "o", "n", "n", "<space>", "<unk>", "a")
    ]
    frames = torch.nn.functional.one_hot(torch.tensor(symbols), len(CHARACTERS)).float()
    assert best_words(frames, CharTokenizer(CHARACTERS)) == ["moon", "⁇a"]


def test_spellings_join_the_final_choice_with_scores_of_their_own(character_trained, speech):
    trained = character_trained
    options = {"task": "slu", "maxlen": 10, "nbest": 4, "constrain_trees": True}
    plain = Speech2Understand(trained=trained, **options).nbest(speech)
    spelled = Speech2Understand(trained=trained, oov_penalty=0.5, **options).nbest(speech)
    new = 0
    for utterance, before, after in zip(speech, plain, spelled, strict=True):
        encoded = encode(trained, utterance)
        with torch.inference_mode():
            heard = best_words(trained.model.ctc.log_softmax(encoded.states)[0], trained.characters)
        for result in after:
            own = next((each for each in before if each.tokens == result.tokens), None)
            if own is not None:
                assert result.score == pytest.approx(own.score, abs=1e-4)
            elif len(result.line.split()) and any(token not in trained.vocabulary for token in result.tokens):
                new += 1
                assert {token[1:] for token in result.tokens if token not in trained.vocabulary} <= set(heard)
                assert result.score == pytest.approx(
                    result.scores[DECODER_SCORE] + 0.3 * result.scores["ctc"], abs=1e-3
                ), "the CTC scores the words that it spelled"
        assert [r.score for r in after] == sorted((r.score for r in after), reverse=True)
    assert new, "no word was spelled: no test"
    for utterance, before in zip(speech, plain, strict=True):  # what a token's log probability is
        result = before[0]
        decoder = log_probability(
            trained, trained.model.decoder_source(encode(trained, utterance)), result.tokens, "slu"
        )
        assert result.scores[DECODER_SCORE] == pytest.approx(decoder, abs=1e-3)
    costly = Speech2Understand(trained=trained, oov_penalty=1e6, **options).nbest(speech)
    assert [[each.line for each in results] for results in costly] == [[r.line for r in results] for results in plain]


def test_batches_and_padding_change_no_spelling(character_trained, speech):
    options = {"trained": character_trained, "task": "asr", "oov_penalty": 0.5}
    one_by_one = Speech2Understand(**options, batch_size=1)(speech)
    together = Speech2Understand(**options)(speech)
    assert [each.line for each in one_by_one] == [each.line for each in together]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oov_penalty": -1}, "oov_penalty is a number of nats from 0"),
        ({"oov_penalty": float("nan")}, "oov_penalty is a number of nats from 0"),
        ({"oov_penalty": 1, "reading_weight": 1}, "goes without reading_weight"),
        ({"oov_penalty": 1, "ctc_weight": 0}, "needs a CTC over characters"),
        ({"lexicon": "words.txt"}, "give oov_penalty too"),
        ({"oov_penalty": 1, "lexicon": "nowhere/words.txt"}, "nowhere/words.txt: no such file"),
    ],
)
def test_options_that_cannot_be(options, message, character_trained):
    with pytest.raises(UserError, match=message):
        Speech2Understand(trained=character_trained, **options)


@pytest.mark.parametrize("name", ["trained", "token_trained"])
def test_a_model_whose_ctc_has_no_characters(name, request):
    with pytest.raises(UserError, match="needs a CTC over characters"):
        Speech2Understand(trained=request.getfixturevalue(name), oov_penalty=1)


def test_texts_have_nothing_to_spell(character_trained):
    plain, spelled = (Text2Understand(trained=character_trained, oov_penalty=each) for each in (None, 1.0))
    assert plain("play moon") == spelled("play moon")
