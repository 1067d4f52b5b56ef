"""SNIPS smart-lights (Saade et al. 2018), close field and far field: 6 intents, 5-fold cross validation.

A folder has ``config.json`` (naming ``dataset`` and ``speech_corpus``), ``dataset.json`` (annotated queries by intent)
and ``speech_corpus/{metadata.json,audio/*.wav}``. Recordings are matched to queries by their words; queries without a
recording and recordings without a query are left out and counted.

For every field and fold K the sets ``<field>_foldK_{train,dev,test}`` are written. Folds are drawn by the seed and
stratified by intent; recordings of one sentence (with ``--speaker_disjoint``: of one speaker) stay in one fold. The
plain folds ``<field>_plain_foldK_{train,test}`` keep nothing together and hold out no dev set, as the AT-AT paper's.
"""

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.splits import write_folds
from espnet_atat.errors import UserError, naming
from espnet_atat.semantics.frame import Span, to_tree
from espnet_atat.semantics.normalise import Normalisation, normalise_words
from espnet_atat.semantics.tree import Tree
from espnet_atat.strict_json import read_json

FIELD_FOLDERS = {"close": "smart-lights-en-close-field", "far": "smart-lights-en-far-field"}
FOLDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fields", nargs="+", choices=tuple(FIELD_FOLDERS), help="default: those that exist")
    parser.add_argument("--speaker_disjoint", action="store_true", help="no speaker in two folds")


def prepare(
    source: Path, data_dir: Path, *, fields: list[str] | None = None, speaker_disjoint: bool = False, **options: Any
) -> PreparationReport:
    """Write the sets of all five folds of each field."""
    builder = Builder("snips", source, data_dir, **options)
    for field, root in _find_fields(source, fields).items():
        recordings = _read_field(builder, field, root)
        items = [(u, intent, str(u.speaker) if speaker_disjoint else u.text) for u, intent in recordings]
        drawn = f"drawn with seed {builder.options.seed}"
        kept = "no speaker is in two folds" if speaker_disjoint else "no sentence is in two folds"
        write_folds(builder, field, items, FOLDS, split=f"five folds, {drawn}; {kept}")
        alone = [(u, intent, u.id) for u, intent in recordings]
        plain = f"five plain folds, {drawn}: test repeats sentences and speakers of train"
        write_folds(builder, f"{field}_plain", alone, FOLDS, dev=False, split=plain)
    return builder.report


def _find_fields(source: Path, wanted: list[str] | None) -> dict[str, Path]:
    """Field → its folder; the source is one such folder, or has them below it."""
    if (source / "dataset.json").is_file() or (source / "config.json").is_file():
        found = {"far" if "far" in source.resolve().name else "close": source}
    else:
        found = {name: source / folder for name, folder in FIELD_FOLDERS.items() if (source / folder).is_dir()}
    if not found:
        raise UserError(f"{source}: neither {' nor '.join(FIELD_FOLDERS.values())} is below it")
    if absent := [name for name in wanted or () if name not in found]:
        raise UserError(f"{source}: no {FIELD_FOLDERS[absent[0]]}; present: {', '.join(found)}")
    return {name: found[name] for name in wanted or found}


def _read_field(builder: Builder, field: str, root: Path) -> list[tuple[Utterance, str]]:
    """The recordings of a field with their intents."""
    dataset, corpus = _read_config(root)
    queries = _read_queries(builder, field, dataset, builder.options.rules)
    metadata = corpus / "metadata.json"
    entries = read_json(metadata)
    recordings: list[tuple[Utterance, str]] = []
    heard: Counter[str] = Counter()
    left_out: dict[str, list[str]] = {"whose words no query has": [], "named in metadata.json but absent": []}
    unknown, silent = left_out.values()
    if not isinstance(entries, dict | list):
        raise UserError(f"{metadata}: an object or a list of recordings is expected, found {entries!r}")
    for key, entry in entries.items() if isinstance(entries, dict) else enumerate(entries):
        where = f"{metadata}: entry {key}"
        filename, text, worker = _metadata_fields(where, entry)
        words = normalise_words(text)
        audio = corpus / "audio" / filename
        if words not in queries:
            unknown.append(filename)
        elif not audio.is_file():
            silent.append(filename)
        else:
            heard[words] += 1
            intent, tree = queries[words]
            name = f"{worker}-{Path(filename).stem}"
            utterance = Utterance(name, " ".join(tree.words()), tree.serialise(), str(audio), worker, where)
            recordings.append((utterance, intent))
    builder.note(f"{field}: {len(recordings)} recordings of {len(heard)} queries, {len(queries)} queries in all")
    builder.note(f"{field}: {len(queries) - len(heard)} queries without a recording are not utterances of the set")
    for what, names in left_out.items():
        if names:
            builder.note(f"{field}: {len(names)} recordings {what} left out: {', '.join(sorted(names)[:20])}")
    if repeated := heard.total() - len(heard):
        builder.note(f"{field}: {repeated} recordings repeat the words of another")
    return recordings


