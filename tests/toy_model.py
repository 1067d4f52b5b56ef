"""The real network at the smallest size, and random batches for it; imports torch and ESPnet."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.build import build_model
from espnet_atat.text.vocabulary import TASK_SOURCE, TASKS, Vocabulary

DIMENSION = 16
MELS = 20
CTC_SYMBOLS = 7
TEXT_PIECES = 30

#: A BERT of one layer.
TINY_BERT = {
    **{"model_type": "bert", "vocab_size": TEXT_PIECES, "max_position_embeddings": 64},
    **{"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}

TINY_BLOCKS: dict[str, dict[str, Any]] = {
    "transformer": {"num_blocks": 2, "attention_heads": 2, "linear_units": 32},
    "conformer": {"num_blocks": 2, "attention_heads": 2, "linear_units": 32, "cnn_module_kernel": 5},
    "e_branchformer": {
        **{"num_blocks": 2, "attention_heads": 2, "linear_units": 32},
        **{"cgmlp_linear_units": 32, "cgmlp_conv_kernel": 5, "merge_conv_kernel": 3},
    },
}

VOCABULARY = Vocabulary.build(["]", "[IN:PLAY", "[SL:SONG"], [f"▁{letter}" for letter in "abcdefghij"])


def toy_model(
    vocabulary: Vocabulary = VOCABULARY, *, blocks: str | None = "transformer", seed: int = 0, **changes: Any
) -> ESPnetATATModel:
    """A tiny AT-AT model with a CTC head, in evaluation mode. ``changes`` replace options, or ESPnet's modules."""
    torch.manual_seed(seed)
    modules = {name: changes.pop(name) for name in ("frontend", "specaug", "normalize") if name in changes}
    blocks_conf, ctc_symbols = TINY_BLOCKS.get(blocks or ""), changes.pop("ctc_symbols", CTC_SYMBOLS)
    options: dict[str, Any] = {
        **dict.fromkeys(("frontend", "specaug", "normalize", "init", "pretrained_vocabulary_size")),
        "token_list": list(vocabulary.tokens),
        "input_size": MELS,
        "audio_encoder": blocks,
        "audio_encoder_conf": {"output_size": DIMENSION, "cnn_channels": [4, 4], "blocks_conf": blocks_conf},
        "text_encoder": "hugging_face",
        "text_encoder_conf": {"config": TINY_BERT},
        "decoder_conf": {"num_blocks": 2, "attention_heads": 2, "linear_units": 32},
        **{"ctc_unit": ctc_symbols and "char", "ctc_characters": ["x"] * (ctc_symbols or 0)},
        "ctc_conf": {"subframes": 2},
        "model_conf": {"ctc_weight": 0.3},
    }
    model = build_model(Namespace(**{**options, **changes}))
    for name, module in modules.items():
        setattr(model, name, module)
    return model.eval()


def without_dropout(model: torch.nn.Module) -> None:
    """Have its dropout drop nothing in training either."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def toy_batch(
    frames: Sequence[int] = (40, 23, 31),
    pieces: Sequence[int] = (5, 9),
    tasks: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """A random batch: audio of ``frames``, text of ``pieces``, and targets of 3 to 8 tokens.

    Args:
        tasks: of each example, audio first; by default in turn.
    """
    generator = torch.Generator().manual_seed(seed)

    def random_ids(low: int, high: int, lengths: Sequence[int]) -> list[Tensor]:
        return [torch.randint(low, high, (n,), generator=generator) for n in lengths]

    if tasks is None:
        audible = [task for task in TASKS if TASK_SOURCE[task] == "speech"]
        tasks = [audible[i % len(audible)] for i in range(len(frames))] + ["nlu"] * len(pieces)
    targets = random_ids(7, len(VOCABULARY), torch.randint(2, 8, (len(tasks),), generator=generator).tolist())
    for target, task in zip(targets, tasks, strict=True):
        target[0] = VOCABULARY.task_id(task)
    batch = _padded("text", targets, -1)
    if frames:
        batch |= _padded("speech", [torch.randn(n, MELS, generator=generator) for n in frames], 0.0)
        batch |= _padded("ctc_text", random_ids(1, CTC_SYMBOLS, [3 + i % 2 for i in range(len(frames))]), -1)
    if pieces:
        batch |= _padded("text_in", random_ids(0, TEXT_PIECES, pieces), -1)
    return batch


def example(batch: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    """One example of a batch as a batch of its own, without padding."""
    audio = len(batch.get("speech", ()))
    names = {"text": index}
    names |= {"speech": index, "ctc_text": index} if index < audio else {"text_in": index - audio}
    single = {}
    for name, row in names.items():
        length = batch[f"{name}_lengths"][row]
        single[name] = batch[name][row : row + 1, : int(length)].clone()
        single[f"{name}_lengths"] = length[None].clone()
    return single


def _padded(name: str, rows: Sequence[Tensor], value: float) -> dict[str, Tensor]:
    return {
        name: torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value),
        f"{name}_lengths": torch.tensor([len(row) for row in rows]),
    }
