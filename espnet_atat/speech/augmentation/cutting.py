"""Long recordings in pieces, cut at the pauses between words, and their transcripts with them.

The words are aligned; what is between two that were found may be cut. Pieces are stretches of the recording's file
(``datadir.Clip``): nothing is copied.
"""

from collections.abc import Sequence
from pathlib import Path

from espnet_atat.datadir import Clip, DataDir
from espnet_atat.errors import UserError, naming
from espnet_atat.speech.alignment.align_set import Aligner, align_set
from espnet_atat.speech.alignment.pauses import FRAME
from espnet_atat.speech.alignment.record import AlignedWord, read_alignments
from espnet_atat.speech.audio import probe
from espnet_atat.speech.copies import audio_of
from espnet_atat.speech.endpoints import segments_of

MARGIN = 10  # frames of 10 ms that stay before and behind the words of a piece
EPSILON = 1e-6  # of a frame: 5.1 s are 510 frames
LEAST_LONGEST = 1.0  # seconds that pieces may be asked to last at most

#: First frame, the frame after the last, and the words between.
Piece = tuple[int, int, list[str]]


def cut_long(
    data: DataDir, longest: float, aligner: Aligner, work: Path, name: str, nj: int = 1
) -> tuple[DataDir, dict[str, int], dict[str, str]]:
    """The set with every utterance of more than ``longest`` seconds in pieces, ``<utterance>-01`` …

    Args:
        work: a folder for alignments, which the caller removes.

    Returns:
        The set; how many pieces each utterance that was cut has given; which were left out and why.
    """
    seconds = {}
    for utt, entry in audio_of(data, name, "cut").items():
        with naming(utt):
            info = probe(entry)
        seconds[utt] = info.samples / info.rate
    long = [utt for utt in data.ids if seconds[utt] > longest]
    if not long:
        return data, {}, {}
    if data.target is not None:
        raise UserError(
            f"{name}: {long[0]} lasts {seconds[long[0]]:.1f} s and has a tree, which is one over all of its words: "
            "only sets of transcripts are cut (prepare: longest)"
        )
    align_set(data.subset(long), work, work / "words.jsonl", aligner, nj)
    words = read_alignments(work / "words.jsonl")
    text, wav, speakers = dict(data.text), dict(data.wav or {}), dict(data.utt2spk or {})
    counts, left_out = {}, {}
    for utt in long:
        pieces = cut(words[utt], int(seconds[utt] / FRAME + EPSILON), int(longest / FRAME + EPSILON))
        clip, speaker = Clip.of(wav.pop(utt)), speakers.pop(utt, None)
        del text[utt]
        if not pieces:
            left_out[utt] = f"{seconds[utt]:.1f} s, and no pause between two words that were found"
            continue
        counts[utt] = len(pieces)
        for number, (first, last, said) in enumerate(pieces, start=1):
            piece = f"{utt}-{number:02d}"
            start, end = (round(clip.start + frame * FRAME, 3) for frame in (first, last))
            wav[piece], text[piece] = str(Clip(clip.path, start, end, clip.channel)), " ".join(said)
            if speaker is not None:
                speakers[piece] = speaker
    if not text:
        utt, why = next(iter(left_out.items()))
        raise UserError(f"{name}: no utterance is left; {utt}: {why}")
    return DataDir(text=text, wav=wav, utt2spk=speakers or None), counts, left_out


def cut(words: Sequence[AlignedWord], total: int, longest: int) -> list[Piece]:
    """Cut a recording of ``total`` frames into pieces of at most ``longest``, each as long as the pauses let it be.

    A stretch of words that nothing can cut, and that is longer, is left out.
    """
    runs = _runs(words, total)
    if not runs:
        return []
    stretches = [(first, last) for first, last, _ in runs]
    pieces: list[Piece] = []
    follows = False  # whether this segment follows on the last piece
    for start, end in segments_of(stretches, total, (MARGIN, MARGIN), longest):
        said = [word for first, last, those in runs if start <= first and last <= end for word in those]
        if said and follows and end - pieces[-1][0] <= longest:
            pieces[-1] = (pieces[-1][0], end, pieces[-1][2] + said)
        elif said and end - start <= longest:
            pieces.append((start, end, said))
        follows = bool(said)
    return pieces


def _runs(words: Sequence[AlignedWord], total: int) -> list[Piece]:
    """Words that may be cut apart, one by one; a word that was not found goes with both of its neighbours."""
    runs: list[Piece] = []
    lost: list[str] = []
    for word in words:
        if not word.found:
            lost.append(word.word)
            continue
        start, end = word.times
        first, last = min(round(start / FRAME), total - 1), min(round(end / FRAME), total)
        if runs and lost:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]), [*runs[-1][2], *lost, word.word])
        else:
            first = 0 if lost else max(first, runs[-1][1] if runs else 0)
            runs.append((first, max(last, first + 1), [*lost, word.word]))
        lost = []
    if runs and lost:
        runs[-1] = (runs[-1][0], total, [*runs[-1][2], *lost])
    return runs
