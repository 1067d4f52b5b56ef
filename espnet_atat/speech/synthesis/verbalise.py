"""From written commands to spoken words: ``at 7 : 30 pm on I-95`` → ``at seven thirty P M on I ninety five``.

Made for text as Facebook TOP writes it, tokenised (``7 : 30 p.m``, ``i - 95``, ``what 's``, ``at & t``) and careless
(``7;45am``, ``630PM``, ``30mins``), and for ordinary English too. Each of ``RULES`` is applied once, from the top, to
the whole sentence in lower case. Capitals are letters said by their name, so no later rule touches them. A number
*names* (a road, a year: ``405`` is four oh five) unless a unit or a plural follows, and then *counts* (``405 miles``).
"""

import re
import unicodedata
from collections.abc import Callable

from espnet_atat.errors import UserError
from espnet_atat.speech.synthesis import abbreviations as known
from espnet_atat.speech.synthesis import numbers

Match = re.Match[str]
MONTH = "|".join((*numbers.MONTHS, "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sept", "sep", "oct", "nov", "dec"))
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
HALF = r"(?:\s*([ap])\.?m\b\.?|([ap])\b(?!')\.?)"  # of the day: pm, p.m., and p where nothing parts it from the number
BEFORE_TIME = r"(?<=\bat )|(?<=\bby )|(?<=\btill )|(?<=\buntil )|(?<=\bbefore )|(?<=\bafter )|(?<=\baround )"
BEFORE_DATE = r"(?<=\bon )|(?<=\bby )|(?<=\bof )|(?<=\buntil )|(?<=\bbefore )|(?<=\bafter )|(?<=\bsince )|(?<=\bday )"
IN_WORD = r"[\w'.]"
SYMBOLS = {"&": "and", "@": "at", "+": "plus", "=": "equals", "%": "percent", "°": "degrees"}
VARIANTS = str.maketrans("’‘′–—−⁄…øØłŁð", "'''---/.oOlLd") | str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}
)
QUESTIONS = known.words("who what when where which how is are does do did can could may will would should has have")


def verbalise(text: str) -> str:
    """The words a person says for ``text``: ASCII letters, apostrophes, and ``, . ? !`` after words for the intonation.

    Accents are taken off (``são`` → ``sao``); symbols that nobody says are left out; no word at all is an error.
    """
    spoken = fold(text).lower()
    for pattern, replacement in RULES:
        spoken = re.sub(pattern, replacement, spoken)
    if not re.search("[A-Za-z]", spoken):
        raise UserError(f"{text!r} holds nothing that can be spoken")
    return spoken


def as_sentence(spoken: str) -> str:
    """What ``verbalise`` gave as an engine reads it right: ``seven A M`` → ``seven A.M.``, with a mark at its end.

    Engines take a lone ``A`` for the article; with points it is the letter. Of three letters or more Pico says the
    points, so they are spelled, as people do: ``K, R, I, T, at nine``.
    """
    pointed = re.sub(r"(?<![A-Za-z'])(?:[A-Z](?: [A-Z])+|A)(?![A-Za-z'])\.?", _spelt, spoken)
    if pointed.endswith((".", "?", "!")):
        return pointed
    return pointed.rstrip(",") + ("?" if re.split(r"[ ']", pointed)[0].lower() in QUESTIONS else ".")


def _spelt(match: Match) -> str:
    letters = match[0].removesuffix(".").split()
    if len(letters) < 3:
        return ".".join(letters) + "."
    goes_on = re.match(" [A-Za-z]", match.string[match.end() :])
    return ", ".join(letters) + ("," if goes_on else match[0][len(" ".join(letters)) :])


