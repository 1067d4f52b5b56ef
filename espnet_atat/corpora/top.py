"""Facebook TOP (Gupta et al. 2018) and its successors TOPv2 (text) and STOP (spoken): nested trees.

SOURCE is one of

* TOP: ``{train,eval,test}.tsv`` without a header, ``raw <tab> tokenised <tab> tree``;
* TOPv2: ``<domain>_{train,eval,test}.tsv`` with a header, ``domain <tab> utterance <tab> semantic_parse``;
* STOP: ``manifests/{train,eval,test}.tsv`` with a header (``file_id``, ``domain``, ``utterance``, ``seqlogical`` …) and
  the audio beside them.

Sets are ``train``, ``dev`` (the corpora call it eval) and ``test``; only STOP's have audio. The text is the tree's
words, in lower case and without free-standing punctuation, or with ``--text_form official`` as the corpus writes them.
``--recordings FILE`` (two columns: id or row number of a test utterance, audio path) adds the set ``recorded_test``.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import Row, read_table, read_tree
from espnet_atat.datadir import read_two_column
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation
from espnet_atat.semantics.tree import strip_tags

COLUMNS = {
    "TOP": ("tokenised", "tree"),
    "TOPv2": ("domain", "semantic_parse"),
    "STOP": ("file_id", "domain", "utterance", "seqlogical"),
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
        kept = utterances = list(_read_part(source, kind, part, files[part], builder.options.rules, domains))
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
    stop = {part: [source / "manifests" / f"{name}.tsv"] for part, name in PARTS.items()}
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
    source: Path, kind: str, part: str, files: list[Path], rules: Normalisation, domains: list[str] | None
) -> Iterator[Utterance]:
    header = ["raw", "tokenised", "tree"] if kind == "TOP" else None
    seen = set()
    for path in files:
        for row in read_table(path, COLUMNS[kind], delimiter="\t", quoted=False, header=header):
            domain = row.fields.get("domain", "")
            seen.add(domain)
            if domains and domain not in domains:
                continue
            if kind == "STOP":
                yield _spoken(source, part, row, rules)
                continue
            text, tree = read_tree(row[COLUMNS[kind][-1]], rules, row.where)
            if kind == "TOP" and row["tokenised"].split() != strip_tags(row["tree"]):
                raise UserError(f"{row.where}: the tree's words differ from column 2, {row['tokenised']!r}")
            key = f"top-{part}" if kind == "TOP" else f"topv2-{part}-{domain}"
            yield Utterance(f"{key}-{row.number:05d}", text, tree, where=row.where)
    if unknown := set(domains or ()) - seen:
        raise UserError(f"{files[0].parent}: no domain {min(unknown)!r}; there are {', '.join(sorted(seen))}")


def _spoken(source: Path, part: str, row: Row, rules: Normalisation) -> Utterance:
    """An utterance of STOP, with its normalised tree (numbers spelled as spoken) if the manifest has one."""
    text, tree = read_tree(row.fields.get("normalized_seqlogical") or row["seqlogical"], rules, row.where)
    file_id = row["file_id"]
    parts = Path(file_id).with_suffix("").parts
    if Path(file_id).is_absolute() or ".." in parts:
        raise UserError(f"{row.where}: file_id {file_id!r} leads out of the corpus")
    # The manifests write eval_0/alarm_eval_0/1.wav for eval_0/alarm_eval/1.wav of the archive.
    candidates = (source / file_id, source / re.sub(r"_(train|eval|test)_\d+/", r"_\1/", file_id))
    audio = next((path for path in candidates if path.is_file()), candidates[0])
    utterance_id = "_".join(("stop", part, *parts[-2:]))
    return Utterance(utterance_id, text, tree, str(audio), utterance_id, row.where)  # speakers are unknown


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
