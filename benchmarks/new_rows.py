"""How far new rows of the embedding come in the 500 updates in which fine-tuning trains nothing else.

    python benchmarks/new_rows.py [--growths books,events,top] [--top DIR] [--seeds 1]

A small text model (256 units, as the paper's) learns the trees of one domain, grows by the tokens of another and reads
that with the paper's schedule: all else is frozen for 500 updates, then unfreezes in three steps of 100. What differs
is the learning rate of the new rows. Prints the cross entropy of the new domain's dev set, in nats a token, over its
new tokens and over all, and the share of new tokens that are predicted.

``books``: mini's music to mini's books. ``events``: TOP's navigation to its events. ``top``: mini's music to TOP. The
last two read TOP's first release: ``--top``, or ``top`` below ATAT_CORPORA (CONTRIBUTING.md).
"""

import argparse
import copy
import csv
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from espnet_atat.corpora import top
from espnet_atat.datadir import read_two_column
from espnet_atat.model.atat_model import ESPnetATATModel
from espnet_atat.model.build import build_model
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.growth import grow
from espnet_atat.text.tokenizer import TargetTokenizer, target_words
from espnet_atat.text.vocabulary import Vocabulary
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece
from espnet_atat.train.optimiser import parameter_groups
from espnet_atat.train.transfer import initial_checkpoint
from espnet_atat.train.unfreeze import WarmupUnfreezeLR

