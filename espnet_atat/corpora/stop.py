"""STOP (Tomasello et al. 2022): TOPv2's eight domains read out, with its nested trees.

SOURCE is the folder ``stop`` of the archive, or the one above it: ``manifests/{train,eval,test}.tsv`` with a header
(``file_id``, ``domain``, ``utterance``, ``seqlogical``, ``normalized_seqlogical`` …) and the audio beside them. Targets
are the normalised trees (numbers as they are spoken). Every eval and test utterance was recorded twice.

Sets are ``train``, ``dev`` (eval) and ``test``; ``heldin_*`` of the six domains that domain adaptation may use whole,
and of each held-out one, ``reminder`` and ``weather``, ``<domain>_{train,dev,test}`` and few-shot sets
``<domain>_<N>spis_{train,dev}``, in which every intent and slot occurs N times where the domain has it so often. These
are the owner's (``low_resource_splits/*.tsv``, lists of audio in fairseq's form) where their list is there, and drawn
by the seed where it is not.
"""

import argparse
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import Row, read_lines, read_table, read_tree
from espnet_atat.corpora.splits import ranked
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import OFFICIAL, Normalisation
from espnet_atat.semantics.tree import CLOSE, is_tag

COLUMNS = ("file_id", "domain", "utterance", "seqlogical")
PARTS = {"train": "train", "dev": "eval", "test": "test"}
DOMAINS = ("alarm", "event", "messaging", "music", "navigation", "reminder", "timer", "weather")
HELD_OUT = ("reminder", "weather")
SPIS = (25, 10)  # samples per intent and slot
FOLDERS = ("low_resource_splits", "stop/low_resource_splits")
#: The owner's list of a set, as ``low_resource_splits.tar.gz`` has it; ``{n}``: samples per intent and slot.
LISTS = {
    "heldin_train": "held_in_train.tsv",
    "heldin_dev": "held_in_eval.tsv",
    "heldin_test": "held_in_test.tsv",
    **{f"{domain}_test": f"held_out_{domain}_test.tsv" for domain in HELD_OUT},
    **{f"{domain}_{n}spis_train": f"{domain}_train_{n}spis.tsv" for domain in HELD_OUT for n in SPIS},
    **{f"{domain}_{n}spis_dev": f"{domain}_valid_{n}spis.tsv" for domain in HELD_OUT for n in SPIS},
}


@dataclass(frozen=True)
class Spoken:
    """A row of a manifest; ``key`` names its recording as all of the owner's files do, however they spell folders."""

    utterance: Utterance
    domain: str
    key: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--low_resource", type=Path, metavar="D", help="the folder low_resource_splits, if not in SOURCE"
    )
    parser.add_argument("--no_adaptation", action="store_true", help="only train, dev and test")


def prepare(
    source: Path, data_dir: Path, *, low_resource: Path | None = None, no_adaptation: bool = False, **options: Any
) -> PreparationReport:
    """Write the sets of the official splits, and those of domain adaptation."""
    manifests = find_manifests(source)
    if not manifests:
        raise UserError(f"{source}: no manifests/{{train,eval,test}}.tsv; give the folder 'stop' of STOP's archive")
    lists = _find_lists(source, low_resource)
    builder = Builder("stop", source, data_dir, has_two_forms=True, **options)
    rows = {part: list(read_spoken(path, builder.options.rules)) for part, path in manifests.items()}
    for part, spoken in rows.items():
        counts = Counter(one.domain for one in spoken)
        builder.note(f"{part}: " + ", ".join(f"{domain} {counts[domain]}" for domain in sorted(counts)))
        builder.write(part, [one.utterance for one in spoken])
    if not no_adaptation:
        for name, chosen in adaptation_sets(builder, rows, lists):
            builder.write(name, [one.utterance for one in chosen])
    return builder.report


def find_manifests(source: Path) -> dict[str, Path]:
    """The three manifests by part; empty where not all are there."""
    for root in (source, source / "stop"):
        found = {part: root / "manifests" / f"{name}.tsv" for part, name in PARTS.items()}
        if all(path.is_file() for path in found.values()):
            return found
    return {}


def _find_lists(source: Path, named: Path | None) -> Path | None:
    """The folder of the owner's lists, if it is there."""
    folders = [named] if named is not None else [source / folder for folder in FOLDERS]
    found = next((folder for folder in folders if any((folder / name).is_file() for name in LISTS.values())), None)
    if named is not None and found is None:
        raise UserError(f"--low_resource: {named} has none of {', '.join(sorted(LISTS.values())[:3])} …")
    return found