def fold(text: str) -> str:
    """``text`` in ASCII: accents and variants folded, symbols to spaces; a letter of another alphabet is an error."""
    kept = []
    for char in unicodedata.normalize("NFKD", text.translate(VARIANTS)).translate(VARIANTS):
        if char.isascii() or char in "£€°":
            kept.append(char)
        elif char.isalpha():
            raise UserError(f"{text!r}: no English voice says {char!r} ({unicodedata.name(char, 'unnamed')})")
        elif not unicodedata.combining(char):
            kept.append(" ")
    return "".join(kept)


def _clock(match: Match) -> str:
    hour, minute, *halves = match.groups()
    if int(hour) > 24:
        return f"{numbers.name(hour)} {numbers.name(minute)}"
    return numbers.clock(hour, minute, "".join(filter(None, halves)))


def _hour(match: Match) -> str:
    hour, half = match.groups()
    return numbers.clock(hour, "", half) if int(hour) <= 24 else f"{numbers.name(hour)} {half.upper()} M"


def _money(match: Match) -> str:
    magnitude = {"k": "thousand", "m": "million", "b": "billion", None: ""}
    return numbers.money(match[1], match[2], magnitude.get(match[3], match[3])) + " "


def _phone(match: Match) -> str:
    return ", ".join(map(numbers.digits, re.findall(r"\d+", match[0]))) + ("," if match[0].endswith(",") else "")


def _slashed(match: Match) -> str:
    """``12 / 22 / 17`` and ``1 / 2``; what is neither date nor fraction is two numbers one after the other."""
    first, second, third = match.groups()
    said = numbers.date(first, second, third) if third else numbers.fraction(first, second)
    return said or " ".join(map(numbers.name, filter(None, match.groups())))


def _mixed(match: Match) -> str:
    said = numbers.fraction(match[2], match[3])
    article = {"one half": "a half", "one third": "a third", "one quarter": "a quarter", "one eighth": "an eighth"}
    return f"{numbers.cardinal(match[1])} and {article.get(said, said)}" if said else match[0]


def _month_day(match: Match) -> str:
    if not 1 <= int(match[2]) <= 31:
        return match[0]
    end = f" to {numbers.ordinal(match[3])}" if match[3] else ""
    return f"{match[1]} {numbers.ordinal(match[2])}{end}"


def _range(match: Match) -> str:
    """``between 4 - 7``: to, where the second number is larger."""
    return f"{match[1]}{' to ' if int(match[1]) < int(match[2]) else ' '}{match[2]}"


def _code(match: Match) -> str:
    """Letters and digits in one: ``i95``, ``us1``, ``a1a``, ``hwy75``, ``exit45``, ``my6``."""
    letters, number, rest = match.groups()
    return f"{_letters(letters)} {numbers.name(number)} {_suffix(rest, number) if rest else ''}".rstrip()


def _glued(match: Match) -> str:
    """Digits and letters in one: ``30mins``, ``95n``, ``49ers``, ``5ks``, ``8mile``."""
    number, letters = match.groups()
    if letters == "ers":
        return numbers.name(number).removesuffix("e") + "ers"
    count = _counted(letters) and letters not in known.DIRECTIONS
    return f"{numbers.cardinal(number) if count else numbers.name(number)} {_suffix(letters, number)}"


def _suffix(letters: str, number: str) -> str:
    if letters in known.DIRECTIONS and number != "35":  # the two halves of I 35 are said E and W
        return known.DIRECTIONS[letters]
    return {"ks": "K's"}.get(letters) or (letters.upper() if len(letters) == 1 else letters)


def _letters(letters: str) -> str:
    if letters in known.ABBREVIATIONS or letters in known.SHORT_WORDS:
        return letters
    return numbers.spelled(letters) if len(letters) <= 2 or _unsayable(letters) else letters


def _number(match: Match) -> str:
    number, following = match[1], match[2] or ""
    if "," in number or "." in number or _counted(following):
        return numbers.cardinal(number)
    return numbers.name(number)


def _counted(word: str) -> bool:
    """Whether a number before this word counts it."""
    return word in known.UNITS or (
        len(word) > 3 and word.endswith("s") and not word.endswith("ss") and word not in known.NOT_A_UNIT
    )


