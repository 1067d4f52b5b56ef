"""Parameter-efficient fine-tuning: LoRA (Hu et al. 2021) through ESPnet's own adapter options.

ESPnet builds the adapters (``use_adapter``, ``adapter_conf``) and saves weights with the adapters merged into them, so
the checkpoint decodes like any other. ``freeze_param`` decides what is frozen.
"""

import argparse
from importlib.util import find_spec

from torch import nn

from espnet_atat.errors import UserError
from espnet_atat.model.cpu_layers import Linear


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to an adapter, by loralib's names."""
    return name.endswith((".lora_A", ".lora_B"))


def check_adapter(args: argparse.Namespace, model: nn.Module) -> None:
    """Refuse options on which ESPnet would fail with a traceback, or leave a checkpoint that cannot be decoded."""
    if not args.use_adapter:
        return
    if args.adapter != "lora":
        raise UserError(f"--adapter {args.adapter}: ESPnet has it for S3PRL's models only; this model takes lora")
    if find_spec("loralib") is None:
        raise UserError("--use_adapter needs loralib: pip install loralib (tools/setup.sh installs it)")
    if args.save_strategy != "all":
        raise UserError(f"--save_strategy {args.save_strategy}: a model is decoded from one checkpoint: save all")
    modules = dict(model.named_modules())
    for target in args.adapter_conf.get("target_modules", ["query"]):
        found = {name: module for name, module in modules.items() if name.endswith(target)}
        if not found:
            raise UserError(
                f"adapter_conf: target_modules: no module ends in {target!r}; linear_q, linear_k, linear_v and "
                "linear_out are those of attention, query, key and value a BERT's"
            )
        for name, module in found.items():
            if type(module) not in (nn.Linear, Linear):
                raise UserError(
                    f"adapter_conf: target_modules: {target!r} takes {name}, a {type(module).__name__}: name linear "
                    "layers only"
                )
