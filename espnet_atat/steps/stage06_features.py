"""Stage 6: every set below ``data/<recipe>`` → ``dump/<recipe>/<set>``.

For models on top of a pretrained speech encoder also ``dump/<encoder>-<key>/<recipe>/<set>``, its states, or
``dump/raw/<recipe>/<set>``; for models on MFCC ``dump/mfcc<N>/<recipe>/<set>``.
"""

from collections.abc import Iterator
from pathlib import Path

from espnet_atat.config.encoder_input import MFCC, Cepstra, EncoderInput, inputs_of
from espnet_atat.config.layout import DATA, DUMP
from espnet_atat.datadir import UNREADABLE, DataDir, is_test_set, read_two_column
from espnet_atat.errors import UserError
from espnet_atat.graph.node import Node
from espnet_atat.speech.features import FeatureConfig, make_dump
from espnet_atat.speech.report import Report
from espnet_atat.speech.sets import set_node
from espnet_atat.stages import Stage
from espnet_atat.steps.request import Request

#: What ``--feats_type`` calls states.
ENCODER = "encoder"


def plan(request: Request) -> Iterator[Node | str]:
    recipe = request.recipe
    names = request.sets
    if not names:
        if not request.dry_run:
            raise UserError(f"{DATA / recipe} has no sets: run stage {Stage.CORPUS}")
        yield f"features of every set: to be made, after stage {Stage.CORPUS}"
    stored = "fbank" if request.feats_type in (ENCODER, MFCC) else request.feats_type
    inputs = _inputs(request)
    for name in names:
        allow_bad = request.allow_bad_test or not is_test_set(name)
        configs = {DUMP: FeatureConfig(stored, request.compress, allow_bad=allow_bad)}
        for model_input, sets in inputs.items():
            if sets is not None and f"{recipe}/{name}" not in sets:
                continue
            configs[model_input.dump] = FeatureConfig("raw", request.compress, allow_bad=allow_bad)
            if model_input.stored:
                configs[model_input.dump] = model_input.config(compress=request.compress, allow_bad=allow_bad)
        for dump, config in configs.items():
            yield features_node(DATA / recipe / name, dump / recipe / name, config, request.nj, request.machines.ngpu)


def features_node(folder: Path, output: Path, config: FeatureConfig, nj: int, ngpu: int = 0) -> Node:
    def make(work: Path) -> Report:
        listed = folder / UNREADABLE
        unusable = read_two_column(listed) if listed.is_file() else {}
        return make_dump(DataDir.load(folder), work, output, config, nj, unusable, ngpu)

    return set_node(Stage.FEATURES, output, config, make, sets=[folder])


def _inputs(request: Request) -> dict[EncoderInput | Cepstra, set[str] | None]:
    """What models read in place of log mels, or is asked for; each folder once, with its sets (None: all)."""
    asked: list[EncoderInput | Cepstra] = [] if request.encoder is None else [EncoderInput(request.encoder, True)]
    if request.feats_type == MFCC:
        asked.append(Cepstra(request.num_ceps, request.deltas))
    elif (request.num_ceps, request.deltas) != (13, False):
        raise UserError("--num_ceps and --deltas apply only to --feats_type mfcc")
    found: dict[Path, tuple[EncoderInput | Cepstra, set[str] | None]] = {}
    for model_input, sets in (*inputs_of(request.selection.systems), *((each, None) for each in asked)):
        _, before = found.get(model_input.dump, (model_input, set()))
        found[model_input.dump] = model_input, None if sets is None or before is None else before | sets
    if request.feats_type == ENCODER and not any(
        isinstance(each, EncoderInput) and each.stored for each, _ in found.values()
    ):
        raise UserError(
            "--feats_type encoder: no selected system has a frozen audio_encoder hugging_face: name the encoder "
            "(--encoder whisper-tiny.en-encoder)"
        )
    return dict(found.values())
