"""What is written becomes what a person says."""

import re

import pytest

from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.synthesis import numbers
from espnet_atat.speech.synthesis.verbalise import as_sentence, verbalise

SAID = [
    # Times, as TOP writes them and as others do
    ("leave at 7 : 30 pm", "leave at seven thirty P M"),
    ("by 7:30 p.m. today", "by seven thirty P M today"),
    ("5 : 00 pm", "five P M"),
    ("home by 5 : 00", "home by five o'clock"),
    ("3 : 05 am", "three oh five A M"),
    ("after 6 : 00p", "after six P M"),
    ("the 5 : 00p.m show", "the five P M show"),
    ("there by 7;45", "there by seven forty five"),
    ("at 5;50am tomorrow", "at five fifty A M tomorrow"),
    ("by 630PM", "by six thirty P M"),
    ("545 pm via h1", "five forty five P M via H one"),
    ("at 10.30 am", "at ten thirty A M"),
    ("to yale by 10.00", "to yale by ten o'clock"),
    ("at 8am", "at eight A M"),
    ("12noon", "twelve noon"),
    ("work at 5p", "work at five P M"),
    ("at 14:30", "at fourteen thirty"),
    ("6 a.m . and 7 p.m .", "six A M. and seven P M."),
    ("the six p.m traffic", "the six P M traffic"),
    ("at 3 o'clock", "at three o'clock"),
    ("leave at 630 in the morning", "leave at six thirty in the morning"),
    # Roads and codes
    ("traffic on i - 95", "traffic on I ninety five"),
    ("I-95 north", "I ninety five north"),
    ("take i 5", "take I five"),
    ("i275 and i4", "I two seventy five and I four"),
    ("the 405", "the four oh five"),
    ("on 610 or 101", "on six ten or one oh one"),
    ("highway 1604", "highway sixteen oh four"),
    ("us1 or us 23 or u.s 64", "U S one or U S twenty three or U S sixty four"),
    ("a1a", "A one A"),
    ("hwy75, rt 80 and sr408", "highway seventy five, route eighty and S R four oh eight"),
    ("i - 80 / 380 interchange", "I eighty three eighty interchange"),
    ("75n to 94e", "seventy five north to ninety four east"),
    ("i - 35w", "I thirty five W"),
    ("exit45", "exit forty five"),
    ("1 - 59", "one fifty nine"),
    ("17 - 92", "seventeen ninety two"),
    ("u2 at e3", "U two at E three"),
    # Money, per cent, units
    ("$5", "five dollars"),
    ("under $ 10 tonight", "under ten dollars tonight"),
    ("$1.50", "one dollar fifty cents"),
    ("$0.99", "ninety nine cents"),
    ("$ 2 million", "two million dollars"),
    ("$5k", "five thousand dollars"),
    ("£3 or €1", "three pounds or one euro"),
    ("10 % off", "ten percent off"),
    ("72°F", "seventy two degrees F"),
    ("60mph", "sixty miles per hour"),
    ("in 30mins", "in thirty minutes"),
    ("80 miles / hour", "eighty miles per hour"),
    ("250 people and 405 miles", "two hundred fifty people and four hundred five miles"),
    ("1.5 miles", "one point five miles"),
    ("10,000 steps", "ten thousand steps"),
    ("a 5k race", "a five K race"),
    # Ordinals, dates, years, fractions
    ("the 24th", "the twenty fourth"),
    ("1st ave & main st", "first avenue and main street"),
    ("105th street", "one hundred fifth street"),
    ("july 4", "july fourth"),
    ("dec 23rd", "december twenty third"),
    ("july 10 - 20 2018", "july tenth to twentieth twenty eighteen"),
    ("december 2018", "december twenty eighteen"),
    ("in 2005, 1999 and 1900", "in two thousand five, nineteen ninety nine and nineteen hundred"),
    ("the weekend of 12 / 22 / 17", "the weekend of december twenty second twenty seventeen"),
    ("on 1 / 20", "on january twentieth"),
    ("1/2 cup and 3/4 mile", "one half cup and three quarters mile"),
    ("2 1/2 hours", "two and a half hours"),
    ("½ cup", "one half cup"),
    ("80 's music of the 1990s", "eighties music of the nineteen nineties"),
    ("open 24 / 7", "open twenty four seven"),
    ("between 4 - 7 pm", "between four to seven P M"),
    ("8 - 10 people", "eight to ten people"),
    # Telephone numbers, house numbers, codes of an area
    ("call 617 - 555 - 1204", "call six one seven, five five five, one two oh four"),
    ("(617) 555-1204", "six one seven, five five five, one two oh four"),
    ("555-0199", "five five five, oh one nine nine"),
    ("call 911", "call nine one one"),
    ("near 29720", "near two nine seven two oh"),
    ("15000 beverly drive", "fifteen thousand beverly drive"),
    ("agent 007", "agent oh oh seven"),
    # Initials, abbreviations, symbols
    ("washington d.c", "washington D C"),
    ("big k.r.i.t", "big K R I T"),
    ("at & t center", "A T and T center"),
    ("r & b", "R and B"),
    ("st louis and main st", "saint louis and main street"),
    ("st.louis", "saint louis"),
    ("dr sanders on oak dr", "doctor sanders on oak drive"),
    ("ft lauderdale", "fort lauderdale"),
    ("jfk to nyc", "J F K to N Y C"),
    ("fridays @ v live", "fridays at V live"),
    ("# 1 nightclub", "number one nightclub"),
    ("kid - friendly", "kid friendly"),
    ("the 49ers", "the forty niners"),
    ("what 's up , i 'm here ?", "what's up, I'm here?"),
    ("what ` s", "what's"),
    ("my parents ' house", "my parents house"),
    ('" hello " ( world ) >', "hello world"),
    ("São Paulo", "sao paulo"),
    ("don’t – ok", "don't ok"),
    ("Call Dr. Smith at 16 Oak Ave. now.", "call doctor smith at sixteen oak avenue now."),
    ("the U.S.A. in '99", "the U S A in ninety nine"),
    ("6'2\" is 6 ft 2", "six two is six feet two"),
    ("10:00-11:30 am", "ten o'clock to eleven thirty A M"),
    ("bus no. 42", "bus number forty two"),
    ("flight 1234, room 101B", "flight twelve thirty four, room one oh one B"),
    # What is spoken as it stands
    ("play paper moon by oscar nelson", "play paper moon by oscar nelson"),
    ("will i make it if i leave now", "will I make it if I leave now"),
]


