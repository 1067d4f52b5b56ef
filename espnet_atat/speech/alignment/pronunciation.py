"""Pronunciations for the local aligner: its dictionary, and a small fallback for words outside it.

The fallback tries, in this order, and takes the first that gives a pronunciation:

1. accents and characters that are not spoken go ("café" → "cafe"); digits are read as a number ("24" → "twenty four");
2. an ending after an apostrophe, or an inflection, on a known word ("playlist's", "streamed", "remixes");
3. two known words written together ("playlist" → "play" + "list");
4. letter names, for letters without a vowel ("fm" is known, "bpm" is not);
5. letter-to-sound rules, the longest spelling first.

An aligner needs about the right sounds in the right order; the tests align known words as though they were unknown.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

VOWELS = "aeiouy"
SHORTEST_PART = 3  # letters of a word that a compound may be made of

VOICELESS = {"P", "T", "K", "F", "TH"}
SIBILANTS = {"S", "Z", "SH", "ZH", "CH", "JH"}

AFTER_APOSTROPHE = {"ll": "AH L", "re": "ER", "ve": "AH V", "d": "D", "m": "M", "t": "T"}  # and s: see _plural

# Letter-to-sound rules: spelling → phones. "^" and "$" are the beginning and the end of the word, "&" a consonant and
# a silent e at its end, so that "a&" makes "name" differ from "nam".
RULES = {
    "^kn": "N", "^wr": "R", "^ps": "S", "^gn": "N", "^x": "Z", "^wh": "W", "^y": "Y", "^mc": "M AH K", "^u": "AH",
    "ation$": "EY SH AH N", "tion$": "SH AH N", "sion$": "ZH AH N", "cious$": "SH AH S", "tious$": "SH AH S",
    "ous$": "AH S", "ture$": "CH ER", "sure$": "ZH ER", "able$": "AH B AH L", "ible$": "AH B AH L", "le$": "AH L",
    "ge$": "JH", "ce$": "S", "ing$": "IH NG", "es$": "IH Z", "ed$": "D", "ey$": "IY", "ies$": "IY Z", "y$": "IY",
    "ee$": "IY", "e$": "", "ia$": "IY AH",
    "er$": "ER", "or$": "ER", "ar$": "ER", "re$": "ER", "mb$": "M", "mn$": "M", "que$": "K", "gue$": "G",
    "io$": "IY OW", "a$": "AH", "o$": "OW", "i$": "IY", "u$": "UW", "al$": "AH L", "age$": "IH JH", "ism$": "IH Z AH M",
    "a&": "EY", "e&": "IY", "i&": "AY", "o&": "OW", "u&": "UW", "y&": "AY",
    "augh": "AO", "ough": "AO", "eigh": "EY", "igh": "AY", "tch": "CH", "sch": "SH", "dge": "JH", "ssi": "SH",
    "air": "EH R", "ear": "IH R", "eer": "IH R", "our": "AW R", "oor": "AO R", "eau": "OW", "ure": "Y UH R",
    "ai": "EY", "ay": "EY", "au": "AO", "aw": "AO", "ea": "IY", "ee": "IY", "ei": "EY", "eu": "Y UW", "ew": "UW",
    "ie": "IY", "ia": "IY AH", "io": "IY OW", "iu": "IY AH", "oa": "OW", "oe": "OW", "oi": "OY", "oy": "OY",
    "oo": "UW", "ou": "AW", "ow": "OW", "ua": "W AA", "ue": "UW", "ui": "UW IH", "uy": "AY", "ye": "Y EH",
    "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R", "ur": "ER", "yr": "IH R", "wa": "W AA", "wor": "W ER",
    "ch": "CH", "ck": "K", "ci": "S IH", "ce": "S EH", "cy": "S IY", "cc": "K", "gh": "G", "ge": "JH EH", "gi": "G IH",
    "ng": "NG", "nk": "NG K", "ph": "F", "qu": "K W", "rh": "R", "sc": "S K", "sce": "S EH", "sci": "S AY", "sh": "SH",
    "th": "TH", "wh": "W", "zh": "ZH", "kh": "K", "tz": "T S", "ss": "S", "zz": "Z",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K",
    "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V",
    "w": "W", "x": "K S", "y": "IH", "z": "Z",
}  # fmt: skip
LONGEST = max(len(spelling) for spelling in RULES)


@cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """Word → pronunciations of the dictionary that comes with pocketsphinx (CMUdict without stress), read once."""
    from pocketsphinx import get_model_path

    entries: dict[str, list[str]] = {}
    path = Path(get_model_path()) / "en-us" / "cmudict-en-us.dict"
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, phones = line.partition(" ")
        entries.setdefault(word.partition("(")[0], []).append(phones.strip())  # "read(2)" is "read" too
    return {word: tuple(phones) for word, phones in entries.items()}


@cache
def pronounce(word: str) -> tuple[str, ...]:
    """Pronunciations of a word, each a string of phones; none if nothing of it can be spoken."""
    return dictionary().get(word.lower()) or by_fallback(word)


def by_fallback(word: str) -> tuple[str, ...]:
    """The pronunciation of a word without looking the word itself up, if it has any."""
    plain = unicodedata.normalize("NFKD", word.lower()).replace("’", "'")
    parts = re.findall(r"\d+|[a-z']+", "".join(char for char in plain if not unicodedata.combining(char)))
    phones = [_number(part) if part[0].isdigit() else _letters(part.strip("'"), part != word) for part in parts]
    spoken = " ".join(filter(None, phones))
    return (spoken,) if spoken else ()


def _number(digits: str) -> str:
    from num2words import num2words

    words = re.findall("[a-z]+", num2words(int(digits)))
    return " ".join(dictionary()[word][0] for word in words)


def _letters(word: str, known: bool) -> str:
    """Phones of lower-case letters and apostrophes; looked up as a whole only if ``known``."""
    if not word:
        return ""
    if known and word in dictionary():
        return dictionary()[word][0]
    return _inflected(word) or _compound(word) or _spelled(word) or by_rules(word)


def _inflected(word: str) -> str:
    """A known word with an ending."""
    known = dictionary()
    stem, apostrophe, ending = word.rpartition("'")
    if apostrophe and stem in known:
        return f"{known[stem][0]} {AFTER_APOSTROPHE[ending]}" if ending in AFTER_APOSTROPHE else _plural(known[stem][0])
    if apostrophe and ending in ("s", ""):
        return _plural(_letters(stem, known=True))
    for ending, add in (("s", _plural), ("es", _plural), ("ed", _past), ("d", _past), ("ing", "{} IH NG".format)):
        bare = word.removesuffix(ending)
        if bare != word and len(bare) >= SHORTEST_PART:
            # "remixed" from "remix", "baked" from "bake", "stopped" from "stop"
            for stem in (bare, bare + "e", bare[:-1] if bare[-1] == bare[-2] else ""):
                if stem in known:
                    return add(known[stem][0])
    return ""


def _plural(phones: str) -> str:
    last = phones.split()[-1]
    return f"{phones} {'IH Z' if last in SIBILANTS else 'S' if last in VOICELESS else 'Z'}"


def _past(phones: str) -> str:
    last = phones.split()[-1]
    voiceless = last in VOICELESS | {"S", "SH", "CH"}
    return f"{phones} {'IH D' if last in ('T', 'D') else 'T' if voiceless else 'D'}"


def _compound(word: str) -> str:
    """Two known words; of several ways, the one whose shorter part is longest."""
    known = dictionary()
    for size in range(len(word) // 2, SHORTEST_PART - 1, -1):
        for cut in (size, len(word) - size):
            if word[:cut] in known and word[cut:] in known:
                return f"{known[word[:cut]][0]} {known[word[cut:]][0]}"
    return ""


def _spelled(word: str) -> str:
    """Letter names, where no letter is a vowel."""
    if any(letter in VOWELS for letter in word):
        return ""
    return " ".join(dictionary()[letter][-1] for letter in word if letter != "'")


def by_rules(word: str) -> str:
    """Phones by nothing but the letter-to-sound rules."""
    letters = "^" + re.sub(r"([b-df-hj-np-tv-z])\1", r"\1", word.replace("'", "")) + "$"
    sounds: list[str] = []
    place = 1
    while letters[place] != "$":
        taken, sound = _longest_rule(letters, place)
        sounds.append(sound)
        place += taken
    return " ".join(filter(None, sounds))


def _longest_rule(letters: str, place: int) -> tuple[int, str]:
    """How many letters the longest fitting rule takes, and its phones."""
    if re.fullmatch(r"[aeiouy][b-df-hj-np-tvz]e\$", letters[place:]) and place > 1:
        return 1, RULES[letters[place] + "&"]
    for size in range(LONGEST, 0, -1):
        if place == 1 and "^" + letters[1 : 1 + size] in RULES:
            return size, RULES["^" + letters[1 : 1 + size]]
        piece = letters[place : place + size]
        if piece in RULES:
            return len(piece.rstrip("$")), RULES[piece]
    return 1, ""