CORPUS = Path("egs2/atat/mini/corpus")
DIMENSION, WARMUP = 256, 4000
PEAK = DIMENSION**-0.5 * WARMUP**-0.5
FREEZE = {"unfreeze_steps": [500, 100, 100, 100], "multipliers": [0.0, 0.2, 0.5, 0.7]}
PRETRAINING_UPDATES = 2000 * 100  # of conf/pretrain.yaml
#: Name: updates of the new rows' own warm-up (None: they share the others'), and the factor on their peak.
RATES: dict[str, tuple[int | None, float]] = {
    "warm-up again, 4000": (None, 1.0),
    "own warm-up of 100": (100, 1.0),
    "pretraining's last rate": (0, (WARMUP / PRETRAINING_UPDATES) ** 0.5),
    "100, peak x 3": (100, 3.0),
    "no warm-up": (0, 1.0),
    "own warm-up of 400": (400, 1.0),
    "100, peak x 10": (100, 10.0),
}
BATCH = 16
BLOCKS = {"attention_heads": 4, "linear_units": 512, "num_blocks": 2}
BERT = {"hidden_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 512}

Batch = dict[str, Tensor]


def trees_of_mini(name: str) -> list[str]:
    with (CORPUS / f"{name}.tsv").open(encoding="utf-8") as handle:
        return [row["tree"] or row["words"] for row in csv.DictReader(handle, delimiter="\t")]


def trees_of_top(source: Path, folder: Path) -> dict[str, list[str]]:
    if not folder.is_dir():
        top.prepare(source, folder)
    return {part: list(read_two_column(folder / part / "target").values()) for part in ("train", "dev")}


def is_event(tree: str) -> bool:
    return "EVENT" in tree.split()[0]


def is_navigation(tree: str) -> bool:
    return "EVENT" not in tree and "[IN:UNSUPPORTED " not in tree


def domains(growth: str, source: Path, folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Targets of pretraining, of fine-tuning, and of the new domain's dev set."""
    if growth != "events":
        music = [*trees_of_mini("music_text"), *trees_of_mini("music_train")]
    if growth == "books":
        return music, [*trees_of_mini("books_text"), *trees_of_mini("books_train")], trees_of_mini("books_dev")
    trees = trees_of_top(source, folder)
    if growth == "top":
        return music, trees["train"], random.Random(0).sample(trees["dev"], 300)
    old = [tree for tree in trees["train"] if is_navigation(tree)]
    return old, [tree for tree in trees["train"] if is_event(tree)], list(filter(is_event, trees["dev"]))[:300]


class Reader:
    """Batches of *nlu*: words to trees."""

    def __init__(self, tokenizer: TargetTokenizer, words: Path):
        self.tokenizer = tokenizer
        self.text = AutoTokenizer.from_pretrained(words)
        self.task = tokenizer.vocabulary.task_id("nlu")

    def batch(self, targets: Sequence[str]) -> Batch:
        text = [[self.task, *self.tokenizer.encode(target)] for target in targets]
        read = [self.text(" ".join(target_words(target)))["input_ids"] for target in targets]
        return {**padded("text", text), **padded("text_in", read)}

    def epochs(self, targets: Sequence[str], updates: int, seed: int) -> list[Batch]:
        draw, order = random.Random(seed), list[str]()
        while len(order) < updates * BATCH:
            order += draw.sample(targets, len(targets))
        return [self.batch(order[start * BATCH : (start + 1) * BATCH]) for start in range(updates)]


def padded(name: str, rows: Sequence[Sequence[int]]) -> Batch:
    tensors = [torch.tensor(row) for row in rows]
    lengths = torch.tensor([len(row) for row in rows])
    return {
        name: nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=-1),
        f"{name}_lengths": lengths,
    }


def model_of(vocabulary: Vocabulary, pieces: int, seed: int, old: int | None = None) -> ESPnetATATModel:
    torch.manual_seed(seed)
    return build_model(
        vocabulary,
        input_size=None,
        audio_encoder=None,
        audio_encoder_conf={"output_size": DIMENSION},
        text_encoder=True,
        text_encoder_conf={"config": {"model_type": "bert", "vocab_size": pieces, **BERT}},
        decoder_conf=BLOCKS,
        ctc_symbols=None,
        ctc_conf={},
        model_conf={"lsm_weight": 0.1},
        init="xavier_uniform",
        pretrained_vocabulary_size=old,
    )


def step(model: ESPnetATATModel, batch: Batch, adam: torch.optim.Optimizer, scheduler: WarmupUnfreezeLR) -> None:
    adam.zero_grad()
    model(**batch)[0].backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    adam.step()
    scheduler.step()


@torch.no_grad()
def evaluate(model: ESPnetATATModel, batches: Sequence[Batch], old: int) -> tuple[float, float, float]:
    """Cross entropy of new tokens and of all tokens, in nats, and the share of new tokens that are predicted."""
    model.eval()
    losses, new, hits = [], [], []
    for batch in batches:
        encoded = model.encode_text(batch["text_in"], batch["text_in_lengths"])
        inputs, outputs = batch["text"][:, :-1].clamp(min=0), batch["text"][:, 1:]
        logits, _ = model.decoder(encoded.states, encoded.lengths, inputs, batch["text_lengths"] - 1)
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), outputs, ignore_index=-1, reduction="none")
        real = outputs >= 0
        losses.append(loss[real])
        new.append(outputs[real] >= old)
        hits.append((logits.argmax(-1) == outputs)[real])
    model.train()
    loss, is_new, hit = torch.cat(losses), torch.cat(new), torch.cat(hits)
    return loss[is_new].mean().item(), loss.mean().item(), hit[is_new].float().mean().item()


