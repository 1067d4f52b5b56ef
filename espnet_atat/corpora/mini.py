"""mini, the corpus that ships with this repository: synthetic voices, five parts, an hour and a half of speech.

Read from ``egs2/atat/mini/corpus``: ``<set>.tsv`` and ``audio/<set>/<utterance>.ogg`` (see its DATASHEET.md). A set
whose rows name no voice is text only. A far-field copy of each ``lights`` set is simulated (``lights_far_*``) and
written as wav below DATA_DIR/audio. All utterances of lights are also divided into folds of a cross validation with
disjoint voices: ``lights_foldK_{train,dev,test}``, and likewise ``lights_far_foldK_*``.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.far_field import far_field
from espnet_atat.corpora.readers import Row, read_table
from espnet_atat.corpora.splits import write_folds
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words
from espnet_atat.speech.audio import SAMPLE_RATE, read_mono, write_audio

COLUMNS = ("utt_id", "voice", "speed", "words", "tree")
SETS = (
    "music_train", "music_dev", "music_test", "music_text",
    "sentences_train", "sentences_dev",
    "lights_train", "lights_dev", "lights_test", "lights_text",
    "books_train", "books_dev", "books_test", "books_text",
    "chores_dev", "chores_test", "chores_text",
)  # fmt: skip
NEAR, FAR = "lights_", "lights_far_"
FOLDS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folds", type=int, default=FOLDS, help="folds of lights; 0: none (default: %(default)s)")


def prepare(source: Path, data_dir: Path, *, folds: int = FOLDS, **options: Any) -> PreparationReport:
    """Write every set, the far-field copies of the lights sets, and the folds of both."""
    for name in SETS:
        if not (source / f"{name}.tsv").is_file():
            raise UserError(f"{source}: no {name}.tsv; give the folder egs2/atat/mini/corpus")
    if folds == 1 or folds < 0:
        raise UserError(f"--folds is 0 or from 2 on, found {folds}")
    builder = Builder("mini", source, data_dir, **options)
    fields: dict[str, list[Utterance]] = {"lights": [], "lights_far": []}
    for name in SETS:
        rows = read_table(source / f"{name}.tsv", COLUMNS, delimiter="\t", quoted=False)
        utterances = [_utterance(source, name, row) for row in rows]
        kept = builder.write(name, utterances).text
        if name.startswith(NEAR) and utterances[0].audio:
            far_name = name.replace(NEAR, FAR)
            near = [utterance for utterance in utterances if utterance.id in kept]
            far = [_far(utterance, data_dir / "audio" / far_name) for utterance in near]
            builder.write(far_name, far)
            fields["lights"] += near
            fields["lights_far"] += far
    for field, utterances in fields.items() if folds else ():
        items = [(u, str(u.target).split()[0], str(u.speaker)) for u in utterances]  # a tree begins with its intent
        write_folds(builder, field, items, folds)
    builder.note(f"simulated rooms and noise for the {FAR}* sets below {data_dir / 'audio'}")
    return builder.report


def _utterance(source: Path, name: str, row: Row) -> Utterance:
    return Utterance(
        id=row["utt_id"],
        text=normalise_words(row["words"]),
        target=row["tree"] or None,
        audio=str(source / "audio" / name / f"{row['utt_id']}.ogg") if row["voice"] else None,
        speaker=row["voice"] or None,
        where=row.where,
    )


def _far(near: Utterance, folder: Path) -> Utterance:
    """The far-field copy of an utterance, with a new id and file."""
    key = near.id.replace(NEAR, FAR)
    path = folder / f"{key}.wav"
    pcm = np.round(far_field(read_mono(str(near.audio))[0], key) * 32767).astype(np.int16)
    write_audio(path, pcm, SAMPLE_RATE, "WAV", "PCM_16")
    return replace(near, id=key, audio=str(path))
