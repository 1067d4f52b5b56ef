"""Lengths of a mixture's examples and sums of its features, without reading the features.

Stage 6 leaves the lengths and sums of each set, so a new mixture of known sets costs only the tokenisation of its text.
The files equal those of ESPnet's ``--collect_stats``, line by line, as far as anything reads them.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from espnet_atat.data.mixture import Part, examples_of
from espnet_atat.datadir import read_two_column, write_two_column
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.graph.pool import limit_threads, spread
from espnet_atat.speech.arks import read_features
from espnet_atat.speech.feature_sums import FeatureSums
from espnet_atat.text.pieces import max_pieces, read_pieces

#: Texts, and utterances of features, given to a process at a time; fewer are no work for a second process.
TEXTS, UTTERANCES = 50_000, 2_000


def write_statistics(
    parts: Sequence[Part],
    dump: Path,
    output: Path,
    *,
    text_tokenizer: str | None = None,
    text_encoder_conf: Mapping[str, Any] | None = None,
    text_pace: float = 0.0,
    nj: int = 1,
) -> bool:
    """Write ``speech_shape``, ``text_in_shape`` and ``feats_stats.npz`` of a mixture, as far as it has such examples.

    Args:
        dump: folder of ``recipe/set`` dirs.
        text_tokenizer: of the text encoder: folder or name; None: as ``text_encoder_conf`` has it.
        text_encoder_conf, text_pace: of training: the encoder's positions end a longer text.
        nj: processes.

    Returns:
        Whether all was known; nothing is written where a set lacks what stage 6 leaves of features.

    Raises:
        UserError: a set lacks something that its task needs, or there is no such tokenizer.
    """
    lengths: dict[str, str] = {}
    sums = FeatureSums()
    for part in parts:
        if part.source == "speech":
            known = _of_features(part, dump, nj)
            if known is None:
                return False
            lengths |= known[0]
            sums += known[1]
    texts = {
        example: words
        for part in parts
        if part.source == "text_in"
        for example, words in examples_of(part, dump)[0].items()
    }
    output.mkdir(parents=True, exist_ok=True)
    if lengths:
        write_two_column(output / "speech_shape", lengths)
        if sums.count:
            sums.save(output / SUMS_FILE)
    if texts:
        shapes = _text_lengths(texts, text_tokenizer, text_encoder_conf or {}, text_pace, nj)
        write_two_column(output / "text_in_shape", shapes)
    return True


def _of_features(part: Part, dump: Path, nj: int) -> tuple[dict[str, str], FeatureSums] | None:
    """Shapes by example id, and sums, of a part of audio; None where they are not known, or not of these features.

    Audio itself, which a pretrained encoder hears, has lengths in samples and no sums. Of a part that takes some of a
    set's utterances, the features of those are read, or of the others if they are fewer.
    """
    folder, prefix = dump / part.set, f"{part.group}-"
    if not (folder / "feats.scp").is_file() and (folder / "utt2num_samples").is_file():
        samples = read_two_column(folder / "utt2num_samples")
        return {each: samples[each.removeprefix(prefix)] for each in examples_of(part, dump)[0]}, FeatureSums()
    try:
        frames = read_two_column(folder / "utt2num_frames")
        sums = FeatureSums.load(folder / SUMS_FILE)
        paths = read_two_column(folder / "feats.scp")
    except FileNotFoundError:
        return None
    if paths.keys() != frames.keys() or sums.count != sum(map(int, frames.values())):
        return None
    taken = [example.removeprefix(prefix) for example in examples_of(part, dump)[0]]
    if len(taken) < len(frames):
        left = sorted(frames.keys() - set(taken))
        is_left_smaller = len(left) < len(taken)
        read = _read([paths[utt_id] for utt_id in (left if is_left_smaller else taken)], nj)
        sums = sums - read if is_left_smaller else read
    return {f"{prefix}{utt_id}": f"{frames[utt_id]},{len(sums.sum)}" for utt_id in taken}, sums


def _read(paths: Sequence[str], nj: int) -> FeatureSums:
    chunks = [paths[first : first + UTTERANCES] for first in range(0, len(paths), UTTERANCES)]
    found = {chunk[0]: sums for chunk, sums in _spread(_sums, chunks, nj)}
    return sum((found[chunk[0]] for chunk in chunks), FeatureSums())  # in their order, whichever was first


def _sums(paths: Sequence[str]) -> FeatureSums:
    return sum((FeatureSums.of(read_features(path)) for path in paths), FeatureSums())


def _text_lengths(
    texts: Mapping[str, str], tokenizer: str | None, encoder: Mapping[str, Any], pace: float, nj: int
) -> dict[str, str]:
    """Shapes by example id."""
    from espnet_atat.hub import load_hub_config

    config = load_hub_config("text_encoder_conf", encoder.get("model"), encoder.get("config"), default="bert")
    most = max_pieces(config.to_diff_dict().get("max_position_embeddings"))
    count = partial(_count_pieces, str(tokenizer or encoder["model"]), most, pace)
    examples = list(texts)
    chunks = [examples[first : first + TEXTS] for first in range(0, len(examples), TEXTS)]
    lengths: dict[str, str] = {}
    for pairs, counts in _spread(count, [[(each, texts[each]) for each in chunk] for chunk in chunks], nj):
        lengths.update((example, str(number)) for (example, _), number in zip(pairs, counts, strict=True))
    return lengths


def _count_pieces(tokenizer: str, max_pieces: int, pace: float, pairs: Sequence[tuple[str, str]]) -> list[int]:
    if pace:
        return [len(read_pieces(_tokenizer(tokenizer), words, max_pieces, pace)) for _, words in pairs]
    pieces = _tokenizer(tokenizer)(
        [words for _, words in pairs],
        truncation=True,
        max_length=max_pieces,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    return [len(ids) for ids in pieces["input_ids"]]


@cache
def _tokenizer(source: str) -> Any:
    from espnet_atat.model.text_encoder import load_text_tokenizer

    return load_text_tokenizer(source)


def _spread[Part, Result](
    function: Callable[[Part], Result], parts: Sequence[Part], nj: int
) -> Iterator[tuple[Part, Result]]:
    """In this process what is one part; else in new ones, for this one may have run PyTorch."""
    several = min(nj, len(parts)) > 1
    return spread(function, parts, nj, fresh=several, start=_limit if several else None)


def _limit() -> None:
    """One thread per process, for the tokenizers' library too."""
    limit_threads()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