def measure(growth: str, args: argparse.Namespace, seed: int, folder: Path) -> None:
    pretraining, finetuning, dev = domains(growth, args.top, folder / "corpus")
    # The text encoder's pieces are of both domains, as BERT's are of everything.
    pieces = train_wordpiece((" ".join(target_words(target)) for target in (*pretraining, *finetuning)), 3000)
    save_wordpiece(pieces, folder / growth / "words")
    make_target_model(pretraining, 1000, folder / growth)
    old = TargetTokenizer.load(folder / growth)
    new = grow(old, [*finetuning, *dev])
    size = len(old.vocabulary)
    start = time.monotonic()
    model = model_of(old.vocabulary, len(pieces), seed)
    adam = torch.optim.Adam(parameter_groups(model), lr=PEAK, betas=(0.9, 0.98), eps=1e-9)
    scheduler = WarmupUnfreezeLR(adam, warmup_steps=args.pretraining // 10)
    for batch in Reader(old, folder / growth / "words").epochs(pretraining, args.pretraining, seed):
        step(model, batch, adam, scheduler)
    torch.save(model.state_dict(), folder / growth / "model.pth")
    initial_checkpoint(folder / growth / "model.pth", old.vocabulary, new.vocabulary, folder / growth / "initial.pt")
    reader = Reader(new, folder / growth / "words")
    checked = [reader.batch(dev[start : start + BATCH]) for start in range(0, len(dev), BATCH)]
    batches = reader.epochs(finetuning, args.updates, seed)
    grown = model_of(new.vocabulary, len(pieces), seed, size)
    grown.load_state_dict(torch.load(folder / growth / "initial.pt", weights_only=True), strict=False)
    counts = f"{size} tokens and {len(new.vocabulary) - size} new, {len(finetuning)} texts"
    print(f"\n{growth}, seed {seed}: {counts}, pretrained in {time.monotonic() - start:.0f} s", flush=True)
    print("new rows' rate           sum to 500  moved  update  loss new  loss all  new right", flush=True)
    show("", None, None, 0, evaluate(grown, checked, size))
    for name, (warmup, factor) in RATES.items():
        if args.rates and name not in args.rates.split(";"):
            continue
        finetune(name, copy.deepcopy(grown), batches, checked, size, warmup, factor)


def finetune(
    name: str,
    model: ESPnetATATModel,
    batches: Sequence[Batch],
    checked: Sequence[Batch],
    old: int,
    warmup: int | None,
    factor: float,
) -> None:
    groups = parameter_groups(model, ["all"])
    for group in groups:
        if group["new_rows"]:
            group["lr_scale"] = factor
    adam = torch.optim.Adam(groups, lr=PEAK, betas=(0.9, 0.98), eps=1e-9)
    scheduler = WarmupUnfreezeLR(adam, warmup_steps=WARMUP, new_rows_warmup_steps=warmup, **FREEZE)
    first, total = model.decoder.tied.new.detach().clone(), 0.0
    for update, batch in enumerate(batches, 1):
        total += max(group["lr"] for group in adam.param_groups) if update <= 500 else 0.0
        frozen = update <= 500
        for parameter in model.parameters():
            parameter.requires_grad = parameter is model.decoder.tied.new or not frozen
        step(model, batch, adam, scheduler)
        if update in (500, len(batches)):
            moved = (model.decoder.tied.new.detach() - first).square().mean().sqrt().item()
            show(name, total, moved, update, evaluate(model, checked, old))


def show(name: str, total: float | None, moved: float | None, update: int, figures: tuple[float, ...]) -> None:
    numbers = " " * 17 if total is None or moved is None else f"{total:10.3f} {moved:6.3f}"
    new, every, right = figures
    print(f"{name:24} {numbers:17}  {update:6d}  {new:8.3f}  {every:8.3f}  {right:9.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growths", default="books,events,top")
    corpora = os.environ.get("ATAT_CORPORA")
    default = Path(corpora, "top") if corpora else None
    parser.add_argument("--top", type=Path, default=default, help="TOP's folder (default: top below ATAT_CORPORA)")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--pretraining", type=int, default=600, help="updates")
    parser.add_argument("--updates", type=int, default=500, help="of fine-tuning")
    parser.add_argument("--rates", help="some of the table's rows, separated by ;")
    args = parser.parse_args()
    if args.top is None and set(args.growths.split(",")) != {"books"}:
        parser.error("events and top read TOP: give --top, or set ATAT_CORPORA, or leave them out (--growths books)")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for growth in args.growths.split(","):
            Path(folder, growth).mkdir(exist_ok=True)
            for seed in map(int, args.seeds.split(",")):
                measure(growth, args, seed, Path(folder))


if __name__ == "__main__":
    main()
