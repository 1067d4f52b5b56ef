"""What is written becomes what a person says."""

import re

import pytest

from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.synthesis import numbers
from espnet_atat.speech.synthesis.verbalise import as_sentence, verbalise

SAID = [
    # Times, as TOP writes them and as others do
    ("leave at 7 : 30 pm, by 7:30 p.m. today", "leave at seven thirty P M, by seven thirty P M today"),
    ("5 : 00 pm, home by 5 : 00, 3 : 05 am", "five P M, home by five o'clock, three oh five A M"),
    ("after 6 : 00p, the 5 : 00p.m show, there by 7;45", "after six P M, the five P M show, there by seven forty five"),
    ("at 5;50am tomorrow, by 630PM", "at five fifty A M tomorrow, by six thirty P M"),
    ("545 pm via h1, at 10.30 am", "five forty five P M via H one, at ten thirty A M"),
    ("to yale by 10.00, at 8am, 12noon", "to yale by ten o'clock, at eight A M, twelve noon"),
    ("work at 5p, at 14:30, 6 a.m . and 7 p.m .", "work at five P M, at fourteen thirty, six A M. and seven P M."),
    ("the six p.m traffic, at 3 o'clock", "the six P M traffic, at three o'clock"),
    ("leave at 630 in the morning", "leave at six thirty in the morning"),
    # Roads and codes
    ("traffic on i - 95, I-95 north, take i 5", "traffic on I ninety five, I ninety five north, take I five"),
    ("i275 and i4, the 405", "I two seventy five and I four, the four oh five"),
    ("on 610 or 101, highway 1604", "on six ten or one oh one, highway sixteen oh four"),
    ("us1 or us 23 or u.s 64, a1a", "U S one or U S twenty three or U S sixty four, A one A"),
    ("hwy75, rt 80 and sr408", "highway seventy five, route eighty and S R four oh eight"),
    ("i - 80 / 380 interchange", "I eighty three eighty interchange"),
    ("75n to 94e, i - 35w, exit45", "seventy five north to ninety four east, I thirty five W, exit forty five"),
    ("1 - 59, 17 - 92, u2 at e3", "one fifty nine, seventeen ninety two, U two at E three"),
    # Money, per cent, units
    ("$5, under $ 10 tonight, $1.50", "five dollars, under ten dollars tonight, one dollar fifty cents"),
    ("$0.99, $ 2 million, $5k", "ninety nine cents, two million dollars, five thousand dollars"),
    ("£3 or €1, 10 % off, 72°F", "three pounds or one euro, ten percent off, seventy two degrees F"),
    ("60mph, in 30mins, 80 miles / hour", "sixty miles per hour, in thirty minutes, eighty miles per hour"),
    ("250 people and 405 miles", "two hundred fifty people and four hundred five miles"),
    ("1.5 miles, 10,000 steps, a 5k race", "one point five miles, ten thousand steps, a five K race"),
    # Ordinals, dates, years, fractions
    ("the 24th, 1st ave & main st", "the twenty fourth, first avenue and main street"),
    ("105th street, july 4, dec 23rd", "one hundred fifth street, july fourth, december twenty third"),
    ("july 10 - 20 2018, december 2018", "july tenth to twentieth twenty eighteen, december twenty eighteen"),
    ("in 2005, 1999 and 1900", "in two thousand five, nineteen ninety nine and nineteen hundred"),
    ("the weekend of 12 / 22 / 17", "the weekend of december twenty second twenty seventeen"),
    ("on 1 / 20, 1/2 cup and 3/4 mile", "on january twentieth, one half cup and three quarters mile"),
    ("2 1/2 hours, ½ cup", "two and a half hours, one half cup"),
    ("80 's music of the 1990s, open 24 / 7", "eighties music of the nineteen nineties, open twenty four seven"),
    ("between 4 - 7 pm, 8 - 10 people", "between four to seven P M, eight to ten people"),
    # Telephone numbers, house numbers, codes of an area
    ("call 617 - 555 - 1204", "call six one seven, five five five, one two oh four"),
    ("(617) 555-1204, 555-0199", "six one seven, five five five, one two oh four, five five five, oh one nine nine"),
    ("call 911, near 29720", "call nine one one, near two nine seven two oh"),
    ("15000 beverly drive, agent 007", "fifteen thousand beverly drive, agent oh oh seven"),
    # Initials, abbreviations, symbols
    ("washington d.c, big k.r.i.t, at & t center, r & b", "washington D C, big K R I T, A T and T center, R and B"),
    ("b a o z five, am i a fool, a book", "B A O Z five, am I a fool, a book"),
    ("st louis and main st, st.louis", "saint louis and main street, saint louis"),
    ("from st . louis to ft . lauderdale", "from saint louis to fort lauderdale"),
    ("dr sanders on oak dr, ft lauderdale, jfk to nyc", "doctor sanders on oak drive, fort lauderdale, J F K to N Y C"),
    ("fridays @ v live, # 1 nightclub, kid - friendly", "fridays at V live, number one nightclub, kid friendly"),
    ("the 49ers, what 's up , i 'm here ?", "the forty niners, what's up, I'm here?"),
    ('what ` s, my parents \' house, " hello " ( world ) >', "what's, my parents house, hello world"),
    ("São Paulo, don’t – ok", "sao paulo, don't ok"),
    ("Call Dr. Smith at 16 Oak Ave. now.", "call doctor smith at sixteen oak avenue now."),
    ("the U.S.A. in '99, 6'2\" is 6 ft 2", "the U S A in ninety nine, six two is six feet two"),
    ("10:00-11:30 am, bus no. 42", "ten o'clock to eleven thirty A M, bus number forty two"),
    ("flight 1234, room 101B", "flight twelve thirty four, room one oh one B"),
    # What is spoken as it stands
    ("play paper moon by oscar nelson", "play paper moon by oscar nelson"),
    ("will i make it if i leave now", "will I make it if I leave now"),
]


@pytest.mark.parametrize(("written", "spoken"), SAID, ids=[written for written, _ in SAID])
def test_a_person_would_say(written: str, spoken: str) -> None:
    assert verbalise(written) == spoken
    # Once more it changes no more: ``spoken`` files may be synthesised themselves.
    assert verbalise(spoken).lower() == spoken.lower()


def test_what_cannot_be_said_is_refused() -> None:
    for text in ("...", ""):
        with pytest.raises(UserError, match="holds nothing that can be spoken"):
            verbalise(text)
    with pytest.raises(UserError, match=r"no English voice says '音' .CJK UNIFIED IDEOGRAPH-97F3."):
        verbalise("play 音楽")


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        ("leave at seven A M", "leave at seven A.M."),
        ("what's on in L A tonight", "what's on in L.A. tonight?"),
        ("leave at nine A M.", "leave at nine A.M."),
        ("take A one A", "take A. one A."),
        ("B A O Z five three", "B, A, O, Z, five three."),
        ("rubout T G A", "rubout T, G, A."),
        ("is it H O W E L L", "is it H, O, W, E, L, L?"),
        ("the U S A, at nine A M", "the U, S, A, at nine A.M."),
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
