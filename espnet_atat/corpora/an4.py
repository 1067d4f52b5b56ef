"""CMU AN4 (1991): people spelling names and addresses and saying control words; 948 training, 130 test recordings.

Read from the distribution's own lists, ``etc/an4_{train,test}.{fileids,transcription}``, with the audio below ``wav/``
as wav (or flac) or as NIST sphere. A validation set, disjoint in speakers, is drawn from the training part.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, BuildOptions, Report, Utterance, add_build_arguments
from espnet_atat.corpora.readers import read_text
from espnet_atat.corpora.splits import draw_groups
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

SUFFIXES = (".wav", ".sph", ".flac")
LINE = re.compile(r"^(?:<s>)?(?P<words>.*?)(?:</s>)?\s*\((?P<stem>[^()\s]+)\)$")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``prepare an4``."""
    add_build_arguments(parser)
    parser.add_argument("--dev_share", type=float, default=0.1, help="share of train that dev gets (default: 0.1)")


def prepare(source: Path, data_dir: Path, **options: Any) -> Report:
    """Write ``train``, ``dev`` and ``test``.

    Raises:
        UserError: the folder is not AN4, its lists disagree, or see ``Builder.write``.
    """
    root = _find_root(source)
    build = BuildOptions.from_options(options)
    builder = Builder("an4", root, data_dir, build)
    train = _read_part(root, "train", build.rules)
    sizes: dict[str, int] = {}
    for utterance in train:
        assert utterance.speaker is not None
        sizes[utterance.speaker] = sizes.get(utterance.speaker, 0) + 1
    held_out = set(draw_groups(sizes, round(len(train) * options.get("dev_share", 0.1)), build.seed))
    builder.note(f"dev: {len(held_out)} of the {len(sizes)} speakers of train, drawn with seed {build.seed}")
    builder.write("train", [utterance for utterance in train if utterance.speaker not in held_out])
    builder.write("dev", [utterance for utterance in train if utterance.speaker in held_out])
    builder.write("test", _read_part(root, "test", build.rules))
    return builder.report


def _find_root(source: Path) -> Path:
    for root in (source, source / "an4"):
        if (root / "etc" / "an4_train.fileids").is_file():
            return root
    raise UserError(f"{source}: no etc/an4_train.fileids; give the folder 'an4' that the archive unpacks to")


def _read_part(root: Path, part: str, rules: Normalisation) -> list[Utterance]:
    """The utterances of ``train`` or ``test``, in the order of the file list."""
    words = _read_transcriptions(root / "etc" / f"an4_{part}.transcription")
    file_ids = root / "etc" / f"an4_{part}.fileids"
    utterances = []
    for number, line in enumerate(read_text(file_ids).splitlines(), start=1):
        name = line.strip()
        if not name:
            continue
        stem, speaker = Path(name).name, Path(name).parent.name
        if stem not in words:
            raise UserError(f"{file_ids}:{number}: {stem} has no line in an4_{part}.transcription")
        utterances.append(
            Utterance(
                id=f"{speaker}-{stem}",
                text=normalise_words(words[stem], rules),
                audio=_find_audio(root / "wav" / name),
                speaker=speaker,
                where=f"{file_ids}:{number}",
            )
        )
    return utterances


def _read_transcriptions(path: Path) -> dict[str, str]:
    """File stem → words, from lines such as ``<s> GO </s> (an253-fash-b)``."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        match = LINE.match(line.strip())
        if match is None:
            raise UserError(f"{path}:{number}: expected 'WORDS (file-id)', found {line.strip()!r}")
        if match["stem"] in found:
            raise UserError(f"{path}:{number}: {match['stem']} a second time")
        found[match["stem"]] = match["words"].strip()
    return found


def _find_audio(base: Path) -> str:
    """The audio file of a list entry; the wav path if there is none, so that the message names it."""
    for suffix in SUFFIXES:
        if base.with_name(base.name + suffix).is_file():
            return str(base.with_name(base.name + suffix))
    if base.with_name(base.name + ".raw").is_file():
        raise UserError(f"{base}.raw: the headerless distribution is not read; take the sphere (.sph) or wav one")
    return str(base.with_name(base.name + ".wav"))
