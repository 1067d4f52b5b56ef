"""mini, the corpus that ships with this repository: synthetic voices, four parts, an hour and a half of speech.

Read from ``egs2/atat/mini/corpus``: ``<set>.tsv`` and ``audio/<set>/<utterance>.ogg`` (see its DATASHEET.md). A set
whose rows name no voice is text only. A far-field copy of each ``lights`` set is simulated (``lights_far_*``) and
written as wav below DATA_DIR/audio. All utterances of lights are also divided into folds of a cross validation with
disjoint voices: ``lights_foldK_{train,dev,test}``, and likewise ``lights_far_foldK_*``.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from espnet_atat.corpora.builder import Builder, BuildOptions, Report, Utterance, add_build_arguments
from espnet_atat.corpora.far_field import far_field
from espnet_atat.corpora.folds import write_folds
from espnet_atat.corpora.readers import Row, read_table
from espnet_atat.corpora.recordings import SAMPLE_RATE, read
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import normalise_words

COLUMNS = ("utt_id", "voice", "speed", "words", "tree")
SETS = (
    "music_train", "music_dev", "music_test", "music_text",
    "sentences_train", "sentences_dev",
    "lights_train", "lights_dev", "lights_test",
    "books_train", "books_dev", "books_test", "books_text",
)  # fmt: skip
TSV: dict[str, Any] = {"delimiter": "\t", "quoted": False}
NEAR, FAR = "lights_", "lights_far_"
FOLDS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prepare mini``."""
    add_build_arguments(parser)
    parser.add_argument("--folds", type=int, default=FOLDS, help="of lights; 0: none (default: %(default)s)")


def prepare(source: Path, data_dir: Path, **options: Any) -> Report:
    """Write every set, the far-field copies of the lights sets, and the folds of both.

    Raises:
        UserError: a table is missing or malformed, audio cannot be read, or see ``Builder.write``.
    """
    for name in SETS:
        if not (source / f"{name}.tsv").is_file():
            raise UserError(f"{source}: no {name}.tsv; give the folder egs2/atat/mini/corpus")
    folds = options.get("folds", FOLDS)
    if folds == 1 or folds < 0:
        raise UserError(f"--folds is 0 or from 2 on, found {folds}")
    builder = Builder("mini", source, data_dir, BuildOptions.from_options(options))
    fields: dict[str, list[Utterance]] = {"lights": [], "lights_far": []}
    for name in SETS:
        utterances = [_utterance(source, name, row) for row in read_table(source / f"{name}.tsv", COLUMNS, **TSV)]
        kept = builder.write(name, utterances).text
        if name.startswith(NEAR):
            far_name = name.replace(NEAR, FAR)
            folder = data_dir / "audio" / far_name
            near = [utterance for utterance in utterances if utterance.id in kept]
            far = [_far(utterance, folder) for utterance in near]
            builder.write(far_name, far)
            fields["lights"] += near
            fields["lights_far"] += far
    for field, utterances in fields.items():
        if folds:
            write_folds(builder, field, [(u, _intent(u), str(u.speaker)) for u in utterances], folds)
    builder.note(f"simulated rooms and noise for the {FAR}* sets below {data_dir / 'audio'}")
    return builder.report


def _intent(utterance: Utterance) -> str:
    return str(utterance.target).split(maxsplit=1)[0]  # [IN:…


def _utterance(source: Path, name: str, row: Row) -> Utterance:
    spoken = bool(row["voice"])
    return Utterance(
        id=row["utt_id"],
        text=normalise_words(row["words"]),
        target=row["tree"] or None,
        audio=str(source / "audio" / name / f"{row['utt_id']}.ogg") if spoken else None,
        speaker=row["voice"] if spoken else None,
        where=row.where,
    )


def _far(near: Utterance, folder: Path) -> Utterance:
    """The far-field copy of an utterance, with a new id and file."""
    assert near.audio is not None
    key = near.id.replace(NEAR, FAR)
    path = folder / f"{key}.wav"
    samples, _ = read(near.audio)  # (frames, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.round(far_field(samples[:, 0], key) * 32767).astype(np.int16)
    temporary = path.with_suffix(".tmp")
    soundfile.write(temporary, pcm, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    temporary.replace(path)
    return Utterance(
        id=key, text=near.text, target=near.target, audio=str(path), speaker=near.speaker, where=near.where
    )
