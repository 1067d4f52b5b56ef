"""Common Voice (Ardila et al. 2020): sentences read by volunteers; a language's folder of any release, mp3s.

Its files are ``{train,dev,test}.tsv``, ``clips/`` and, on request, ``validated.tsv``. The columns grew from release to
release; ``client_id``, ``path`` and ``sentence`` are in all of them, by the changelog of
https://github.com/common-voice/cv-dataset. Its ``times.txt`` (release 14) and ``clip_durations.tsv`` (from 16.1) tell
which clips were cut off.
"""

import argparse
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import read_lines, read_table
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

PARTS = ("train", "dev", "test")
SPEAKER = 16  # characters of a client id, a hash of 128, that name a speaker
DURATIONS = ("clip_durations.tsv", "times.txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    about = "write the set validated too: all of validated.tsv, without the voices and sentences of dev and test"
    parser.add_argument("--validated", action="store_true", help=about)


def prepare(source: Path, data_dir: Path, *, validated: bool = False, **options: Any) -> PreparationReport:
    """Write ``train``, ``dev``, ``test``, and ``validated`` if asked."""
    root = _find_language(source)
    builder = Builder("common_voice", root, data_dir, **options)
    seconds = _read_durations(root)
    sets = {part: _read_part(root, part, seconds, builder.options.rules) for part in PARTS}
    if validated:
        kept_back = [utterance for part in ("dev", "test") for utterance in sets[part]]
        voices, sentences = {u.speaker for u in kept_back}, {u.text for u in kept_back}
        every = _read_part(root, "validated", seconds, builder.options.rules)
        sets["validated"] = [u for u in every if u.speaker not in voices and u.text not in sentences]
        left_out = len(every) - len(sets["validated"])
        builder.note(f"validated: {left_out} of {len(every)} have a voice or a sentence of dev or test, left out")
    _check_speakers(root, sets)
    for part, utterances in sets.items():
        builder.write(part, utterances)
    return builder.report


def _find_language(source: Path) -> Path:
    """The folder of a language: the source, or one at most two levels below it; of several, that of English."""
    folders = [source, *sorted(source.glob("*")), *sorted(source.glob("*/*"))]
    found = [folder for folder in folders if (folder / "train.tsv").is_file() and (folder / "clips").is_dir()]
    english = [folder for folder in found if folder.name == "en"]
    for several in (found, english):
        if len(several) == 1:
            return several[0]
    if not found:
        raise UserError(f"{source}: no train.tsv beside clips/; give the folder cv-corpus-…/en of a whole release")
    raise UserError(
        f"{source}: several languages, {', '.join(folder.name for folder in found[:5])} …: give one's folder"
    )


def _read_durations(root: Path) -> dict[str, float]:
    """File name → seconds; empty in releases that list no durations."""
    for path in (root / name for name in DURATIONS):
        if path.is_file():
            rows = (line.split("\t") for _, line in read_lines(path))
            return {row[0]: float(row[1]) / 1000 for row in rows if len(row) == 2 and row[1].isdigit()}
    return {}


def _read_part(root: Path, part: str, seconds: dict[str, float], rules: Normalisation) -> list[Utterance]:
    utterances = []
    # Quotes are text: releases differ in whether they double them, and the normalisation strips them from words.
    for row in read_table(root / f"{part}.tsv", ("client_id", "path", "sentence"), delimiter="\t", quoted=False):
        name = f"{row['path'].removesuffix('.mp3')}.mp3"  # the first releases have no suffix
        speaker = row["client_id"][:SPEAKER]
        if Path(name).name != name:
            raise UserError(f"{row.where}: path {row['path']!r} leads out of clips")
        if not speaker:
            raise UserError(f"{row.where}: no client_id; delete the row, or the file if all its rows are like that")
        utterances.append(
            Utterance(
                id=f"{speaker}-{Path(name).stem}",
                text=normalise_words(row["sentence"], rules),
                audio=str(root / "clips" / name),
                speaker=speaker,
                where=row.where,
                seconds=seconds.get(name),
            )
        )
    return utterances


def _check_speakers(root: Path, sets: dict[str, list[Utterance]]) -> None:
    """Nobody may be in two of train, dev and test."""
    voices = {part: {str(utterance.speaker) for utterance in utterances} for part, utterances in sets.items()}
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        if both := voices[one] & voices[other]:
            raise UserError(f"{root}: client {min(both)}… is in {one}.tsv and in {other}.tsv ({len(both)} such)")
