"""The local aligner on speech: mini's, and LibriSpeech's where that is at hand."""

import numpy as np
import pytest

from espnet_atat.errors import UserError
from espnet_atat.speech.alignment import sphinx
from espnet_atat.speech.alignment.pronunciation import by_rules, pronounce
from espnet_atat.speech.alignment.record import from_json, to_json
from espnet_atat.speech.alignment.sphinx import SphinxAligner
from espnet_atat.speech.audio import read_audio
from tests.spoken import spoken


@pytest.fixture(scope="module")
def utterances():
    """Id, samples and lower-case words of some utterances, each long enough to be cut."""
    return [(one.id, read_audio(one.path), one.words.split()) for one in spoken("sentences_train", 12, shortest=8)]


@pytest.fixture
def real_utterances(real_corpus):
    """The same of the first four utterances of each chapter of LibriSpeech."""
    found = []
    for transcript in sorted(real_corpus("LibriSpeech").rglob("*.trans.txt")):
        for line in transcript.read_text().splitlines()[:4]:
            utt, text = line.split(" ", 1)
            found.append((utt, read_audio(transcript.with_name(f"{utt}.flac")), text.lower().split()))
    return found


@pytest.mark.parametrize("speech", ["utterances", "real_utterances"])
def test_every_word_is_found_in_order(speech, request):
    for utt, samples, words in request.getfixturevalue(speech):
        found = SphinxAligner().align_samples(utt, samples, words)
        assert [word.word for word in found] == words
        assert all(word.found for word in found)
        times = [time for word in found for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[-1] <= len(samples) / 16_000


def test_times_do_not_depend_on_what_was_aligned_before(utterances):
    first = [SphinxAligner().align_samples(*utterance) for utterance in utterances[:3]]
    again = [SphinxAligner().align_samples(*utterance) for utterance in reversed(utterances[:3])]
    assert first == again[::-1]


def test_a_long_pause_and_digital_silence_around_speech_are_not_in_a_word(utterances):
    utt, samples, words = utterances[0]
    found = SphinxAligner().align_samples(utt, samples, words)
    cut = round(found[4].end * 16_000)
    silence = np.zeros(8000, np.float32)
    longer = np.concatenate([silence, samples[:cut], silence, silence, samples[cut:], silence])
    moved = SphinxAligner().align_samples(utt, longer, words)
    assert moved[4].end == pytest.approx(found[4].end + 0.5, abs=0.06)
    assert moved[5].start == pytest.approx(found[5].start + 1.5, abs=0.06)
    shifts = [after.start - before.start for before, after in zip(found, moved, strict=True)]
    assert np.median(shifts[:5]) == pytest.approx(0.5, abs=0.02)
    assert np.median(shifts[5:]) == pytest.approx(1.5, abs=0.02)


def test_a_word_that_begins_with_the_last_half_millisecond_is_not_found(utterances):
    aligner, lost = SphinxAligner(fit=False), 0
    for utt, samples, words in utterances:
        start = aligner.align_samples(utt, samples, words)[-1].start
        cut = aligner.align_samples(utt, samples[: round(start * 16_000) + 6], words)
        from_json(to_json(cut))  # the reader takes it
        assert all(word.found for word in cut[:-2])  # no others are lost
        lost += not cut[-1].found
    assert lost >= 3


def test_a_wrong_transcript_is_an_error_and_what_cannot_be_spoken_harms_no_other_word(utterances):
    utt, samples, _ = utterances[0]
    with pytest.raises(UserError, match="does not fit"):
        SphinxAligner().align_samples(utt, samples[:8000], ["chrysanthemum"] * 6)
    with pytest.raises(UserError, match="no word that can be pronounced"):
        SphinxAligner().align_samples(utt, samples, ["--"])
    utt, samples, words = utterances[1]
    plain = SphinxAligner().align_samples(utt, samples, words)
    marked = SphinxAligner().align_samples(utt, samples, [*words[:2], "--", *words[2:]])
    assert [word.word for word in marked if not word.found] == ["--"]
    assert [word for word in marked if word.found] == plain


def test_pronunciations_by_rule_are_good_enough(utterances, monkeypatch):
    known = [SphinxAligner().align_samples(*utterance) for utterance in utterances[:4]]
    monkeypatch.setattr(sphinx, "pronounce", lambda word: (by_rules(word),) if len(word) > 3 else pronounce(word))
    ruled = [SphinxAligner().align_samples(*utterance) for utterance in utterances[:4]]
    pairs = [(a, b) for one, two in zip(known, ruled, strict=True) for a, b in zip(one, two, strict=True)]
    assert np.median([abs(a.start - b.start) for a, b in pairs]) <= 0.02
    assert np.mean([abs(a.start - b.start) <= 0.1 for a, b in pairs]) > 0.9
