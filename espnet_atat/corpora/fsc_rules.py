"""Rules that turn the (action, object, location) of Fluent Speech Commands into a tree.

1. The action is the intent: ``change language`` gives ``[IN:CHANGE_LANGUAGE``.
2. Object and location are slots whose *name contains the value*: ``[SL:OBJECT_LIGHTS``, ``[SL:LOCATION_WASHROOM``.
   Spaces become underscores, letters capitals. ``none`` gives no slot.
3. A slot covers the words that express its value: the value itself, its singular or plural, or a phrase of
   ``SPOKEN_AS``. The first of these that occurs counts, at its first occurrence; the location may not use words of the
   object.
4. A value that no word expresses is an empty slot at the end, the object's before the location's:
   ``[IN:INCREASE louder please [SL:OBJECT_VOLUME ] ]``.

So the tags give the tuple back, and the tree without its tags is the transcript.
"""

from typing import NamedTuple

from espnet_atat.corpora.custom_slots import free_places
from espnet_atat.errors import UserError
from espnet_atat.semantics.frame import Span, to_tree
from espnet_atat.semantics.normalise import SPOKEN
from espnet_atat.semantics.tree import Tree

NONE = "none"
OBJECT = "OBJECT_"
LOCATION = "LOCATION_"

# Other phrases for a value, besides its name and the name's singular and plural.
SPOKEN_AS: dict[str, tuple[str, ...]] = {
    "volume": ("sound", "audio"),
    "music": ("song", "songs", "tune"),
    "heat": ("heating", "heater", "temperature"),
    "newspaper": ("paper", "papers"),
    "washroom": ("bathroom", "restroom", "toilet"),
}
# Values are lower case except these, so that a tag's capitals can be decoded.
CAPITALISED = (
    *("English", "Chinese", "German", "Korean"),  # those of the corpus
    *("Arabic", "Dutch", "French", "Hindi", "Italian", "Japanese", "Mandarin", "Portuguese", "Russian", "Spanish"),
)
_VALUE_OF = {value.upper(): value for value in CAPITALISED}


class Triple(NamedTuple):
    action: str
    object: str
    location: str


def encode(value: str) -> str:
    """The value as part of a label: ``change language`` → ``CHANGE_LANGUAGE``."""
    label = value.upper().replace(" ", "_")
    if not value or value.split() != value.split(" ") or set("[]") & set(value) or decode(label) != value:
        mend = "write it in lower case, with single spaces and no brackets or underscores"
        raise UserError(f"value {value!r} cannot be read back from a tag; {mend}")
    return label


def decode(label: str) -> str:
    """The value of a label: ``CHANGE_LANGUAGE`` → ``change language``, ``CHINESE`` → ``Chinese``."""
    return _VALUE_OF.get(label, label.lower().replace("_", " "))


def phrases(value: str) -> list[list[str]]:
    """Phrases that express a value, the preferred first, each as lower-case words."""
    own = value.lower()
    other_number = own[:-1] if own.endswith("s") else own + "s"
    return [phrase.split() for phrase in (own, other_number, *SPOKEN_AS.get(own, ()))]


def tree_of(triple: Triple, text: str) -> Tree:
    """The tree of a tuple over its transcript (normalised words)."""
    if triple.action == NONE:
        raise UserError("the action is 'none'; every utterance of the corpus has one")
    words = text.split()
    said = [SPOKEN.word(word) for word in words]
    free = [True] * len(words)
    spans: list[Span] = []
    for prefix, value in ((OBJECT, triple.object), (LOCATION, triple.location)):
        if value == NONE:
            continue
        places = ((at, at + len(phrase)) for phrase in phrases(value) for at in free_places(phrase, said, free))
        start, stop = next(places, (len(words), len(words)))
        free[start:stop] = [False] * (stop - start)
        spans.append(Span(prefix + encode(value), start, stop))
    return to_tree(encode(triple.action), words, spans)