def _title(match: Match) -> str:
    """``st louis`` is a saint, ``main st`` a street; likewise ``dr`` and ``ft``."""
    before, title, after = match[1] or "", match[2], match[3] or ""
    numbered = before.endswith(("th ", "first ", "second ", "third ", "main "))
    street = numbered or not after or after in known.STREET_FOLLOWS
    return before + known.STREET_TITLES[title][street]


def _word(match: Match) -> str:
    """An abbreviation's point goes with it; another's ends a sentence."""
    word = match[0].removesuffix(".")
    if word in known.ABBREVIATIONS:
        return known.ABBREVIATIONS[word]
    return numbers.spelled(word) + match[0][len(word) :] if word in known.INITIALISMS or _unsayable(word) else match[0]


def _unsayable(word: str) -> bool:
    return 2 <= len(word) <= 5 and not set(word) & set("aeiouy'") and word not in known.SHORT_WORDS


RULES: tuple[tuple[str, str | Callable[[Match], str]], ...] = (
    # Clitics that a tokeniser has parted: what 's, what ` s, what _s, i 'm, they 're
    (r"(?<=\w)\s*['`_]\s*(s|m|d|ll|re|ve|t)(?!\w)", r"'\1"),
    (r"(?<=\w)\s+n't\b", "n't"),
    (r"\b(st|ft|dr|mt) \.(?= [a-z])", r"\1."),  # st . louis
    # Feet and inches, before quotation marks go: 6'2", 5 ft 10
    (r"(\d)\s*'\s*(\d{1,2})(?![\ds])", r"\1 \2"),
    (r"(?<=\d)\s*ft\b\.?", " feet"),
    (r"[\"`_<>{}|~^*\\]", " "),
    (r"\bat\s*&\s*t\b", "A T and T"),
    (r"(?<!\w)'(?!\d0s\b)|'(?!\w)", " "),
    # Money: $ 5, $5.50, $2 million, $5k
    (rf"([$£€])\s*({NUMBER})(?:\s*(thousand|million|billion|[kmb])\b)?", _money),
    # Times: 7 : 30 pm, 7:30, 7;45am, 5 : 00p; 5.30 pm, 630pm, 10.30 after at; 8 am, 5p after at
    (r"(:[0-5]\d)\s*-\s*(?=\d{1,2}:)", r"\1 to "),
    (r"(?<![-\d] )(?<![-\d])(\d{1,2})\s*-\s*(\d{1,2})(?=\s*[ap]\.?m\b)", _range),
    (rf"(?<![\d.])(\d{{1,2}})\s*[:;]\s*([0-5]\d)(?!\d){HALF}?", _clock),
    (rf"(?<![\d.:])(\d{{1,2}})\.?([0-5]\d){HALF}", _clock),
    (rf"(?:{BEFORE_TIME})(1[0-2]|[1-9])\.([0-5]\d)(?!\d)", _clock),
    (r"(?<![\d.])(\d{1,2})\s*([ap])\.?m\b\.?", _hour),
    (rf"(?:{BEFORE_TIME})(\d{{1,2}})([ap])\b(?!')", _hour),
    (r"\b([ap])\.m\b\.?", lambda match: f"{match[1].upper()} M"),
    # Telephone numbers, 24 / 7, dates and fractions
    (r"(?<!\d)(?:1\s*-\s*)?\(?\d{3}\)?\s*[-.]?\s*\d{3}\s*[-.]\s*\d{4}(?!\d)", _phone),
    (r"(?<!\d)\d{3}\s*-\s*\d{4}(?!\d)", _phone),
    (r"\b24\s*/\s*7\b", "twenty four seven"),
    (
        rf"(?:{BEFORE_DATE})(\d{{1,2}})\s*/\s*(\d{{1,2}})(?!\s*/|\d)",
        lambda match: numbers.date(match[1], match[2]) or match[0],
    ),
    (r"(?<!\d)(\d+)\s+(\d)\s*/\s*(\d)(?!\d)", _mixed),
    (r"(?<!\d)(\d+)\s*/\s*(\d+)(?:\s*/\s*(\d+))?", _slashed),
    # Ordinals, decades, days of a month
    (r"(?<![a-z\d])(\d+)(?:st|nd|rd|th)\b", lambda match: numbers.ordinal(match[1])),
    (r"(?<![\w'])'?(\d{2}[1-9]0|\d{2}00|[2-9]0)'?s\b", lambda match: numbers.decade(match[1])),
    (rf"\s-\s(?=(?:{MONTH})\s+\d)", " to "),
    (rf"\b({MONTH})\s+(\d{{1,2}})(?:\s*-\s*(\d{{1,2}}))?(?![\d,.]*\d|\w)", _month_day),
    # Numbers that count more than one word's worth: 10 %, 1k
    (rf"(?<!\w)({NUMBER})\s*%", lambda match: f"{numbers.cardinal(match[1])} percent"),
    (r"(?<!\w)(?:#|no\.)\s*(?=\d)", "number "),
    (rf"({NUMBER})\s*°\s*([fc]\b)?", lambda match: f"{numbers.cardinal(match[1])} degrees {(match[2] or '').upper()}"),
    (r"\b911\b", numbers.digits("911")),
    # Ranges, then roads: i - 95, us 1, i95
    (r"(?:(?<=\bbetween )|(?<=\bfrom )|(?<=\bof ))(\d+)\s*-\s*(\d+)\b", _range),
    (rf"(?<![-\d] )(?<!\d)(\d+)\s*-\s*(\d+)(?=\s+(?:{'|'.join(sorted(known.UNITS))})\b)", _range),
    (r"\bu\.?s\.?\s*-?\s*(?=\d)", "U S "),
    (r"(?<![a-z'.])i\s*-?\s*(?=\d)", "I "),
    # Initials (k.r.i.t is spelled, st.louis is two words), then letters and digits in one word
    (r"(?<![a-z.'])[a-z](?:\.[a-z])+(?![a-z'])\.?", lambda match: numbers.spelled(match[0].replace(".", ""))),
    # Letters in a row, b a o z; "i a" may be words
    (rf"(?<!{IN_WORD})(?=[ai ]*[b-hj-z]\b)[a-z](?: [a-z])+(?!{IN_WORD})", lambda match: match[0].upper()),
    (r"(?<=[a-z])\.(?=[a-z])", " "),
    (r"(?<![\w.])([a-z]+)(\d+)([a-z])?(?![a-z\d])", _code),
    (r"(?<![a-z\d.])(\d+)([a-z]+)(?![\d])", _glued),
    # What is left of the numbers
    (rf"({NUMBER})(?=[\s-]*([a-z]*))", _number),
    # Words, symbols, white space
    (r"(?<=\w)\s*/\s*(?=hours?\b|hr\b|minutes?\b|min\b|h\b|second\b|day\b)", " per "),
    (r"(?<![a-z'])(\S+ )?\b(st|dr|ft)\b\.?(?=(?: ([a-z]+))?)", _title),
    (r"(?<![A-Za-z'])[a-z]+(?:'[a-z]+)*(?![A-Za-z'])\.?", _word),
    (r"(?<![A-Za-z'])(?:i(?![A-Za-z])|[b-z](?![A-Za-z']))", lambda match: match[0].upper()),
    *((rf"\s*{re.escape(symbol)}\s*", f" {word} ") for symbol, word in SYMBOLS.items()),
    (r"[^A-Za-z',.?!]+", " "),
    (r"\s*([,.?!])(?:\s*[,.?!])*\s*", r"\1 "),
    (r"^[\s,.?!]+|\s+$", ""),
)
