"""Multilingual LibriSpeech (Pratap et al. 2020), English: 44,660 hours of audio books; flac or opus read in place.

``<part>/transcripts.txt`` has ``<speaker>_<book>_<number><tab>words`` a line, and the audio is below
``<part>/audio/<speaker>/<book>/``. ``train/limited_supervision`` lists the 10 hours for training with little: six parts
of 1 hour, and 9 hours. The layout is that of the corpus's README.
"""

import argparse
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import find_root, read_lines, visible
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

LIMITED = "train_10h"
SPLITS = ("train", LIMITED, "dev", "test")
SUFFIXES = (".flac", ".opus")
HANDLES = "limited_supervision/*hr/**/handles.txt"  # 1hr/{0,1,2,3,4,5} and 9hr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--splits", nargs="+", choices=SPLITS, metavar="SPLIT", help="default: every split present")


def prepare(source: Path, data_dir: Path, *, splits: list[str] | None = None, **options: Any) -> PreparationReport:
    """Write ``train``, ``train_10h``, ``dev`` and ``test``, or those asked for."""
    root = find_root(source, "mls_english", *(f"{part}/transcripts.txt" for part in ("train", "dev", "test")))
    builder = Builder("mls", root, data_dir, **options)
    handles = {line for path in visible(root / "train", HANDLES) for _, line in read_lines(path)}
    present = [part for part in SPLITS if (root / part / "transcripts.txt").is_file() or (part == LIMITED and handles)]
    for part in splits or present:
        if part not in present:
            raise UserError(f"{root}: no {part}; present: {', '.join(present)}")
        folder = root / ("train" if part == LIMITED else part)
        utterances = _read_part(folder, handles if part == LIMITED else None, builder.options.rules)
        if part == LIMITED and len(utterances) < len(handles):
            builder.note(f"{LIMITED}: {len(handles) - len(utterances)} handles have no transcript in {folder}")
        builder.write(part, utterances)
    return builder.report


def _read_part(folder: Path, handles: set[str] | None, rules: Normalisation) -> list[Utterance]:
    utterances = []
    suffix = next((end for end in SUFFIXES if next((folder / "audio").glob(f"*/*/[!.]*{end}"), None)), SUFFIXES[0])
    for where, line in read_lines(folder / "transcripts.txt"):
        key, _, words = line.partition("\t")
        if handles is not None and key not in handles:
            continue
        fields = key.split("_")
        if len(fields) != 3:
            raise UserError(f"{where}: expected speaker_book_number<tab>words, found {line[:60]!r}")
        audio = str(folder / "audio" / fields[0] / fields[1] / f"{key}{suffix}")
        utterances.append(Utterance(key, normalise_words(words, rules), None, audio, fields[0], where))
    return utterances