@pytest.mark.parametrize(("written", "spoken"), SAID, ids=[written for written, _ in SAID])
def test_a_person_would_say(written: str, spoken: str) -> None:
    assert verbalise(written) == spoken


@pytest.mark.parametrize("written", [written for written, _ in SAID])
def test_what_is_said_is_said_the_same_again(written: str) -> None:
    """Spoken words that go through once more change no more: ``spoken`` files may be synthesised themselves."""
    spoken = verbalise(written)
    assert verbalise(spoken).lower() == spoken.lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("...", "holds nothing that can be spoken"),
        ("", "holds nothing that can be spoken"),
        ("play 音楽", "no English voice says '音' .CJK UNIFIED IDEOGRAPH-97F3."),
    ],
)
def test_what_cannot_be_said_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        verbalise(text)


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        ("leave at seven A M", "leave at seven A.M."),
        ("what's on in L A tonight", "what's on in L.A. tonight?"),
        ("leave at nine A M.", "leave at nine A.M."),
        ("take A one A", "take A. one A."),
        ("I said stop!", "I said stop!"),
        ("if I go,", "if I go."),
    ],
)
def test_letters_are_written_so_that_engines_spell_them(spoken: str, sentence: str) -> None:
    assert as_sentence(spoken) == sentence


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("0", "zero"), ("07", "oh seven"), ("100", "one hundred"), ("110", "one ten"), ("2000", "two thousand"),
        ("2010", "twenty ten"), ("1001", "ten oh one"), ("4100", "forty one hundred"), ("3000", "three thousand"),
    ],
)  # fmt: skip
def test_numbers_that_name(number: str, name: str) -> None:
    assert numbers.name(number) == name


@pytest.mark.slow
def test_of_every_sentence_of_top_nothing_stays_unspoken(real_corpus) -> None:
    """All 44 783 utterances, as the corpus writes them and normalised: those with digits or symbols."""
    top, said = real_corpus("top"), 0
    for split in ("train", "eval", "test"):
        for line in (top / f"{split}.tsv").read_text(encoding="utf-8").splitlines():
            raw, tokenised, _ = line.split("\t")
            for text in {raw, normalise_words(tokenised)}:
                if re.search(r"[^A-Za-z' ?]", text):
                    said += 1
                    left = re.sub(r"[A-Za-z][A-Za-z']*[,.?!]?(?: |$)", "", verbalise(text))
                    assert not left, f"{text!r}: {left!r} is left"
    assert said > 10_000
