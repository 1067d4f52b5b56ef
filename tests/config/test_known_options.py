"""The known options are those that the trainers have; mistakes are found without the trainers.

After a change of an option: ``python -m tests.config.test_known_options > espnet_atat/config/known_options.json``.
"""

import argparse
import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from espnet_atat.config.known_options import KNOWN


def kind_of(action: argparse.Action) -> str:
    types = {"int": "int", "float": "float", "str2bool": "bool", "str": "text"}
    of_type = types.get(getattr(action.type, "__name__", "").removesuffix("_or_none"), "any")
    if type(action).__name__ == "NestedDictAction":
        return "mapping"
    if action.nargs in ("*", "+", 2) or type(action).__name__ == "_AppendAction":
        return "any" if of_type == "int" else "list"  # keep_nbest_models: 5 is as good as [5]
    return "text" if action.choices and of_type == "any" else of_type


def keys_of(kind: Callable[..., Any], given: Sequence[str]) -> list[str]:
    """Keyword arguments of a class, without those that come from elsewhere; empty where it takes any."""
    parameters = inspect.signature(kind).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return []
    return sorted({each.name for each in parameters if each.kind is not each.VAR_POSITIONAL} - {*given})


def options_of(
    parser: argparse.ArgumentParser, confs: Mapping[str, tuple[str, Mapping[str, Any], Sequence[str]]]
) -> dict[str, Any]:
    """``confs``: a ``*_conf`` → the option that it depends on, that option's classes, arguments from elsewhere."""
    found: dict[str, Any] = {}
    not_kept = ("help", "config", "print_config")
    actions = {action.dest: action for action in parser._actions if action.dest not in not_kept}
    for name, action in actions.items():
        choices = [choice for choice in action.choices or () if choice is not None]
        default = parser.get_default(name)
        null = default is None or None in (action.choices or ()) or "or_none" in getattr(action.type, "__name__", "")
        found[name] = {"kind": kind_of(action)}
        found[name] |= {"null": True} if null else {}
        found[name] |= {"choices": choices} if choices else {}
        found[name] |= {"default": default} if any(by == name for by, *_ in confs.values()) else {}
    for name, (by, kinds, given) in confs.items():
        found.setdefault(name, {"kind": "mapping"})
        found[name] |= {"by": by} if by else {}
        found[name]["keys"] = {each: keys for each, kind in kinds.items() if (keys := keys_of(kind, given))}
    return found


def known_now() -> dict[str, Any]:
    """As the trainers have them."""
    from espnet2.asr.decoder.transformer_decoder import TransformerDecoder
    from espnet2.tasks.abs_task import optim_classes, scheduler_classes
    from espnet2.tasks.lm import LMTask

    from espnet_atat.data.feature_augmentation import FeatureAugmentation
    from espnet_atat.data.masks import MaskOptions
    from espnet_atat.model.atat_model import ESPnetATATModel
    from espnet_atat.model.audio_encoder import BLOCKS, AudioEncoder
    from espnet_atat.model.ctc import CTCHead
    from espnet_atat.model.hearing_encoder import HearingEncoder
    from espnet_atat.model.text_encoder import TextEncoder
    from espnet_atat.speech.augmentation.chain import EFFECTS
    from espnet_atat.tasks.atat import ATATTask
    from espnet_atat.train.schedule import Schedule

    def of_choices(task: Any, *given: str) -> dict[str, tuple[str, Any, Sequence[str]]]:
        return {f"{each.name}_conf": (each.name, each.classes, given) for each in task.class_choices_list}

    steps = {"optim_conf": ("optim", optim_classes, ["params"])}
    schedulers = {**scheduler_classes, "warmup_unfreeze": Schedule}  # which our scheduler reads its options as
    steps |= {"scheduler_conf": ("scheduler", schedulers, ["optimizer", "last_epoch"])}
    encoders = dict.fromkeys(BLOCKS, AudioEncoder) | dict.fromkeys(("hugging_face", "espnet"), HearingEncoder)
    effects = dataclasses.make_dataclass("Effects", [*EFFECTS])
    modules = ["decoder", "audio_encoder", "text_encoder", "frontend", "specaug", "normalize", "ctc"]
    given_to_decoder = ["vocab_size", "encoder_output_size", "use_output_layer", "input_layer"]
    confs = {
        **steps,
        **of_choices(ATATTask),
        "audio_encoder_conf": ("audio_encoder", encoders, ["input_size"]),
        "audio_encoder_conf.blocks_conf": ("audio_encoder", BLOCKS, ["input_size", "output_size", "input_layer"]),
        "text_encoder_conf": ("", {"": TextEncoder}, ["output_size"]),
        "decoder_conf": ("", {"": TransformerDecoder}, given_to_decoder),
        "ctc_conf": ("", {"": CTCHead}, ["symbols", "input_size", "separator"]),
        "model_conf": ("", {"": ESPnetATATModel}, [*modules, "task_ids", "eos_id"]),
        "augment_conf": ("", {"": FeatureAugmentation}, []),
        "waveform_augment_conf": ("", {"": effects}, []),
        "mask_conf": ("", {"": MaskOptions}, []),
    }
    language = {**steps, **of_choices(LMTask, "vocab_size", "lm", "token_list")}
    of_lm = options_of(LMTask.get_parser(), language)
    of_lm["scheduler"]["choices"].remove(ours := "warmup_unfreeze")  # our task registers it, with ESPnet's too
    del of_lm["scheduler_conf"]["keys"][ours]
    of_atat = options_of(ATATTask.get_parser(), confs)
    for kind in BLOCKS:
        of_atat["audio_encoder_conf"]["keys"][kind].remove("blocks")  # the option audio_encoder says it
    return {"atat": of_atat, "lm": of_lm}


def as_json(content: Mapping[str, Any]) -> str:
    """One line an option."""
    tasks = []
    for task, options in content.items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(option)}" for name, option in options.items())
        tasks.append(f" {json.dumps(task)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(tasks) + "\n}"


def test_the_known_options_are_those_of_the_trainers():
    assert KNOWN.read_text(encoding="utf-8").strip() == as_json(known_now())


if __name__ == "__main__":
    print(as_json(known_now()))
