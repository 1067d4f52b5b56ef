"""How a person says the numbers of a command: clock times, roads, years, prices, telephone numbers.

Every function takes digits as they are written and returns lower-case words without hyphens, after the American manner:
``two hundred five`` and not ``two hundred and five``. Letters that are said by their name are capitals: ``seven P M``.
"""

from functools import cache

from num2words import num2words

DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FRACTIONS = {2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 8: ("eighth", "eighths")}
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}


@cache
def cardinal(number: str) -> str:
    """``1,250`` → one thousand two hundred fifty; ``1.5`` → one point five."""
    whole, _, decimals = number.replace(",", "").partition(".")
    words = _plain(num2words(int(whole or 0)))
    return f"{words} point {digits(decimals).replace('oh', 'zero')}" if decimals else words


@cache
def ordinal(number: str) -> str:
    """``24`` → twenty fourth."""
    return _plain(num2words(int(number), to="ordinal"))


def digits(number: str) -> str:
    """``206`` → two oh six."""
    return " ".join(DIGITS[int(digit)] for digit in number)


def spelled(letters: str) -> str:
    """``dc`` → D C."""
    return " ".join(letters.upper())


def name(number: str) -> str:
    """A number that names rather than counts: a road, a house, a year, a code.

    ``95`` → ninety five, ``405`` → four oh five, ``610`` → six ten, ``1604`` → sixteen oh four, ``2018`` → twenty
    eighteen, ``29720`` → two nine seven two oh.
    """
    if (number.startswith("0") and len(number) > 1) or (len(number) > 4 and not number.endswith("000")):
        return digits(number)
    if len(number) <= 2 or len(number) > 4:
        return cardinal(number)
    front, back = number[:-2], number[-2:]
    if number.endswith("000") or (len(number) == 4 and front[1] == "0" and int(front) >= 20 and back[0] == "0"):
        return cardinal(number)  # two thousand, two thousand five
    if back == "00":
        return f"{cardinal(front)} hundred"
    return f"{cardinal(front)} {_two_digits(back)}"


def clock(hour: str, minute: str = "", half: str = "") -> str:
    """``7``, ``30``, ``p`` → seven thirty P M; ``5``, ``00`` → five o'clock; ``14``, ``05`` → fourteen oh five."""
    words = [cardinal(hour)]
    if minute not in ("", "00"):
        words.append(_two_digits(minute))
    elif minute == "00" and not half:
        words.append("o'clock" if 1 <= int(hour) <= 12 else "hundred")
    if half:
        words.append(f"{half.upper()} M")
    return " ".join(words)


def money(currency: str, amount: str, magnitude: str = "") -> str:
    """``$``, ``5.50`` → five dollars fifty cents; ``$``, ``2``, ``million`` → two million dollars."""
    unit, small = CURRENCIES[currency]
    whole, _, cents = amount.partition(".")
    if magnitude or (cents and len(cents) != 2):
        return " ".join(filter(None, (cardinal(amount), magnitude, unit + "s")))
    words = [] if int(whole.replace(",", "") or 0) == 0 and cents.strip("0") else [cardinal(whole), plural(unit, whole)]
    if cents.strip("0"):
        words += [cardinal(cents), plural(small, cents) if small != "penny" else "pence"]
    return " ".join(words)


def fraction(numerator: str, denominator: str) -> str | None:
    """``1``, ``2`` → one half; None for what is not said as a fraction."""
    if int(denominator) not in FRACTIONS or not 0 < int(numerator) < int(denominator):
        return None
    return f"{cardinal(numerator)} {FRACTIONS[int(denominator)][int(numerator) > 1]}"


def date(month: str, day: str, year: str = "") -> str | None:
    """``12``, ``22``, ``17`` → december twenty second twenty seventeen; None for what is no date."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    words = f"{MONTHS[int(month) - 1]} {ordinal(day)}"
    return f"{words} {name('20' + year if len(year) == 2 else year)}" if year else words


def decade(number: str) -> str:
    """``80`` → eighties, ``1990`` → nineteen nineties, ``1900`` → nineteen hundreds."""
    words = name(number)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def plural(unit: str, amount: str) -> str:
    """The unit with an s unless there is exactly one."""
    return unit if amount.replace(",", "").lstrip("0") == "1" else unit + "s"


def _two_digits(number: str) -> str:
    """``05`` → oh five, ``30`` → thirty."""
    return digits(number) if number[0] == "0" else cardinal(number)


def _plain(words: str) -> str:
    return words.replace("-", " ").replace(",", "").replace(" and ", " ")