def read_spoken(path: Path, rules: Normalisation) -> Iterator[Spoken]:
    for row in read_table(path, COLUMNS, delimiter="\t", quoted=False):
        written = row.fields.get("normalized_seqlogical") or row["seqlogical"]
        text, tree = read_tree(unescaped(written, rules), rules, row.where)
        parts, audio = _find_audio(path.parent.parent, row)
        utterance_id = "_".join(("stop", *parts[-3:]))
        utterance = Utterance(utterance_id, text, tree, str(audio), utterance_id, row.where)  # speakers are unknown
        yield Spoken(utterance, row["domain"].partition("_")[0], recording_key(parts))


def unescaped(text: str, rules: Normalisation) -> str:
    """A text of TOPv2; in some rows the six characters ``\\u2019`` stand for an apostrophe."""
    return text if rules is OFFICIAL else text.replace("\\u2019", "\u2019")


def _find_audio(root: Path, row: Row) -> tuple[tuple[str, ...], Path]:
    """Parts of ``file_id`` without suffix, and the file."""
    file_id = row["file_id"]
    parts = Path(file_id).with_suffix("").parts
    if Path(file_id).is_absolute() or ".." in parts:
        raise UserError(f"{row.where}: file_id {file_id!r} leads out of the corpus")
    # The manifests write eval_0/alarm_eval_0/1.wav for eval_0/alarm_eval/1.wav of the archive.
    candidates = (root / file_id, root / re.sub(r"_(train|eval|test)_\d+/", r"_\1/", file_id))
    return parts, next((path for path in candidates if path.is_file()), candidates[0])


def recording_key(parts: Sequence[str]) -> tuple[str, ...]:
    """``eval_1/alarm_eval_1/7`` and ``eval_1/alarm_eval/7`` are one recording; ``train/`` is ``train_0/``."""
    *_, folder, domain, stem = ("", "", *parts)
    number = re.search(r"_(\d+)$", folder)
    return number[1] if number else "0", re.sub(r"_\d+$", "", domain), stem


def adaptation_sets(
    builder: Builder, rows: Mapping[str, Sequence[Spoken]], lists: Path | None
) -> Iterator[tuple[str, Sequence[Spoken]]]:
    """The sets of domain adaptation, by name."""
    if unknown := sorted({one.domain for spoken in rows.values() for one in spoken} - {*DOMAINS}):
        raise UserError(f"{rows['train'][0].utterance.where}: no domain of STOP: {', '.join(unknown)}")
    drawn: list[str] = []
    for part, spoken in rows.items():
        by_key = {one.key: one for one in spoken}
        of_domain = {domain: [one for one in spoken if one.domain == domain] for domain in HELD_OUT}
        choices: dict[str, Sequence[Spoken]] = {
            f"heldin_{part}": [one for one in spoken if one.domain not in HELD_OUT],
            **{f"{domain}_{part}": of_domain[domain] for domain in HELD_OUT},
        }
        for domain in HELD_OUT if part != "test" else ():
            for samples in SPIS:
                choices[f"{domain}_{samples}spis_{part}"] = few_of_each(
                    of_domain[domain], samples, builder.options.seed
                )
        for name, chosen in choices.items():
            listed = lists / LISTS[name] if lists is not None and name in LISTS else None
            if listed is not None and listed.is_file():
                chosen = _listed(listed, by_key)
            elif "spis" in name:
                drawn.append(name)
            if chosen:
                yield name, chosen
            else:
                builder.note(f"{name}: left out, as the corpus has nothing of it")
    builder.note(
        f"the owner's lists: {lists or 'none'}; drawn with seed {builder.options.seed}: {', '.join(drawn) or '–'}"
    )


def _listed(path: Path, by_key: Mapping[tuple[str, ...], Spoken]) -> list[Spoken]:
    """The recordings of a list in fairseq's form: a root folder, then ``path <tab> frames``."""
    chosen = []
    for where, line in list(read_lines(path))[1:]:
        key = recording_key(Path(line.partition("\t")[0]).with_suffix("").parts)
        if key not in by_key:
            raise UserError(f"{where}: the manifests have no recording {'/'.join(key)}; are these STOP's own lists?")
        chosen.append(by_key[key])
    return chosen


def few_of_each(spoken: Collection[Spoken], samples: int, seed: int) -> list[Spoken]:
    """Draw until every intent and slot is in ``samples`` utterances, or in all that have it (Chen et al. 2020)."""
    by_id = {one.utterance.id: one for one in spoken}
    counts: Counter[str] = Counter()
    drawn = []
    for utterance_id in ranked(by_id, seed):
        tokens = (by_id[utterance_id].utterance.target or "").split()
        labels = {token for token in tokens if is_tag(token) and token != CLOSE}
        if any(counts[each] < samples for each in labels):
            counts.update(labels)
            drawn.append(by_id[utterance_id])
    return sorted(drawn, key=lambda one: one.utterance.id)
