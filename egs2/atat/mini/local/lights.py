"""Grammar of the lights corpus, which plays the part of FSC and SNIPS.

The action of FSC's 3-tuple is the intent; object and location are slots whose *name* carries the value, so the tuple is
read off the tags alone (an unspoken value is an empty slot, `none` is no slot). COLOR, BRIGHTNESS, DEGREES and DELAY
are slots as in SNIPS: their value is what was said, and the tuple does not hold them.
"""

import re

INTENT_WEIGHTS = {
    "$activate": 22, "$deactivate": 20, "$increase": 15, "$decrease": 15, "$set_color": 16, "$set_brightness": 12,
}  # fmt: skip

NAMES: frozenset[str] = frozenset()

RULES: dict[str, list[str]] = {
    "$pre": ["", "", "", "", "please", "can you", "could you"],
    "$KITCHEN": ["[SL:LOCATION_KITCHEN kitchen ]"],
    "$BEDROOM": ["[SL:LOCATION_BEDROOM bedroom ]"],
    "$WASHROOM": ["[SL:LOCATION_WASHROOM (washroom|bathroom) ]"],
    "$OFFICE": ["[SL:LOCATION_OFFICE office ]"],
    "$LOCATION": ["($KITCHEN|$BEDROOM|$WASHROOM|$OFFICE)"],
    "$LIGHTS": ["[SL:OBJECT_LIGHTS (lights|lights|light) ]"],
    "$LAMP": ["[SL:OBJECT_LAMP lamp ]"],
    "$FAN": ["[SL:OBJECT_FAN fan ]"],
    "$HEAT": ["[SL:OBJECT_HEAT (heat|heating) ]"],
    "$OBJECT": ["($LIGHTS|$LIGHTS|$LIGHTS|$LAMP|$LAMP|$FAN|$HEAT)"],
    "$LIGHT": ["($LIGHTS|$LIGHTS|$LAMP)"],
    "$COLOR": ["[SL:COLOR (blue|green|yellow|orange|purple|white|pink) ]"],
    "$BRIGHTNESS": ["[SL:BRIGHTNESS (ten|fifteen|twenty|thirty|forty|fifty|sixty) ]"],
    "$DEGREES": ["[SL:DEGREES (three|five|six|seven|ten) ]"],
    "$DELAY": ["[SL:DELAY (five|six|seven|nine|ten|twelve|fifteen|twenty|thirty) minutes ]"],
    "$where": ["", "in the $LOCATION"],
    "$thing": ["the $OBJECT", "the $OBJECT in the $LOCATION", "the $LOCATION $OBJECT"],
    "$light_thing": ["the $LIGHT", "the $LIGHT in the $LOCATION", "the $LOCATION $LIGHT"],
    "$activate": [
        "[IN:ACTIVATE $pre (turn|switch) on $thing ]",
        "[IN:ACTIVATE $pre (turn|switch) on $thing ]",
        "[IN:ACTIVATE $pre (turn|switch) the $OBJECT on $where ]",
        "[IN:ACTIVATE (turn|switch) on $thing in $DELAY ]",
        "[IN:ACTIVATE (i need|give me) (some|more) $LIGHTS $where ]",
        "[IN:ACTIVATE it is (so|very) dark $where [SL:OBJECT_LIGHTS ] ]",
        "[IN:ACTIVATE $LIGHTS on (||please) $where ]",
    ],
    "$deactivate": [
        "[IN:DEACTIVATE $pre (turn|switch) off $thing ]",
        "[IN:DEACTIVATE $pre (turn|switch) off $thing ]",
        "[IN:DEACTIVATE $pre (turn|switch) the $OBJECT off $where ]",
        "[IN:DEACTIVATE (turn|switch) off $thing in $DELAY ]",
        "[IN:DEACTIVATE i do not need the $OBJECT $where ]",
        "[IN:DEACTIVATE $LIGHTS off (||please) $where ]",
    ],
    "$increase": [
        "[IN:INCREASE $pre turn up the $HEAT $where ]",
        "[IN:INCREASE $pre turn up the $HEAT by $DEGREES degrees $where ]",
        "[IN:INCREASE $pre make it (warmer|a little warmer) $where [SL:OBJECT_HEAT ] ]",
        "[IN:INCREASE it is (so|very) cold $where [SL:OBJECT_HEAT ] ]",
        "[IN:INCREASE $pre make the $LIGHT (brighter|a little brighter) $where ]",
        "[IN:INCREASE $pre turn the $HEAT up $where ]",
    ],
    "$decrease": [
        "[IN:DECREASE $pre turn down the $HEAT $where ]",
        "[IN:DECREASE $pre turn down the $HEAT by $DEGREES degrees $where ]",
        "[IN:DECREASE $pre make it (cooler|a little cooler) $where [SL:OBJECT_HEAT ] ]",
        "[IN:DECREASE it is (so|very) hot $where [SL:OBJECT_HEAT ] ]",
        "[IN:DECREASE it is (so|very) bright $where [SL:OBJECT_LIGHTS ] ]",
        "[IN:DECREASE $pre (dim|lower) $light_thing ]",
        "[IN:DECREASE $pre turn the $HEAT down $where ]",
    ],
    "$set_color": [
        "[IN:SET_COLOR $pre (make|turn) $light_thing $COLOR ]",
        "[IN:SET_COLOR $pre (change|set) $light_thing to $COLOR ]",
        "[IN:SET_COLOR i (want|would like) (|a) $COLOR $LIGHTS $where ]",
    ],
    "$set_brightness": [
        "[IN:SET_BRIGHTNESS $pre (set|dim) $light_thing to $BRIGHTNESS percent ]",
        "[IN:SET_BRIGHTNESS $pre (set|change) the $LIGHT $where to $BRIGHTNESS percent ]",
    ],
}

TAG = re.compile(r"\[(IN:|SL:OBJECT_|SL:LOCATION_)(\w+)")


def three_tuple(tree: str) -> tuple[str, str, str]:
    """(action, object, location) of a tree, lower case with spaces, `none` where there is none."""
    found = {prefix: value.lower().replace("_", " ") for prefix, value in TAG.findall(tree)}
    return found["IN:"], found.get("SL:OBJECT_", "none"), found.get("SL:LOCATION_", "none")
