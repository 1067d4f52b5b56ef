"""How much faster mini's model trains on a CPU with its layers of ``espnet_atat.model.cpu_layers``.

    python benchmarks/cpu_layers.py [--updates 120]

Forward, backward and update of its pretraining configuration on random batches of about 3000 frames, one
thread, with and without them by turns in one process; the median of each, in CPU time, and their ratio. The batches
differ in size, as in training: each new size has a price, so the first third of the updates is left out.
"""

import argparse
import random
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from espnet_atat.config.layout import load_config
from espnet_atat.model import build
from espnet_atat.text.vocabulary import Vocabulary

MELS, CHARACTERS, PIECES, BATCH_FRAMES = 80, 30, 1500, 3000
#: Bounds of frames, target tokens and words' pieces of an utterance.
FRAMES, TOKENS, WORDS = (120, 380), (8, 24), (4, 12)
VOCABULARY = Vocabulary.build([f"[IN:{number}" for number in range(40)], [f"▁{number}" for number in range(400)])


def make_model() -> torch.nn.Module:
    """The model of mini's ``pretrain.yaml``."""
    path = Path(__file__).parents[1] / "egs2/atat/mini/conf/pretrain.yaml"
    conf = load_config(path)
    conf["model_conf"]["contrast_start"] = 0
    plain = dict.fromkeys(("frontend", "specaug", "normalize", "init", "pretrained_vocabulary_size"))
    lists = {"token_list": VOCABULARY.tokens, "ctc_characters": ["x"] * CHARACTERS}
    torch.manual_seed(0)
    return build.build_model(Namespace(**{**conf, **plain, **lists})).train()


def make_batch() -> dict[str, Tensor]:
    """Utterances of about one length, as the sampler puts them together, half as many texts, and their targets."""
    frames = random.randint(*FRAMES)
    audio = max(1, BATCH_FRAMES // frames + random.randint(-1, 1))
    texts = audio // 2
    text = torch.randint(len(VOCABULARY) - 400, len(VOCABULARY), (audio + texts, random.randint(*TOKENS)))
    text[:audio, 0], text[audio:, 0] = VOCABULARY.task_id("slu"), VOCABULARY.task_id("nlu")
    streams = {
        "text": text,
        "speech": torch.randn(audio, frames, MELS),
        "text_in": torch.randint(5, PIECES, (texts, random.randint(*WORDS))),
        "ctc_text": torch.randint(1, CHARACTERS, (audio, 38)),
        "transcript": torch.randint(5, PIECES, (audio, random.randint(*WORDS))),
    }
    lengths = {f"{name}_lengths": torch.full((len(rows),), rows.size(1)) for name, rows in streams.items() if len(rows)}
    return {name: rows for name, rows in streams.items() if len(rows)} | lengths


def make_step(model: torch.nn.Module) -> Callable[[dict[str, Tensor]], float]:
    """One update on a batch; gives its CPU time in seconds."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step(batch: dict[str, Tensor]) -> float:
        start = time.process_time()
        loss, _, _ = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return time.process_time() - start

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=120)
    args = parser.parse_args()
    random.seed(0)
    torch.set_num_threads(1)
    steps = {"cpu_layers": make_step(make_model())}
    with mock.patch.object(build, "use_cpu_layers"):
        steps["torch's own"] = make_step(make_model())
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(args.updates):
        batch = make_batch()
        for name in sorted(steps, reverse=number % 2 == 0):  # whoever comes first pays for what a new size costs both
            times[name].append(steps[name](batch))
    medians = {name: statistics.median(values[args.updates // 3 :]) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {1000 * median:.0f} ms per update, ratio {medians["torch's own"] / median:.2f}")


if __name__ == "__main__":
    main()
