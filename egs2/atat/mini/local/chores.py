"""Grammar of the chores domain: 7 intents, of which training has text and never speech, not even of the words.

No content word of it (all but `lexicon.FUNCTION_WORDS`) occurs in the music domain: a model that learnt its trees from
music's speech has to understand words that it never heard under a tree.
"""

INTENT_WEIGHTS = {
    "$wash": 20, "$iron": 14, "$clean": 22, "$store": 14, "$mend": 12, "$throw": 10, "$ask": 8,
}  # fmt: skip

NAMES: frozenset[str] = frozenset()

RULES: dict[str, list[str]] = {
    # Slots
    "$GARMENT": ["[SL:GARMENT (shirts|trousers|gloves|sweater|jacket|skirt|scarf|uniform|curtains|sheets|towels) ]"],
    "$FABRIC": ["[SL:FABRIC (silk|wool|cotton|leather) ]"],
    "$STATE": ["[SL:STATE (dirty|wet|wrinkled|torn) ]"],
    "$HEAT": ["[SL:WATER_HEAT (cold|warm|boiling) ]"],
    "$SURFACE": ["[SL:SURFACE (carpet|floor|shelf|desk|sofa|mattress|oven|sink|chimney) ]"],
    "$PLACE": ["[SL:PLACE (basement|attic|hall|laundry|dormitory) ]"],
    "$CONTAINER": ["[SL:CONTAINER (closet|basket|trunk|suitcase|cupboard) ]"],
    "$TOOL": ["[SL:TOOL (a brush|a sponge|a cloth|soap|vinegar) ]"],
    "$DAY": ["[SL:DAY (today|tomorrow|tonight|tuesday|thursday|saturday) ]"],
    "$MEAL": ["[SL:MEAL (breakfast|lunch|supper) ]"],
    "$OWNER": ["[SL:OWNER my (husband|daughter|grandmother) ]"],
    "$TRASH": ["[SL:TRASH (garbage|ashes|newspapers|rubbish) ]"],
    "$DAMAGE": ["[SL:DAMAGE (crack|stain|scratch) ]"],
    # Phrases
    "$pre": ["", "", "", "", "please", "can you", "could you", "would you"],
    "$when": ["", "", "", "$DAY", "before $MEAL", "after $MEAL"],
    "$clothes": [
        "(the|my) $GARMENT",
        "(the|my) $STATE $GARMENT",
        "(the|my) $FABRIC $GARMENT",
        "the $GARMENT of $OWNER",
    ],
    "$spot": ["the $SURFACE", "the $SURFACE in the $PLACE", "the $PLACE", "the $PLACE $SURFACE"],
    # Intents
    "$wash": [
        "[IN:WASH_CLOTHES $pre (wash|rinse) $clothes $when ]",
        "[IN:WASH_CLOTHES $pre wash $clothes at a $HEAT temperature ]",
        "[IN:WASH_CLOTHES $clothes must be washed $when ]",
        "[IN:WASH_CLOTHES i need $clothes washed $when ]",
    ],
    "$iron": [
        "[IN:IRON_CLOTHES $pre (iron|press) $clothes $when ]",
        "[IN:IRON_CLOTHES $pre (iron|press|steam) $clothes carefully ]",
    ],
    "$clean": [
        "[IN:CLEAN_HOUSE $pre (sweep|scrub|polish|dust) $spot $when ]",
        "[IN:CLEAN_HOUSE $pre (scrub|polish|wipe) $spot with $TOOL ]",
        "[IN:CLEAN_HOUSE $spot needs a thorough cleaning $when ]",
        "[IN:CLEAN_HOUSE $spot is (filthy|dusty) ]",
    ],
    "$store": [
        "[IN:STORE_THING $pre (hang|fold) $clothes in the $CONTAINER ]",
        "[IN:STORE_THING $pre (fold|pack) $clothes into the $CONTAINER $when ]",
    ],
    "$mend": [
        "[IN:MEND_THING $pre (repair|fix) the $DAMAGE in $spot $when ]",
        "[IN:MEND_THING there is a $DAMAGE in $spot ]",
    ],
    "$throw": [
        "[IN:REMOVE_TRASH $pre (throw|carry) away the $TRASH $when ]",
        "[IN:REMOVE_TRASH $pre (collect|burn) the $TRASH in the $PLACE $when ]",
        "[IN:REMOVE_TRASH $pre carry the $TRASH into the $PLACE ]",
    ],
    "$ask": [
        "[IN:GET_CHORE_STATUS when will $clothes be dry ]",
        "[IN:GET_CHORE_STATUS have you (washed|folded) $clothes (|already) ]",
        "[IN:GET_CHORE_STATUS have you cleaned $spot $when ]",
    ],
}
