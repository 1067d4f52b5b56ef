"""Stage 6: every set below ``data/<recipe>`` → ``dump/<recipe>/<set>``.

For models on top of a pretrained speech encoder also ``dump/<encoder>-<key>/<recipe>/<set>``, its states, or
``dump/raw/<recipe>/<set>``.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from espnet_atat.config.hearing import Hearing, hearings_of
from espnet_atat.config.layout import DATA, DUMP
from espnet_atat.datadir import UNREADABLE, DataDir, is_test_set, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.report import Report
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request
from espnet_atat.steps.sets import set_node, sets_of

#: What ``--feats_type`` calls states.
ENCODER = "encoder"


def plan(request: Request) -> Iterator[Node | str]:
    names = sets_of(request.recipe)
    if not names:
        if not request.dry_run:
            raise UserError(f"{DATA / request.recipe} has no sets: run stage {Stage.CORPUS}")
        yield f"features of every set: to be made, after stage {Stage.CORPUS}"
    stored = "fbank" if request.feats_type == ENCODER else request.feats_type
    hearings = _hearings(request)
    for name in names:
        allow_bad = request.allow_bad_test or not is_test_set(name)
        yield _node(request, name, DUMP, FeatureConfig(stored, request.compress, allow_bad=allow_bad))
        for hearing in hearings:
            config = FeatureConfig("raw", request.compress, allow_bad=allow_bad)
            if hearing.stored:
                config = hearing.config(compress=request.compress, allow_bad=allow_bad)
            yield _node(request, name, hearing.dump, config)


def _node(request: Request, name: str, dump: Path, config: FeatureConfig) -> Node:
    folder, output = DATA / request.recipe / name, dump / request.recipe / name
    return set_node(Stage.FEATURES, output, config, partial(_make, folder, output, config, request.nj), sets=[folder])


def _hearings(request: Request) -> list[Hearing]:
    """What the models of the selected systems read that are on top of pretrained encoders, each folder once."""
    asked = [] if request.encoder is None else [Hearing(request.encoder, True)]
    by_folder = {each.dump: each for each in (*hearings_of(request.selection.systems), *asked)}
    if request.feats_type == ENCODER and not any(each.stored for each in by_folder.values()):
        raise UserError(
            "--feats_type encoder: no selected system has a frozen audio_encoder hugging_face: name the encoder "
            "(--encoder whisper-tiny.en-encoder)"
        )
    return list(by_folder.values())


def _make(folder: Path, output: Path, config: FeatureConfig, nj: int, work: Path) -> Report:
    listed = folder / UNREADABLE
    unusable = read_two_column(listed) if listed.is_file() else {}
    return make_dump(DataDir.load(folder), work, output, config, nj, unusable)