def _read_config(root: Path) -> tuple[Path, Path]:
    """The data set file and the speech corpus folder that ``config.json`` names."""
    path = root / "config.json"
    config = read_json(path) if path.is_file() else {"dataset": "dataset.json", "speech_corpus": "speech_corpus"}
    for key in ("dataset", "speech_corpus"):
        name = config.get(key) if isinstance(config, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{path}: no {key!r}; it names a path beside it")
        if not (root / name).exists() or ".." in Path(name).parts or Path(name).is_absolute():
            raise UserError(f"{path}: its {key!r}, {name!r}, is not beside it")
    return root / config["dataset"], root / config["speech_corpus"]


def _metadata_fields(where: str, entry: Any) -> tuple[str, str, str]:
    """File name, text and worker of a recording."""
    try:
        filename, text, worker = entry["filename"], entry["text"], str(entry["worker"]["id"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{where}: expected filename, text and worker.id ({error} is missing)") from error
    if not isinstance(filename, str) or not isinstance(text, str):
        raise UserError(f"{where}: filename and text are texts, found {filename!r} and {text!r}")
    if Path(filename).name != filename:
        raise UserError(f"{where}: filename {filename!r} leads out of the audio folder")
    return filename, text, re.sub(r"[^\w.-]+", "_", worker)


def label(name: str) -> str:
    """A corpus name as a label: ``SetLightColor`` → ``SET_LIGHT_COLOR``, ``room`` → ``ROOM``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^A-Z0-9]+", "_", spaced.upper()).strip("_")


def _read_queries(builder: Builder, field: str, path: Path, rules: Normalisation) -> dict[str, tuple[str, Tree]]:
    """Words as spoken → (intent, tree) of every annotated query."""
    content = read_json(path)
    queries: dict[str, tuple[str, Tree]] = {}
    repeated, conflicting = 0, []
    try:
        annotated = [(i, n, query) for i, d in content["intents"].items() for n, query in enumerate(d["utterances"])]
        for intent, number, query in annotated:
            where = f"{path}: query {number} of {intent}"
            tree = tree_of_query(intent, query["data"], rules, where)
            words = normalise_words("".join(chunk["text"] for chunk in query["data"]))
            if words not in queries:
                queries[words] = (intent, tree)
            elif queries[words][1] == tree:
                repeated += 1
            else:
                conflicting.append(words)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: expected intents → utterances → data → text ({error!r})") from error
    if repeated:
        builder.note(f"{field}: {repeated} queries repeat another")
    if conflicting:
        shown = "; ".join(conflicting[:10])
        builder.note(f"{field}: {len(conflicting)} queries repeat another with other labels; the first counts: {shown}")
    return queries


def tree_of_query(intent: str, chunks: list[dict[str, str]], rules: Normalisation, where: str) -> Tree:
    """The tree of a query given as chunks of text, some with a ``slot_name``.

    A word that lies partly in an annotated chunk (``kitchen`` + ``'s lights``) belongs to it.
    """
    owners: list[int | None] = []  # for each character, the number of its annotated chunk
    for number, chunk in enumerate(chunks):
        annotated = "slot_name" in chunk or "entity" in chunk
        owners += [number if annotated else None] * len(chunk["text"])
    words: list[str] = []
    spans: dict[int, tuple[int, int]] = {}
    for match in re.finditer(r"\S+", "".join(chunk["text"] for chunk in chunks)):
        word = rules.word(match.group())
        owner = next((number for number in owners[match.start() : match.end()] if number is not None), None)
        if owner is not None:
            start, _ = spans.get(owner, (len(words), 0))
            spans[owner] = (start, len(words) + bool(word))
        if word:
            words.append(word)
    named = {n: label(chunk.get("slot_name") or chunk["entity"]) for n, chunk in enumerate(chunks) if n in spans}
    with naming(where):
        return to_tree(label(intent), words, [Span(named[n], *place) for n, place in spans.items()])
