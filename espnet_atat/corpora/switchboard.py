"""Switchboard-1 (LDC97S62): telephone conversations in two-channel sphere, cut by the Mississippi State transcripts.

The audio is ``sw02001.sph``, the transcripts ``sw2001A-ms98-a-trans.text`` with ``id start end words`` a line, both
anywhere below the corpus, as Kaldi's egs/swbd/s5c/local/swbd1_data_prep.sh takes them. Side A is the first channel, and
a speaker is a side of a conversation. Hub5 2000 (LDC2002S09, LDC2002T43) gives two test sets, as in its
eval2000_data_prep.sh.
"""

import argparse
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

from espnet_atat.corpora.builder import Builder, PreparationReport, Utterance
from espnet_atat.corpora.readers import read_lines, visible
from espnet_atat.corpora.splits import draw_parts
from espnet_atat.datadir import Clip
from espnet_atat.errors import UserError
from espnet_atat.semantics.normalise import Normalisation, normalise_words

#: Test sets of Hub5 2000 by the first letters of its conversations.
HUB5 = {"sw": "test_swbd", "en": "test_callhome"}
CHANNELS = {"A": 0, "B": 1}
UNSPOKEN = re.compile(r"\[(silence|noise|vocalized-noise|laughter)\]|<[be]_aside>", re.IGNORECASE)
#: A word as the transcripts write it → as it was said: examples are Kaldi's, of swbd1_map_words.pl.
MARKS = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"^(-?)\[laughter-(.+)\](-?)$", r"\1\2\3"),  # [laughter-story]
        (r"^(-?)\[(.+)/.+\](-?)$", r"\1\2\3"),  # [it'n/isn't]; [lem[guini]-/linguini]
        (r"^-?\[[^][]+\](.+)$", r"-\1"),  # -[an]y
        (r"^(.+)\[[^][]+\]-?$", r"\1-"),  # ab[solute]-
        (r"^(.+)\[[^][]+\](.+)$", r"\1-\2"),  # ammu[n]it-
        (r"^\{(.+)\}$", r"\1"),  # {yuppiedom}
        (r"_\d", ""),  # them_1
    )
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    share = "share of the utterances that dev gets, and also test, as whole conversations (default: %(default)s)"
    parser.add_argument("--held_out", type=float, default=0.02, metavar="SHARE", help=share)
    about = "most utterances of train that may have the same words (default: %(default)s, as ESPnet and Kaldi have it)"
    parser.add_argument("--most_alike", type=int, default=300, metavar="N", help=about)
    parser.add_argument(
        "--hub5", type=Path, metavar="FOLDER", help="Hub5 2000, speech and transcripts below one folder"
    )


def prepare(
    source: Path,
    data_dir: Path,
    *,
    held_out: float = 0.02,
    most_alike: int = 300,
    hub5: Path | None = None,
    **options: Any,
) -> PreparationReport:
    """Write ``train``, ``dev``, ``test``, and ``test_swbd`` and ``test_callhome`` of Hub5 2000."""
    builder = Builder("switchboard", source, data_dir, **options)
    audio = {_conversation(path.stem): path for path in _sphere(source)}
    transcripts = visible(source, "**/*-trans.text")
    if not audio or not transcripts:
        lacking = "*-trans.text (swb_ms98_transcriptions)" if audio else "*.sph"
        raise UserError(f"{source}: no {lacking} anywhere below it; give the folder of LDC97S62 with its transcripts")
    utterances = [each for path in transcripts for each in _read_side(path, audio, builder)]
    sizes = Counter(_conversation(str(utterance.speaker)) for utterance in utterances)
    number, seed = max(1, round(held_out * len(utterances))), builder.options.seed
    part_of = draw_parts(sizes, {"test": number, "dev": number}, seed)
    builder.note(f"{len(sizes)} conversations; those of dev and test are drawn with seed {seed}")
    sets: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    for utterance in utterances:
        sets[part_of[_conversation(str(utterance.speaker))]].append(utterance)
    sets["train"] = _thin_out(builder, sets["train"], most_alike)
    for part, members in sets.items():
        builder.write(part, members)
    if hub5 is not None:
        for part, members in _read_hub5(hub5, builder).items():
            builder.write(part, members)
    return builder.report


def _sphere(folder: Path) -> list[Path]:
    return visible(folder, "**/*.[sS][pP][hH]")


def _conversation(name: str) -> str:
    """``sw2001A-ms98-a-trans``, ``sw02001`` and ``sw02001-A`` → ``sw02001``; anything else stays."""
    match = re.match(r"sw_?0?(\d{4})(?!\d)", name, re.IGNORECASE)
    return f"sw0{match[1]}" if match else name


