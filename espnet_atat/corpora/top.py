"""Facebook TOP (Gupta et al. 2018) and its successor TOPv2 (Chen et al. 2020): nested trees, as text.

SOURCE is one of

* TOP: ``{train,eval,test}.tsv`` without a header, ``raw <tab> tokenised <tab> tree``;
* TOPv2: ``<domain>_{train,eval,test}.tsv`` with a header, ``domain <tab> utterance <tab> semantic_parse``;
* STOP, TOPv2 spoken (``corpora.stop``, with a recipe of its own): for table 5 on its text and recordings.

Sets are ``train``, ``dev`` (the corpora call it eval) and ``test``; only STOP's have audio. The text is the tree's
words, in lower case and without free-standing punctuation, or with ``--text_form official`` as the corpus writes them.
20 rows of TOPv2 hold the six characters ``\\u2019`` for an apostrophe; the official form keeps them.
``--recordings FILE`` (two columns: id or row number of a test utterance, audio path) adds the set ``recorded_test``.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import read_table, read_tree
from espnet_atat.corpora.stop import find_manifests, read_spoken, unescaped
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.semantics.tree import strip_tags

COLUMNS = {
    "TOP": ("tokenised", "tree"),
    "TOPv2": ("domain", "semantic_parse"),
}
PARTS = {"train": "train", "dev": "eval", "test": "test"}
FOLDER = "top-dataset-semantic-parsing"  # what TOP's archive unpacks to
UNSUPPORTED = "[IN:UNSUPPORTED"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--drop_unsupported",
        action="store_true",
        help="leave out utterances with an IN:UNSUPPORTED… node, in every split, as most of the literature does",
    )
    parser.add_argument("--domains", nargs="+", help="TOPv2 and STOP: only these domains")
    parser.add_argument("--recordings", type=Path, help="two columns: test utterance (id or row number), audio path")


def prepare(
    source: Path,
    data_dir: Path,
    *,
    drop_unsupported: bool = False,
    domains: list[str] | None = None,
    recordings: Path | None = None,
    **options: Any,
) -> PreparationReport:
    """Write ``train``, ``dev``, ``test``, and ``recorded_test`` where recordings are given."""
    source = source / FOLDER if (source / FOLDER).is_dir() else source
    kind, files = _find_files(source)
    if kind == "TOP" and domains:
        raise UserError(f"{source} is TOP, which names no domains; --domains is for TOPv2 and STOP")
    builder = Builder("top", source, data_dir, has_two_forms=True, **options)
    builder.note(f"{kind}, text form: {builder.text_form} (scores are comparable only within one form)")
    for part in PARTS:
        kept = utterances = list(_read_part(kind, part, files[part], builder.options.rules, domains))
        if drop_unsupported:
            kept = [u for u in utterances if UNSUPPORTED not in (u.target or "")]
            builder.note(f"{part}: {len(utterances) - len(kept)} utterances with {UNSUPPORTED}… left out as asked")
        builder.write(part, kept)
        if part == "test" and recordings is not None:
            recorded = _join_recordings(utterances, recordings)
            ids = {utterance.id for utterance in kept}
            chosen = [utterance for utterance in recorded if utterance.id in ids]
            left_out = len(recorded) - len(chosen)
            more = f", {left_out} more are left out with theirs" if left_out else ""
            builder.note(f"recorded_test: {len(chosen)} of {len(kept)} test utterances are recorded{more}")
            builder.write("recorded_test", chosen)
    return builder.report


def _find_files(source: Path) -> tuple[str, dict[str, list[Path]]]:
    """The kind of distribution, and its files by part."""
    stop = {part: [path] for part, path in find_manifests(source).items()} or {part: [] for part in PARTS}
    top = {part: [source / f"{name}.tsv"] for part, name in PARTS.items()}
    top_v2 = {part: sorted(source.glob(f"*_{name}.tsv")) for part, name in PARTS.items()}
    for kind, files in (("STOP", stop), ("TOP", top), ("TOPv2", top_v2)):
        if all(paths and all(path.is_file() for path in paths) for paths in files.values()):
            return kind, files
    raise UserError(
        f"{source}: none of manifests/{{train,eval,test}}.tsv (STOP), {{train,eval,test}}.tsv (TOP) "
        "and <domain>_{train,eval,test}.tsv (TOPv2) is whole there"
    )


def _read_part(
    kind: str, part: str, files: list[Path], rules: Normalisation, domains: list[str] | None
) -> Iterator[Utterance]:
    seen = set()
    for path in files:
        for domain, utterance in _read_file(kind, part, path, rules):
            seen.add(domain)
            if not domains or domain in domains:
                yield utterance
    if unknown := set(domains or ()) - seen:
        raise UserError(f"{files[0].parent}: no domain {min(unknown)!r}; there are {', '.join(sorted(seen))}")


def _read_file(kind: str, part: str, path: Path, rules: Normalisation) -> Iterator[tuple[str, Utterance]]:
    """Domain (empty for TOP) and utterance of each row."""
    if kind == "STOP":
        yield from ((spoken.domain, spoken.utterance) for spoken in read_spoken(path, rules))
        return
    header = ["raw", "tokenised", "tree"] if kind == "TOP" else None
    for row in read_table(path, COLUMNS[kind], delimiter="\t", quoted=False, header=header):
        domain = row.fields.get("domain", "")
        text, tree = read_tree(unescaped(row[COLUMNS[kind][-1]], rules), rules, row.where)
        if kind == "TOP" and row["tokenised"].split() != strip_tags(row["tree"]):
            raise UserError(f"{row.where}: the tree's words differ from column 2, {row['tokenised']!r}")
        key = f"top-{part}" if kind == "TOP" else f"topv2-{part}-{domain}"
        yield domain, Utterance(f"{key}-{row.number:05d}", text, tree, where=row.where)


def _join_recordings(utterances: list[Utterance], path: Path) -> list[Utterance]:
    """The recorded test utterances; the key is an utterance's id or its row number in the split's file."""
    known = {u.id.removeprefix("top-test-").lstrip("0"): u for u in utterances}  # row numbers of TOP's one file
    known |= {utterance.id: utterance for utterance in utterances}
    joined = []
    for key, audio in read_two_column(path).items():
        if key not in known:
            raise UserError(f"{path}: {key!r} is neither the id nor the row number of a test utterance")
        if not audio:
            raise UserError(f"{path}: {key} has no audio path")
        joined.append(replace(known[key], audio=audio, speaker=known[key].id, where=f"{path}: {key}"))
    return joined
