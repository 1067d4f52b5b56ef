"""CMU AN4 (1991): people spelling names and addresses and saying control words; 948 training, 130 test recordings.

Read from the distribution's own lists, ``etc/an4_{train,test}.{fileids,transcription}``, with the audio below ``wav/``
as wav (or flac) or as NIST sphere. A validation set, disjoint in speakers, is drawn from the training part.
"""

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import find_root, read_lines
from espnet_atat.corpora.splits import draw_parts
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

SUFFIXES = (".wav", ".sph", ".flac")
LINE = re.compile(r"^(?:<s>)?(?P<words>.*?)(?:</s>)?\s*\((?P<stem>[^()\s]+)\)$")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dev_share", type=float, default=0.1, help="share of train that dev gets (default: 0.1)")


def prepare(source: Path, data_dir: Path, *, dev_share: float = 0.1, **options: Any) -> PreparationReport:
    """Write ``train``, ``dev`` and ``test``."""
    if not 0 < dev_share < 1:
        raise UserError(f"--dev_share is a share between 0 and 1, found {dev_share:g}")
    root = find_root(source, "an4", "etc/an4_train.fileids")
    builder = Builder("an4", root, data_dir, **options)
    train = _read_part(root, "train", builder.options.rules)
    sizes = Counter(str(utterance.speaker) for utterance in train)
    seed = builder.options.seed
    part_of = draw_parts(sizes, {"dev": round(len(train) * dev_share)}, seed)
    builder.note(
        f"dev: {list(part_of.values()).count('dev')} of the {len(sizes)} speakers of train, drawn with seed {seed}"
    )
    for part in ("train", "dev"):
        builder.write(part, [utterance for utterance in train if part_of[str(utterance.speaker)] == part])
    builder.write("test", _read_part(root, "test", builder.options.rules))
    return builder.report


def _read_part(root: Path, part: str, rules: Normalisation) -> list[Utterance]:
    """The utterances of ``train`` or ``test``, in the order of the file list."""
    words = _read_transcriptions(root / "etc" / f"an4_{part}.transcription")
    utterances = []
    for where, name in read_lines(root / "etc" / f"an4_{part}.fileids"):
        stem, speaker = Path(name).name, Path(name).parent.name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{where}: {name!r} leads out of the corpus")
        if stem not in words:
            raise UserError(f"{where}: {stem} has no line in an4_{part}.transcription")
        text = normalise_words(words[stem], rules)
        audio = _find_audio(root / "wav" / name)
        utterances.append(Utterance(f"{speaker}-{stem}", text, None, audio, speaker, where))
    return utterances


def _read_transcriptions(path: Path) -> dict[str, str]:
    """File stem → words, from lines such as ``<s> GO </s> (an253-fash-b)``."""
    found: dict[str, str] = {}
    for where, line in read_lines(path):
        match = LINE.match(line)
        if match is None:
            raise UserError(f"{where}: expected 'WORDS (file-id)', found {line!r}")
        if match["stem"] in found:
            raise UserError(f"{where}: {match['stem']} a second time")
        found[match["stem"]] = match["words"].strip()
    return found


def _find_audio(base: Path) -> str:
    """The audio file of a list entry; the wav path if there is none, so that the message names it."""
    found = [base.with_name(base.name + suffix) for suffix in SUFFIXES]
    if not any(path.is_file() for path in found) and base.with_name(base.name + ".raw").is_file():
        raise UserError(f"{base}.raw: the headerless distribution is not read; take the sphere (.sph) or wav one")
    return str(next((path for path in found if path.is_file()), found[0]))
