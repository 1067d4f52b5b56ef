"""A small corpus that every tagger of these tests learns: lamps in rooms, and songs."""

from pathlib import Path

from espnet_atat.datadir import DataDir
from espnet_atat.semantics.tree import strip_tags

ROOMS = ("kitchen", "hall", "bath room", "garage", "attic")
SONGS = ("paper moon", "velvet sky", "blue")
TARGETS = (
    *(f"[IN:LIGHTS_ON turn on the [SL:ROOM {room} ] lights ]" for room in ROOMS),
    *(f"[IN:LIGHTS_OFF turn off the lights in the [SL:ROOM {room} ] ]" for room in ROOMS),
    *(f"[IN:PLAY play [SL:SONG {song} ] in the [SL:ROOM {room} ] ]" for song in SONGS for room in ROOMS),
    "[IN:LIGHTS_OFF darkness please [SL:ROOM_ALL ] ]",
)


def write_set(folder: Path, targets: tuple[str, ...] = TARGETS) -> Path:
    """A data dir of these trees, with the ids utt00, utt01, …"""
    target = {f"utt{number:02}": tree for number, tree in enumerate(targets)}
    text = {utt_id: " ".join(strip_tags(tree)) for utt_id, tree in target.items()}
    DataDir(text=text, target=target).write(folder)
    return folder
