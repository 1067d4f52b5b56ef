"""Decode whole sets, in this process or in several, and write what was found."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_atat.atomic import atomic_write
from espnet_atat.datadir import write_two_column
from espnet_atat.decode.cross_attention import speech_attention, text_attention
from espnet_atat.decode.lm_fusion import LanguageModel
from espnet_atat.decode.search_config import SearchConfig
from espnet_atat.decode.source import Source
from espnet_atat.decode.trained import Trained
from espnet_atat.decode.understand import Speech2Understand, Text2Understand, Understanding
from espnet_atat.errors import UserError
from espnet_atat.graph.pool import spread
from espnet_atat.model.precision import full_precision
from espnet_atat.speech.fbank import FRAME_SECONDS, fbank
from espnet_atat.speech.mfcc import log_mels

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0  # between two lines of progress

#: Gives a model and, for ``config.lm_weight``, its language model.
Loader = Callable[[], tuple[Trained, LanguageModel | None]]
#: Utterance id to its n-best, best first.
Results = dict[str, list[Understanding]]


def decode_set(load: Loader, utterances: Source, config: SearchConfig, *, batch_size: int = 16, nj: int = 1) -> Results:
    """Decode every utterance of a set, in this process or in ``nj`` processes of one thread each.

    ``load`` is called once in each process, so it must be picklable for several. ``batch_size``, utterances at once,
    and ``nj`` change the time, not the results.
    """
    batches = utterances.batches(batch_size)
    if nj > 1:
        decoded = spread(_work, batches, nj, fresh=True, start=partial(_start_worker, load, utterances, config))
    else:
        decode = _decoder(load, utterances, config)
        decoded = ((batch, decode(batch)) for batch in batches)
    results: Results = {}
    total = sum(map(len, batches))
    started = shown = time.monotonic()
    for batch, hypotheses in decoded:
        results.update(zip(batch, hypotheses, strict=True))
        now = time.monotonic()
        if now - shown >= PROGRESS_SECONDS or len(results) == total:
            shown = now
            logger.info("decoded %d of %d utterances in %.1f s", len(results), total, now - started)
    if cut := sorted(utt_id for utt_id, hypotheses in results.items() if hypotheses[0].cut):
        longest = max(len(results[utt_id][0].tokens) for utt_id in cut)
        logger.warning("%d hypotheses were cut, at up to %d tokens (maxlen); first %s", len(cut), longest, cut[0])
    return {utt_id: results[utt_id] for utt_id in sorted(results)}


def understander(
    trained: Trained, source: str, config: SearchConfig, language_model: LanguageModel | None = None
) -> Speech2Understand | Text2Understand:
    """What decodes ``speech`` or ``text_in``."""
    kind = Speech2Understand if source == "speech" else Text2Understand
    return kind(trained=trained, language_model=language_model, **asdict(config))


def decode_batch(
    understand: Speech2Understand | Text2Understand, utterances: Source, batch: Sequence[str]
) -> list[list[Understanding]]:
    """The n-best of each utterance of a batch; an error names the utterance."""
    inputs: list[Any] = [utterances.read(utt_id) for utt_id in batch]
    try:
        if isinstance(understand, Text2Understand):  # a set's text is normalised already, by the rules of its corpus
            return understand.nbest(inputs, normalise=False)
        return understand.nbest(inputs)
    except UserError as error:
        if len(batch) == 1:
            raise UserError(f"utterance {batch[0]}: {error}") from error
        # One of them is bad: on its own it is named.
        return [hypotheses for utt_id in batch for hypotheses in decode_batch(understand, utterances, [utt_id])]


def count_cut(results: Results) -> int:
    """Utterances whose best hypothesis was cut."""
    return sum(hypotheses[0].cut for hypotheses in results.values())


def write_results(results: Mapping[str, Sequence[Understanding]], output_dir: str | Path, nbest: int = 1) -> None:
    """Write ``hyp`` (utterance id, tree or words; sorted) and, for an n-best, ``nbest.jsonl``; both atomically.

    A line of ``nbest.jsonl``: ``{"utt_id": …, "nbest": [{"hyp": …, "score": …, "scores": {…}, "tokens": […]}, …]}``,
    best first. ``hyp`` is written last: where it is, all is.
    """
    folder = Path(output_dir)
    if nbest > 1:
        with atomic_write(folder / "nbest.jsonl") as handle:
            for utt_id in sorted(results):
                rows = [
                    {"hyp": r.line, "score": r.json_score, "scores": dict(r.scores), "tokens": list(r.tokens)}
                    for r in results[utt_id]
                ]
                handle.write(json.dumps({"utt_id": utt_id, "nbest": rows}, ensure_ascii=False) + "\n")
    write_two_column(folder / "hyp", {utt_id: hypotheses[0].line for utt_id, hypotheses in results.items()})


Decoder = Callable[[list[str]], list[list[Understanding]]]
#: Of a worker's process.
_decode: Decoder | None = None


def _decoder(load: Loader, utterances: Source, config: SearchConfig) -> Decoder:
    @cache
    def understand() -> Speech2Understand | Text2Understand:
        trained, language_model = load()
        return understander(trained, utterances.name, config, language_model)

    def decode(batch: list[str]) -> list[list[Understanding]]:
        with full_precision():
            return decode_batch(understand(), utterances, batch)

    return decode


def _start_worker(load: Loader, utterances: Source, config: SearchConfig) -> None:
    global _decode
    torch.set_num_threads(1)
    _decode = _decoder(load, utterances, config)  # loads at the first batch: then an error reaches the user as it is


def _work(batch: list[str]) -> list[list[Understanding]]:
    assert _decode is not None
    return _decode(batch)


def heard_and_read(
    trained: Trained,
    source: Source,
    utt_id: str,
    text: str,
    config: SearchConfig,
    seen: Source | None = None,
) -> dict[str, Any]:
    """Where the decoder looked in one utterance: the arrays of ``report.glance.Glance`` but for its reference.

    ``text``, the utterance's words, is read under the label ``nlu``. ``seen`` has the features to be drawn, or the
    audio, where ``source`` has an encoder's states.
    """
    speech, task = np.asarray(source.read(utt_id)), config.tasks[0]
    understand = understander(trained, source.name, config)
    assert isinstance(understand, Speech2Understand)
    result = decode_batch(understand, source, [utt_id])[0][0]
    (segment,) = understand.segments(speech)  # without max_seconds there is one
    heard = speech_attention(trained, segment, task, result.tokens)
    pieces = trained.text_pieces(text)
    shown = speech if seen is None else np.asarray(seen.read(utt_id))
    features = log_mels(shown) if shown.ndim == 2 else fbank(shown)
    return {
        "hypothesis": result.line,
        "tokens": list(heard.tokens),
        "audio": heard.frames(len(features)),
        "audio_task": task,
        "frame_seconds": FRAME_SECONDS,
        "features": features.astype(np.float16),  # only to look at
        "text": text_attention(trained, pieces, "nlu", result.tokens).mean,
        "text_task": "nlu",
        "pieces": trained.text_tokenizer.convert_ids_to_tokens(pieces),
    }
