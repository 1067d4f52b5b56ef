"""LibriSpeech (Panayotov et al. 2015): read English; any subset of its seven splits, flac read in place.

Folders are ``<split>/<speaker>/<chapter>/`` with ``<speaker>-<chapter>-<number>.flac`` and one ``.trans.txt`` each.
"""

import argparse
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import find_root, read_lines, visible
from espnet_atat.datadir import is_test_set
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

SPLITS = (
    *("train-clean-100", "train-clean-360", "train-other-500"),
    *("dev-clean", "dev-other", "test-clean", "test-other"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--splits", nargs="+", choices=SPLITS, metavar="SPLIT", help="default: every split present")


def prepare(source: Path, data_dir: Path, *, splits: list[str] | None = None, **options: Any) -> PreparationReport:
    """Write a set for each split that exists, with underscores in its name: ``train_clean_100``, ``test_other`` …"""
    root = find_root(source, "LibriSpeech", *SPLITS)
    builder = Builder("librispeech", root, data_dir, **options)
    present = [split for split in SPLITS if (root / split).is_dir()]
    wanted = splits or present
    if absent := [split for split in wanted if split not in present]:
        raise UserError(f"{root}: no folder {absent[0]!r}; present: {', '.join(present)}")
    listed = _read_speakers(root / "SPEAKERS.TXT")
    for split in wanted:
        utterances = _read_split(root / split, builder.options.rules)
        _check_speakers(builder, split, utterances, listed)
        recorded = {path.stem: path for path in visible(root / split, "*/*/*.flac")}
        if extra := sorted(recorded.keys() - {utterance.id for utterance in utterances}):
            if is_test_set(split):
                mend = "a test set is never shrunk: add its line to the chapter's .trans.txt, or remove the recording"
                raise UserError(f"{recorded[extra[0]]}: no transcript ({len(extra)} such in {split}); {mend}")
            builder.note(f"{split}: {len(extra)} recordings without a transcript left out, first {extra[0]}")
        builder.write(split.replace("-", "_"), utterances)
    return builder.report


def _read_split(folder: Path, rules: Normalisation) -> list[Utterance]:
    utterances = []
    for transcripts in visible(folder, "*/*/*.trans.txt"):
        speaker, chapter = transcripts.parent.parent.name, transcripts.parent.name
        for where, line in read_lines(transcripts):
            key, _, words = line.partition(" ")
            if not key.startswith(f"{speaker}-{chapter}-"):
                raise UserError(f"{where}: id {key!r} does not belong in {speaker}/{chapter}")
            audio = str(transcripts.parent / f"{key}.flac")
            utterances.append(Utterance(key, normalise_words(words, rules), None, audio, speaker, where))
    return utterances


def _read_speakers(path: Path) -> dict[str, str]:
    """Speaker → split, from ``14   | F | train-clean-360 | 25.03 | Kristin LeMoine``; empty without the file."""
    if not path.is_file():
        return {}
    rows = [[field.strip() for field in line.split("|")] for _, line in read_lines(path) if not line.startswith(";")]
    return {row[0]: row[2] for row in rows if len(row) >= 3}  # one reader's name contains '|'


def _check_speakers(builder: Builder, split: str, utterances: list[Utterance], listed: dict[str, str]) -> None:
    """A speaker of one split must not be listed under another: train and test would share a voice."""
    if not listed:
        return
    for utterance in utterances:
        other = listed.get(str(utterance.speaker))
        if other is None:
            raise UserError(f"{utterance.where}: speaker {utterance.speaker} is not in SPEAKERS.TXT")
        if other != split:
            raise UserError(f"{utterance.where}: SPEAKERS.TXT lists speaker {utterance.speaker} under {other}")
    builder.note(f"{split}: speakers agree with SPEAKERS.TXT")
