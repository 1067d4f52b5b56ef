"""Where a model looked in one utterance, heard and read: ``attention.npz`` beside the ``hyp`` of stage 12.

It is of each system's first seed and first set of speech with trees, decoded with the leading inference configuration:
the first utterance whose tree is right. Only a model that was trained to listen and to read has one. Stage 14 draws it.
The arrays are those of ``report.glance.Glance``; none is pickled.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from espnet_atat.config.layout import DUMP
from espnet_atat.datadir import read_two_column
from espnet_atat.graph.node import Node
from espnet_atat.report.glance import ATTENTION_FILE
from espnet_atat.steps.plan import Training
from espnet_atat.steps.stage12_decode import Decoding, load_trained, source_of
from espnet_atat.steps.systems import SystemRun


def attention_nodes(runs: Iterable[SystemRun]) -> Iterator[Node]:
    """A node for each system that hears and reads; of its runs, the first one is looked at."""
    firsts: dict[str, SystemRun] = {}
    for run in runs:
        firsts.setdefault(run.system.name, run)
    for run in firsts.values():
        spoken = [each for each in run.decodings if each.test.wants_trees and source_of(each.test) == "speech"]
        if spoken and _hears_and_reads(spoken[0].training):
            yield _node(spoken[0])


def _node(decoding: Decoding) -> Node:
    return Node(
        stage=12,
        at=decoding.folder / ATTENTION_FILE,
        identify=lambda: {"kind": "attention", "decoding": decoding.node.key},
        make=partial(_look, decoding),
        needs=(decoding.node, decoding.training.run),
        is_file=True,
    )


def _hears_and_reads(model: Training) -> bool:
    """Whether the model has both encoders and examples taught both: a text encoder that read nothing shows nothing."""
    sources = {part.source for step in model.chain for part in step.mixtures.train}
    return model.config.get("text_encoder", "hugging_face") is not None and sources == {"speech", "text_in"}


def _look(decoding: Decoding, work: Path) -> Mapping[str, Any]:
    from espnet_atat.decode.decode_set import heard_and_read
    from espnet_atat.decode.search_config import SearchConfig
    from espnet_atat.decode.source import Source

    dump = DUMP / decoding.test.set
    source = Source.of_dump(decoding.dump, "speech")
    references = read_two_column(decoding.folder / "ref")
    utt_id = first_right(references, read_two_column(decoding.folder / "hyp"), source.entries)
    # The same search once more, for its tokens; without a language model, which does not look at the utterance.
    options = {key: value for key, value in decoding.config.items() if key not in ("batch_size", "lm_weight")}
    config = SearchConfig(**options, task=decoding.test.task)
    text = read_two_column(dump / "text")[utt_id]
    seen = Source.of_dump(dump, "speech")
    arrays = heard_and_read(load_trained(decoding.training), source, utt_id, text, config, seen=seen)
    np.savez_compressed(work / ATTENTION_FILE, utt_id=utt_id, reference=references[utt_id], **arrays)
    return {"utt_id": utt_id}


def first_right(references: Mapping[str, str], hypotheses: Mapping[str, str], there: Iterable[str]) -> str:
    """The first utterance of those ``there`` whose hypothesis is its reference; the first one where none is."""
    known = set(there)
    ids = [utt_id for utt_id in sorted(references) if utt_id in known]
    return next((utt_id for utt_id in ids if hypotheses.get(utt_id) == references[utt_id]), ids[0])
