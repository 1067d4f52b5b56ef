"""The closed word lists that names are composed of, and the voices.

No list holds two words that sound alike, and no word has a homophone elsewhere in the corpus (no `read` in the past
tense, no `two`, `four`, `eight`, `hour`, `know`, `write` …), so what was said is always spelled in one way.
"""


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES = _words("""
silver golden paper broken silent crystal velvet hungry frozen lonely lucky purple orange electric hidden secret
tiny giant wooden copper empty distant ancient brave famous clever little northern proud gentle royal rusty simple
stormy sunny wild winter summer autumn midnight
""")

NOUNS = _words("""
fox moon garden river mountain forest ocean island window candle mirror lantern feather tiger dragon rabbit turtle
spider eagle dolphin monkey castle bridge tower harbor market station rocket planet shadow thunder rainbow diamond
blanket bottle lemon apple honey sugar coffee ticket cabin valley dancer farmer soldier pirate prince queen stranger
brother sister dream stone water cloud snow boat train street clock dog bird horse wolf
""")

FIRST_NAMES = _words("""
anna peter maria david laura martin helen oscar victor julia daniel simon robert henry thomas
""")

LAST_NAMES = _words("""
carter foster parker walker fisher morgan wilson palmer baker hunter nelson jackson robinson anderson bishop
""")

# Words for the names of a few dev and test utterances; they occur in no training set, spoken or written.
UNHEARD = _words("""
marble pillow camel puzzle anchor saddle zebra cactus wagon parrot magnet barrel pumpkin helmet
""")

# Words that every domain has; all others are content words, and those of chores are in no speech that has trees.
FUNCTION_WORDS = _words("""
a an the this that my me i you it some more please not and or
about after again at back before behind by down for from in into of off on out to up with
is are was be will would can could do does did has have must may
what when where which who how there
""")

VOICES_TRAIN = _words("""
af_alloy af_aoede af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah am_adam am_echo am_eric am_liam
am_onyx am_puck am_santa bf_isabella bf_lily bm_fable bm_lewis
""")
VOICES_DEV = ["af_sky", "am_fenrir", "bf_alice", "bm_daniel"]
VOICES_TEST = ["af_bella", "am_michael", "bf_emma", "bm_george"]