def _read_side(path: Path, audio: dict[str, Path], builder: Builder) -> list[Utterance]:
    """The utterances of one side of a conversation that have words."""
    found = re.match(r"sw0?\d{4}([AB])", path.name, re.IGNORECASE)
    if found is None:
        raise UserError(f"{path}: expected a name such as sw2001A-ms98-a-trans.text")
    conversation, side = _conversation(path.name), found[1].upper()
    if conversation not in audio:
        raise UserError(f"{path}: there is no {conversation}.sph; add it, or remove the transcripts of its two sides")
    utterances, silent = [], 0
    for where, line in read_lines(path):
        fields = line.split(maxsplit=3)
        text = normalise_words(said_words(fields[3]), builder.options.rules) if len(fields) > 3 else ""
        if text:
            utterances.append(_cut(audio[conversation], conversation, side, (fields[1], fields[2]), text, where))
        silent += not text
    return utterances


def said_words(transcript: str) -> str:
    """The words of a transcript as they were said, without noises and asides."""
    words = []
    for word in UNSPOKEN.sub(" ", transcript).split():
        for mark, said in MARKS:
            word = mark.sub(said, word)
        if word.strip("-"):
            words.append(word)
    return " ".join(words)


def _cut(path: Path, conversation: str, side: str, times: tuple[str, str], text: str, where: str) -> Utterance:
    """An utterance with Kaldi's id, ``sw02001-A_000098-001156``: its times in centiseconds."""
    try:
        start, end = map(float, times)
    except ValueError as error:
        raise UserError(f"{where}: expected start and end in seconds, found {' '.join(times)!r}") from error
    if not 0 <= start < end < math.inf:
        raise UserError(f"{where}: it ends at {end:g} s and starts at {start:g} s")
    speaker = f"{conversation}-{side}"
    key = f"{speaker}_{round(start * 100):06d}-{round(end * 100):06d}"
    return Utterance(key, text, None, str(Clip(str(path), start, end, CHANNELS[side])), speaker, where)


def _thin_out(builder: Builder, utterances: list[Utterance], most: int) -> list[Utterance]:
    """At most so many utterances with the same words, such as ``yeah``."""
    seen: Counter[str] = Counter()
    kept = []
    for utterance in utterances:
        seen[utterance.text] += 1
        if seen[utterance.text] <= most:
            kept.append(utterance)
    builder.note(f"train: {len(utterances) - len(kept)} utterances left out, as {most} others have the same words")
    return kept


def _read_hub5(folder: Path, builder: Builder) -> dict[str, list[Utterance]]:
    """The two halves of Hub5 2000, by its reference ``hub5e00.english.*.stm``."""
    audio = {path.stem: path for path in _sphere(folder)}
    references = visible(folder, "**/hub5e00.english.*.stm")
    if len(references) != 1:
        raise UserError(f"{folder}: {len(references)} files hub5e00.english.*.stm below it, where one is expected")
    sets: dict[str, list[Utterance]] = {name: [] for name in HUB5.values()}
    empty = 0
    for where, line in read_lines(references[0]):
        fields = line.split(maxsplit=6)  # en_4156 A en_4156_A 357.64 359.64 <O,en,F,en-F> HE IS A POLICE OFFICER
        if line.startswith(";;") or "IGNORE_TIME_SEGMENT" in line:
            continue
        name, side = fields[0], fields[1] if len(fields) > 5 else ""
        if side not in CHANNELS or name[:2] not in HUB5:
            raise UserError(
                f"{where}: expected conversation, A or B, speaker, start, end, label and words, found {line!r}"
            )
        if name not in audio:
            raise UserError(f"{where}: there is no {name}.sph below {folder}")
        text = _reference_words(fields[6] if len(fields) > 6 else "", builder.options.rules)
        if text:
            sets[HUB5[name[:2]]].append(_cut(audio[name], name, side, (fields[3], fields[4]), text, where))
        empty += not text
    builder.note(f"Hub5 2000: {empty} segments without a word left out, as ESPnet does")
    return sets


def _reference_words(reference: str, rules: Normalisation) -> str:
    """Words that count: no ``(%HESITATION)``, optional words, of alternatives ``{ A / B }`` the first."""
    reference = re.sub(r"\(%[^)]*\)|%\S+|<[^>]*>", " ", reference)
    reference = re.sub(r"\{([^/}]*)(/[^}]*)?\}", r"\1", reference)
    return normalise_words(re.sub(r"[()@]", " ", reference), rules)
