"""Stage 6: every set below ``data/<recipe>`` → ``dump/<recipe>/<set>``.

For models on top of a pretrained speech encoder also ``dump/<encoder>-<key>/<recipe>/<set>``, its states, or
``dump/raw/<recipe>/<set>``; for models on MFCC ``dump/mfcc<N>/<recipe>/<set>``.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.config.hearing import MFCC, Cepstra, Hearing, hearings_of
from espnet_atat.config.layout import DATA, DUMP
from espnet_atat.datadir import UNREADABLE, DataDir, is_test_set, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.report import Report
from espnet_atat.steps.sets import set_node, sets_of

if TYPE_CHECKING:
    from espnet_atat.steps.driver import Request

#: What ``--feats_type`` calls states.
ENCODER = "encoder"


def plan(request: "Request") -> Iterator[Node | str]:
    names = sets_of(request.recipe)
    if not names:
        if not request.dry_run:
            raise UserError(f"{DATA / request.recipe} has no sets: run stage 1")
        yield "features of every set: to be made, after stage 1"
    stored = "fbank" if request.feats_type in (ENCODER, MFCC) else request.feats_type
    hearings = _hearings(request)
    for name in names:
        allow_bad = request.allow_bad_test or not is_test_set(name)
        yield _node(request, name, DUMP, FeatureConfig(stored, request.compress, allow_bad=allow_bad))
        for hearing in hearings:
            config = FeatureConfig("raw", request.compress, allow_bad=allow_bad)
            if hearing.stored:
                config = hearing.config(compress=request.compress, allow_bad=allow_bad)
            yield _node(request, name, hearing.dump, config)


def _node(request: "Request", name: str, dump: Path, config: FeatureConfig) -> Node:
    folder, output = DATA / request.recipe / name, dump / request.recipe / name
    return set_node(6, output, config, partial(_make, folder, output, config, request.nj), sets=[folder])


def _hearings(request: "Request") -> list[Hearing | Cepstra]:
    """What the models of the selected systems read in place of log mels, and what is asked for; each folder once."""
    asked: list[Hearing | Cepstra] = [] if request.encoder is None else [Hearing(request.encoder, True)]
    if request.feats_type == MFCC:
        asked.append(Cepstra(request.num_ceps, request.deltas))
    elif (request.num_ceps, request.deltas) != (13, False):
        raise UserError("--num_ceps and --deltas are of --feats_type mfcc")
    by_folder = {each.dump: each for each in (*hearings_of(request.selection.systems), *asked)}
    if request.feats_type == ENCODER and not any(
        isinstance(each, Hearing) and each.stored for each in by_folder.values()
    ):
        raise UserError(
            "--feats_type encoder: no selected system has a frozen audio_encoder hugging_face: name the encoder "
            "(--encoder whisper-tiny.en-encoder)"
        )
    return list(by_folder.values())


def _make(folder: Path, output: Path, config: FeatureConfig, nj: int, work: Path) -> Report:
    listed = folder / UNREADABLE
    unusable = read_two_column(listed) if listed.is_file() else {}
    return make_dump(DataDir.load(folder), work, output, config, nj, unusable)
