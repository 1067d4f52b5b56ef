"""Where a model looked in one utterance, heard and read: ``attention.npz`` beside the ``hyp`` of stage 12.

It is of each system's first seed and first set of speech with trees, decoded with the leading inference configuration:
the first utterance whose tree is right. Only a model that was trained to listen and to read has one. Stage 14 draws it.

The arrays (none is pickled): those of ``report.attention.Glance``, and ``made_from``, the decoding's fingerprint.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from espnet_atat.data.mixture import TREE_TASKS
from espnet_atat.datadir import read_two_column
from espnet_atat.recipe.decoding import Decoding, load_trained, plan_decoding, source_of
from espnet_atat.recipe.layout import DUMP
from espnet_atat.recipe.plan import SystemRun
from espnet_atat.recipe.system import System, TestSet
from espnet_atat.report.attention import FILE
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FRAME_SHIFT, fbank

if TYPE_CHECKING:
    from espnet_atat.decode.trained import Trained

#: The label under which text is read.
READING = "nlu"


def plan_attention(runs: Sequence[SystemRun], tests_of: Callable[[System], Sequence[TestSet]]) -> list[Decoding]:
    """The decodings whose model's attention is kept.

    Args:
        runs: the first one of each system is looked at.
        tests_of: the sets that are decoded.
    """
    found = []
    first: dict[str, SystemRun] = {}
    for run in runs:
        first.setdefault(run.system.name, run)
    for run in first.values():
        spoken = [test for test in tests_of(run.system) if _is_spoken(test)]
        if spoken and _hears_and_reads(run):
            found.append(plan_decoding(run, run.system.decode[0], spoken[0]))
    return found


def _is_spoken(test: TestSet) -> bool:
    """Whether trees are made of its audio."""
    return test.task.split("+")[0] in TREE_TASKS and source_of(test) == "speech"


def _hears_and_reads(run: SystemRun) -> bool:
    """Whether the model has both encoders and examples taught both: a text encoder that read nothing shows nothing."""
    sources = {part.source for training in run.final.chain for part in training.mixtures.train}
    return run.final.text_tokenizer is not None and sources == {"speech", "text_in"}


def attention_file(decoding: Decoding) -> Path:
    """Where it lies."""
    return decoding.folder / FILE


def has_attention(decoding: Decoding) -> bool:
    """Whether the file is there, of this model, configuration and data."""
    path = attention_file(decoding)
    if not path.is_file():
        return False
    with np.load(path, allow_pickle=False) as content:
        return str(content["made_from"]) == decoding.made_from


def keep_attention(
    runs: Sequence[Any], tests_of: Callable[[System], Sequence[TestSet]], *, force: bool = False, dry_run: bool = False
) -> None:
    """Stage 12, when all is decoded: look into one utterance for each system that hears and reads.

    Args:
        runs: those without a model of their own, such as pipelines, are passed over.
    """
    for decoding in plan_attention([run for run in runs if isinstance(run, SystemRun)], tests_of):
        name = f"stage 12: {attention_file(decoding)}"
        if has_attention(decoding) and not force:
            print(f"{name}: done already, skipped")
        elif dry_run:
            print(f"{name}: to be made")
        elif not decoding.run.final.run.is_done:
            print(f"{name}: its model is not here, skipped")
        else:
            print(f"{name}:", flush=True)
            write_attention(decoding, load_trained(decoding.run))


def write_attention(decoding: Decoding, trained: "Trained") -> None:
    """Look into one utterance of a decoded set and write the file."""
    from espnet_atat.decode.cross_attention import speech_attention, text_attention
    from espnet_atat.decode.decode_set import decode_batch, understander
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    dump = DUMP / decoding.test.set
    source = Source.of_dump(dump, "speech")
    references = read_two_column(decoding.folder / "ref")
    utt_id = first_right(references, read_two_column(decoding.folder / "hyp"), source.entries)
    speech = np.asarray(source.read(utt_id))
    # The same search once more, for its tokens; without a language model, which does not look at the utterance.
    options = {key: value for key, value in decoding.config.items() if key not in ("batch_size", "lm_weight")}
    config = SearchConfig(**options, task=decoding.test.task)
    result = decode_batch(understander(trained, source.name, config), source, [utt_id])[0][0]
    task = config.tasks[0]
    heard = speech_attention(trained, speech, task, result.tokens)
    pieces = trained.text_pieces(read_two_column(dump / "text")[utt_id])
    read = text_attention(trained, pieces, READING, result.tokens)
    features = speech if speech.ndim == 2 else fbank(speech)
    temporary = decoding.folder / f".{FILE}.{os.getpid()}.npz"
    np.savez_compressed(
        temporary,
        made_from=decoding.made_from,
        utt_id=utt_id,
        reference=references[utt_id],
        hypothesis=result.line,
        tokens=list(heard.tokens),
        audio=heard.frames(len(features)),
        audio_task=task,
        frame_seconds=FRAME_SHIFT / SAMPLE_RATE,
        features=features.astype(np.float16),  # for the eye alone
        text=read.mean,
        text_task=READING,
        pieces=trained.text_tokenizer.convert_ids_to_tokens(pieces),
    )
    os.replace(temporary, attention_file(decoding))


def first_right(references: Mapping[str, str], hypotheses: Mapping[str, str], there: Iterable[str]) -> str:
    """The first utterance whose hypothesis is its reference; the first one where none is.

    Args:
        there: those that have audio.
    """
    known = set(there)
    ids = [utt_id for utt_id in sorted(references) if utt_id in known]
    return next((utt_id for utt_id in ids if hypotheses.get(utt_id) == references[utt_id]), ids[0])
