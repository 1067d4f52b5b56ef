"""Abbreviations, units and names that are spelled out letter by letter; not ``la`` and ``us``, which may be words."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ABBREVIATIONS = {
    "ave": "avenue", "av": "avenue", "blvd": "boulevard", "hwy": "highway", "pkwy": "parkway", "rd": "road",
    "rt": "route", "rte": "route", "expy": "expressway", "fwy": "freeway", "ln": "lane", "mt": "mount",
    "intl": "international", "apt": "apartment", "bldg": "building", "appt": "appointment", "approx": "approximately",
    "min": "minutes", "mins": "minutes", "hr": "hour", "hrs": "hours", "sec": "seconds", "secs": "seconds",
    "mph": "miles per hour", "kph": "kilometers per hour", "km": "kilometers", "mi": "miles", "lb": "pound",
    "lbs": "pounds", "oz": "ounces", "yrs": "years", "wk": "week", "wknd": "weekend",
    "vs": "versus", "pp": "pages", "mr": "mister", "mrs": "missus", "ms": "miz", "jr": "junior", "etc": "et cetera",
    "jan": "january", "feb": "february", "apr": "april", "aug": "august", "sept": "september", "sep": "september",
    "oct": "october", "nov": "november", "dec": "december",
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thur": "thursday", "thurs": "thursday",
    "fri": "friday",
}  # fmt: skip

#: (before a name, at the end of one)
STREET_TITLES = {"st": ("saint", "street"), "dr": ("doctor", "drive"), "ft": ("fort", "feet")}
#: Words that a name does not begin with, so that ``st`` before them is a street.
STREET_FOLLOWS = words(
    "and or at in on to from by near for of right now today tonight tomorrow this is are was will be there between "
    "using via with if when how what going before after until until during into closed open have has a the my i "
    "that area exit bridge"
)

#: Words before which a number counts. Plurals count too, but for those below.
UNITS = words(
    "mile miles mi minute minutes min mins hour hours hr hrs second seconds day days week weeks month months year "
    "years people person dollar dollars buck bucks cent cents percent degree degrees foot feet meter meters mph kph "
    "km kilometer kilometers pound pounds lb lbs ounce ounces inch inches gallon gallons block blocks times thousand "
    "million billion am pm children women men"
)
NOT_A_UNIT = words(
    "always this does towards across unless plus previous perhaps texas illinois kansas arkansas massachusetts "
    "dallas paris express various besides sometimes las los angeles orleans its is was has as"
)

DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west", "nb": "northbound", "sb": "southbound"}

#: Spelled although they have vowels.
INITIALISMS = words(
    "nyc usa uk ny nj pa ca ga az il ky dc tv dj ac atm gps cma ymca amc ucla usc lax sfo ohsu uc asu fsu lsu lbj rv "
    "suv hov eta asap rsvp diy bbq abc cia fbi nba nfl mlb nhl ufc wwe edm aaa"
)

#: Without a vowel and yet words, or abbreviations that another rule expands.
SHORT_WORDS = words("my at by to in on is st dr ft hmm shh pls plz thx nth psst brr mhm")
