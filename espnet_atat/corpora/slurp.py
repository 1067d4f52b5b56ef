"""SLURP (Bastianelli et al. 2020): commands to a home assistant in 18 domains, with scenario, action and entities.

SOURCE is the repository of its text, with the audio unpacked into it: ``dataset/slurp/{train,train_synthetic,devel,
test}.jsonl`` and ``metadata.json``, ``audio/slurp_real/*.flac`` and ``audio/slurp_synth/*.flac``. Without ``dataset/
slurp`` and ``audio``, the same files may lie in SOURCE itself. A line of a table is a sentence, as tokens, with a
scenario, an action, entities (types of tokens) and its recordings, by a headset (``-headset``) and from afar.

The intent is scenario and action, each entity a slot. Words are the tokens, which SLURP's scorer takes too (``what
's``). Sets are ``train``, ``dev`` (devel), ``test``, and ``train_synthetic`` where it is there. A recording that the
tables name twice counts once.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import Row, read_json_lines
from espnet_atat.corpora.snips import label
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.frame import Span, to_tree
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.semantics.tree import Tree
from espnet_atat.strict_json import read_json

HEADSET = "-headset"
MICROPHONES = ("headset", "far")
#: Set → its table, and the folder of its audio.
PARTS = {
    "train": ("train.jsonl", "slurp_real"),
    "train_synthetic": ("train_synthetic.jsonl", "slurp_synth"),
    "dev": ("devel.jsonl", "slurp_real"),
    "test": ("test.jsonl", "slurp_real"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--microphones", nargs="+", choices=MICROPHONES, default=MICROPHONES, help="default: both")


def prepare(
    source: Path, data_dir: Path, *, microphones: tuple[str, ...] = MICROPHONES, **options: Any
) -> PreparationReport:
    """Write ``train``, ``dev``, ``test``, and ``train_synthetic`` if its table and its audio are there."""
    tables = _find(source, "dataset/slurp", "train.jsonl")
    audio = _find(source, "audio", "slurp_real")
    builder = Builder("slurp", source, data_dir, **options)
    speakers = _read_speakers(builder, tables / "metadata.json")
    seen: set[str] = set()
    for name, (table_name, folder_name) in PARTS.items():
        table, folder = tables / table_name, audio / folder_name
        if name == "train_synthetic" and not (table.is_file() and folder.is_dir()):
            builder.note(f"{name}: left out, as {folder if table.is_file() else table} is not there")
            continue
        counts: Counter[str] = Counter()
        chosen = MICROPHONES if name == "train_synthetic" else microphones
        utterances = list(_read_part(table, folder, builder.options.rules, speakers, chosen, seen, counts))
        builder.note(f"{name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
        builder.write(name, utterances)
    return builder.report


def _find(source: Path, folder: str, name: str) -> Path:
    """The source or the folder in it, whichever has the name."""
    if found := [root for root in (source / folder, source) if (root / name).exists()]:
        return found[0]
    raise UserError(
        f"{source}: no {folder}/{name}; give the folder of SLURP's repository, with its audio unpacked into it"
    )


def _read_speakers(builder: Builder, path: Path) -> dict[str, str]:
    """Recording → speaker (``usrid``); empty without the file, and then every recording is its own speaker."""
    if not path.is_file():
        builder.note(f"no {path}, which names the speakers: every recording is its own speaker")
        return {}
    try:
        recordings = [one["recordings"] for one in read_json(path).values()]
        return {file: about["usrid"] for files in recordings for file, about in files.items() if about.get("usrid")}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected slurp_id → recordings → file → usrid ({error!r})") from error


def _read_part(
    table: Path,
    folder: Path,
    rules: Normalisation,
    speakers: dict[str, str],
    microphones: tuple[str, ...],
    seen: set[str],
    counts: Counter[str],
) -> Iterator[Utterance]:
    """The recordings of a table, each an utterance; ``seen``: files of all tables so far."""
    for what in ("sentences", "recordings", "by headset", "a second time, left out"):
        counts[what] = 0
    for row in read_json_lines(table):
        tree, left_out = spanned_tree(row, rules)
        counts["sentences"] += 1
        counts.update({"entities that overlap others or have gaps, left out": left_out} if left_out else {})
        text, target = " ".join(tree.words()), tree.serialise()
        for file in _recordings(row):
            if ("headset" if Path(file).stem.endswith(HEADSET) else "far") not in microphones:
                continue
            if file in seen:
                counts["a second time, left out"] += 1
                continue
            seen.add(file)
            counts["recordings"] += 1
            counts["by headset"] += Path(file).stem.endswith(HEADSET)
            stem = Path(file).stem
            speaker = speakers.get(file)
            utterance_id = stem if speaker is None else f"{speaker}-{stem}"
            yield Utterance(utterance_id, text, target, str(folder / file), speaker or utterance_id, row.where)


def _recordings(row: Row) -> list[str]:
    """File names of a sentence's recordings."""
    try:
        files = [one["file"] for one in row.fields["recordings"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{row.where}: expected recordings → file ({error!r})") from error
    if foreign := [file for file in files if not isinstance(file, str) or Path(file).name != file]:
        raise UserError(f"{row.where}: recording {foreign[0]!r} is not the name of a file in the audio folder")
    return files


def spanned_tree(row: Row, rules: Normalisation) -> tuple[Tree, int]:
    """The tree of a sentence, and how many of its entities cannot be in one (they overlap others, or have gaps)."""
    words: list[str] = []
    places: list[tuple[int, int]] = []  # of each token's words
    spans: list[Span] = []
    taken: set[int] = set()
    left_out = 0
    try:
        scenario, action = row.fields["scenario"], row.fields["action"]
        for token in row.fields["tokens"]:
            found = rules.words(token["surface"].split())
            places.append((len(words), len(words) + len(found)))
            words += found
        for entity in row.fields["entities"]:
            tokens = sorted(entity["span"])
            if not tokens or taken & {*tokens} or tokens != list(range(tokens[0], tokens[-1] + 1)):
                left_out += 1
                continue
            taken |= {*tokens}
            spans.append(Span(label(entity.get("type", "unknown")), places[tokens[0]][0], places[tokens[-1]][1]))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(
            f"{row.where}: expected scenario, action, tokens → surface and entities → span, type ({error!r})"
        ) from error
    with naming(row.where):
        return to_tree(label(f"{scenario}_{action}"), words, spans), left_out
