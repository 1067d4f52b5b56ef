"""Statistics, sampler and dataset at the paper's sizes: what 1 and 8 GPUs get, and what it costs them.

Lengths and ids are made from a seed; there is no audio. Every figure is of a process of its own. Prints a table, and
writes the figures as JSON.

    python benchmarks/paper_size.py [--scale 1.0] [--only paper,public] [--output FILE.json]

``private`` is the paper's mixture: LibriSpeech's 281 k utterances for *asr* and again for *mlm*, 3 M *slu* commands and
3 M *nlu* texts. ``public`` has FluentSpeech's 23 k commands for *slu*. Weights are the numbers of examples.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from espnet_atat.data.epoch_plan import Batches, Budget, Planner
from espnet_atat.data.mixture import Part, parse_mixture, write_mixture
from espnet_atat.data.parts import MAX_PARTS, padded_sizes
from espnet_atat.data.shapes import load_groups
from espnet_atat.data.statistics import write_statistics
from espnet_atat.graph.digest import SUMS_FILE
from espnet_atat.speech.feature_sums import FeatureSums

SEED = 1
FRAMES, PIECES = 24_000, 6_000  # batch_bins and text_batch_bins of conf/pretrain.yaml
BATCHES = 2_000  # num_iters_per_epoch of conf/pretrain.yaml
MIXTURES = {
    "private": {"asr-train_960": 281_000, "mlm-train_960": 281_000, "slu-music": 3_000_000, "nlu-music": 3_000_000},
    "public": {"asr-train_960": 281_000, "mlm-train_960": 281_000, "slu-fsc": 23_000, "nlu-music": 3_000_000},
}
#: Name: mixture, number of ranks, frames and pieces of a batch in all.
SETTINGS = {
    "private, 1 rank": ("private", 1, FRAMES, PIECES),
    "private, 8 ranks, 24 k in all": ("private", 8, FRAMES, PIECES),
    "private, 8 ranks, 192 k in all": ("private", 8, 8 * FRAMES, 8 * PIECES),
    "public, 1 rank": ("public", 1, FRAMES, PIECES),
    "public, 8 ranks, 24 k in all": ("public", 8, FRAMES, PIECES),
    "public, 8 ranks, 192 k in all": ("public", 8, 8 * FRAMES, 8 * PIECES),
}


def make_lengths(sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Frames of 10 ms of audio, pieces of text, by group."""
    rng = np.random.default_rng(SEED)
    lengths = {}
    for name, size in sorted(sizes.items()):
        task = name.partition("-")[0]
        if task in ("asr", "mlm"):  # 2 to 16.5 s; most sentences of LibriSpeech take 12 to 16 s
            sentence, rest = rng.normal(1420, 120, size), rng.uniform(200, 1200, size)
            made = np.clip(np.where(rng.random(size) < 0.7, sentence, rest), 200, 1650)
        elif task == "slu":  # commands, of 2.7 s in the mean
            made = np.clip(rng.lognormal(np.log(255), 0.33, size), 80, 1000)
        else:
            made = 4 + rng.poisson(8, size)
        lengths[name] = made.astype(np.int32)
    lengths.update({name: lengths["asr-train_960"] for name in sizes if name.startswith("mlm")})
    return lengths


def utt_id(group: str, number: int) -> str:
    return f"{group}-spk{number // 1500:04d}-{number:07d}"


def write_files(folder: Path, lengths: dict[str, np.ndarray]) -> None:
    """Shape files and streams as stages 7 and 9 write them; every line of speech.scp is the same frame of one ark."""
    ark = folder / "feats.1.ark"
    frame = np.zeros((1, 80), np.float32)
    ark.write_bytes(b"u \0BFM \4" + np.int32(1).tobytes() + b"\4" + np.int32(80).tobytes() + frame.tobytes())
    words = " ".join(["play", "the", "song", "[SL:NAME", "yesterday", "]"])
    with (
        (folder / "speech.scp").open("w") as speech,
        (folder / "text").open("w") as text,
        (folder / "text_in").open("w") as text_in,
        (folder / "speech_shape").open("w") as speech_shape,
        (folder / "text_in_shape").open("w") as text_in_shape,
    ):
        for group, of_group in sorted(lengths.items()):
            task = group.partition("-")[0]
            for number, length in enumerate(of_group.tolist()):
                name = utt_id(group, number)
                text.write(f"{name} <{task}> [IN:PLAY {words} ]\n")
                if task == "nlu":
                    text_in.write(f"{name} play the song yesterday\n")
                    text_in_shape.write(f"{name} {length}\n")
                else:
                    speech.write(f"{name} {ark}:2\n")
                    speech_shape.write(f"{name} {length},80\n")
    (folder / "groups").write_text("".join(f"{name} {len(of)}\n" for name, of in sorted(lengths.items())))


def megabytes(field: str, process: int | str = "self") -> float:
    """A field of /proc/PID/status (VmHWM, VmRSS) or smaps_rollup (Pss), in MB."""
    file = "smaps_rollup" if field == "Pss" else "status"
    for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1000
    raise LookupError(field)


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def make_planner(folder: Path, frames: int, pieces: int, world_size: int, batches: int) -> Planner:
    groups = load_groups([str(folder / "speech_shape"), str(folder / "text_in_shape")], str(folder / "groups"))
    return Planner(groups, Budget(frames, pieces), batches, SEED, world_size, MAX_PARTS)


def measure_epoch(folder: Path, setting: str, rank: int) -> dict[str, Any]:
    """Composition of the first epoch of one rank, and what its plan costs."""
    _, world_size, frames, pieces = SETTINGS[setting]
    sizes = {name: int(line) for name, line in (row.split() for row in (folder / "groups").read_text().splitlines())}
    imported = megabytes("VmRSS")
    start = time.process_time(), time.monotonic()
    planner = make_planner(folder, frames, pieces, world_size, BATCHES)
    start_up = time.process_time() - start[0], time.monotonic() - start[1]
    start_peak = megabytes("VmHWM")
    reset_peak()
    start = time.process_time(), time.monotonic()
    plan = Batches(planner, planner.plan(0), rank)
    seconds = time.process_time() - start[0], time.monotonic() - start[1]
    figures = {
        "startup_s": start_up,
        "startup_peak_mb": start_peak,
        "plan_s": seconds,
        "plan_peak_mb": megabytes("VmHWM"),
    }
    figures |= {"imported_mb": imported, "left_out": plan.plan.left_out}
    lengths = make_lengths(sizes)
    return figures | composition(list(plan), lengths, frames / world_size, pieces / world_size)


def composition(plan: list[Any], lengths: dict[str, np.ndarray], frames: float, pieces: float) -> dict[str, Any]:
    """What the batches of one rank hold; ``frames`` and ``pieces`` are its budget."""
    total = sum(map(len, lengths.values()))
    due = {name: len(of) / total for name, of in lengths.items()}
    within = complete = with_slu = 0
    seen: Counter[str] = Counter()
    deviations, weights = [], []
    used, joint, in_parts = Counter[str](), Counter[str](), Counter[str]()
    rows_of_batch = []
    for batch in plan:
        found: dict[str, list[int]] = {name: [] for name in lengths}
        for name in batch:
            group, number = name.rsplit("-", 2)[0], int(name.rpartition("-")[2])
            found[group].append(int(lengths[group][number]))
        rows = len(batch)
        rows_of_batch.append(rows)
        counts = {name: len(of) for name, of in found.items()}
        seen.update(counts)
        complete += all(counts.values())
        with_slu += any(count for name, count in counts.items() if name.startswith("slu"))
        worst = max(abs(counts[name] - due[name] * rows) for name in lengths)
        deviations.append(worst)
        within += worst <= 1
        audio = [length for name, of in found.items() if not name.startswith("nlu") for length in of]
        text = [length for name, of in found.items() if name.startswith("nlu") for length in of]
        for kind, of_kind in (("audio", audio), ("text", text)):
            used[kind] += sum(of_kind)
            joint[kind] += max(of_kind, default=0) * len(of_kind)
            if of_kind:
                ordered = np.array([sorted(of_kind, reverse=True)])
                in_parts[kind] += int(padded_sizes(ordered, np.array([len(of_kind)]), MAX_PARTS)[0])
        weights += [(length, 1 / rows) for name in found if name.startswith("asr") for length in found[name]]
    weights.sort()
    tenth = max(1, len(weights) // 10)
    short, long = (np.mean([weight for _, weight in part]) for part in (weights[:tenth], weights[-tenth:]))
    return {
        "batches": len(plan),
        "rows": float(np.mean(rows_of_batch)),
        "rows_spread": float(np.std(rows_of_batch) / np.mean(rows_of_batch)),
        "every_task": complete / len(plan),
        "slu": with_slu / len(plan),
        "due_rows": {name: share * float(np.mean(rows_of_batch)) for name, share in due.items()},
        "within_one": within / len(plan),
        "worst_deviation": float(np.max(deviations)),
        "rate": {name: seen[name] / (due[name] * sum(rows_of_batch)) for name in lengths},
        "waste_joint": {kind: 1 - used[kind] / joint[kind] for kind in used},
        "waste": {kind: 1 - used[kind] / in_parts[kind] for kind in used},
        "filling": used["audio"] / len(plan) / frames,
        "filling_padded": in_parts["audio"] / len(plan) / frames,
        "filling_text": used["text"] / len(plan) / pieces,
        "long_to_short": float(long / short),
    }


def measure_coverage(folder: Path, setting: str, _rank: int) -> dict[str, Any]:
    """How often each example came after as many epochs as the largest set takes: least and most, by group."""
    _, _, frames, pieces = SETTINGS[setting]
    sizes = {name: int(line) for name, line in (row.split() for row in (folder / "groups").read_text().splitlines())}
    planner = make_planner(folder, frames, pieces, 1, 500)
    seen = {name: np.zeros(size, int) for name, size in sizes.items()}
    drawn, epoch, even = 0, 0, True
    while drawn < 1.5 * sum(sizes.values()):
        epoch += 1
        for batch in Batches(planner, planner.plan(epoch - 1), 0):
            drawn += len(batch)
            for name in batch:
                seen[name.rsplit("-", 2)[0]][int(name.rpartition("-")[2])] += 1
        even &= all(counts.max() - counts.min() <= 1 for counts in seen.values())
    return {
        "epochs": epoch,
        "even_after_each": bool(even),
        "least_and_most": {name: (int(counts.min()), int(counts.max())) for name, counts in seen.items()},
    }


def measure_dataset(folder: Path, _setting: str, _rank: int) -> dict[str, Any]:
    """Proportional set size of a dataset's process and of four workers that have read of it."""
    from torch.utils.data import DataLoader

    from espnet_atat.data.dataset import MixtureDataset
    from espnet_atat.tasks.checks import check_targets
    from espnet_atat.text.vocabulary import Vocabulary

    imported = megabytes("VmRSS")
    start = time.process_time(), time.monotonic()
    dataset = MixtureDataset(
        [
            (str(folder / "speech.scp"), "speech", "kaldi_ark"),
            (str(folder / "text"), "text", "text"),
            (str(folder / "text_in"), "text_in", "text"),
        ],
        keep_lengths,
    )
    opened = time.process_time() - start[0], time.monotonic() - start[1]
    alone = megabytes("Pss")
    start = time.process_time(), time.monotonic()
    check_targets(dataset, Vocabulary.build(["[IN:PLAY", "[SL:NAME", "]"], []))
    checked = time.process_time() - start[0], time.monotonic() - start[1]
    sizes = {name: int(line) for name, line in (row.split() for row in (folder / "groups").read_text().splitlines())}
    rng = np.random.default_rng(SEED)
    batches = [
        [utt_id(name, int(number)) for name, size in sizes.items() for number in rng.integers(0, size, 25)]
        for _ in range(2000)
    ]
    loader = iter(DataLoader(dataset, batch_sampler=batches, num_workers=4, collate_fn=len))
    start = time.monotonic()
    for _ in range(1900):
        next(loader)
    per_example = (time.monotonic() - start) / 1900 / len(batches[0])
    workers = [process.pid for process in multiprocessing.active_children()]
    return {
        "imported_mb": imported,
        "open_cpu_and_wall_s": opened,
        "check_cpu_and_wall_s": checked,
        "alone_mb": alone,
        "main_pss_mb": megabytes("Pss"),
        "worker_pss_mb": [megabytes("Pss", worker) for worker in workers],
        "microseconds_an_example": 1e6 * per_example,
    }


def write_dump(folder: Path, sizes: dict[str, int]) -> None:
    """Dump dirs as stage 6 leaves them, without arks: of whole sets, stage 9 reads none."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [f"word{number}" for number in range(2000)]
    rng = np.random.default_rng(SEED)
    for group, lengths in make_lengths(sizes).items():
        task, _, name = group.partition("-")
        place = folder / "dump/made" / (f"{name}_mlm" if task == "mlm" else name)
        place.mkdir(parents=True)
        ids = [utt_id(group, number) for number in range(len(lengths))]
        spoken = (lengths // 40 if task != "nlu" else lengths).tolist()  # words: LibriSpeech has 2.5 a second
        drawn = rng.integers(0, len(words), sum(spoken)).tolist()
        with (place / "text").open("w") as text, (place / "target").open("w") as target:
            for name_of, count in zip(ids, spoken, strict=True):
                line = " ".join(words[drawn.pop()] for _ in range(count))
                text.write(f"{name_of} {line}\n")
                target.write(f"{name_of} [IN:PLAY {line} ]\n")
        if task == "nlu":
            continue
        with (place / "feats.scp").open("w") as scp, (place / "utt2num_frames").open("w") as frames:
            for number, (name_of, count) in enumerate(zip(ids, lengths.tolist(), strict=True)):
                scp.write(f"{name_of} {place}/data/feats.{number // 1000:04d}.ark:{number % 1000 * 100_000}\n")
                frames.write(f"{name_of} {count}\n")
        FeatureSums(int(lengths.sum()), rng.normal(size=80), rng.normal(size=80)).save(place / SUMS_FILE)
    vocabulary = {piece: n for n, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "word", "##0", *words])}
    vocabulary |= {f"##{number}": len(vocabulary) + number for number in range(1, 10)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(folder / "text_tokenizer")


def measure_statistics(folder: Path, tasks: str, _rank: int) -> dict[str, Any]:
    """Stage 9: the written mixture, then shapes and sums, of the sets in ``folder`` that these tasks take."""
    groups = {"asr": "train_960", "mlm": "train_960_mlm", "nlu": "music"}
    parts = parse_mixture([{"task": task, "set": f"made/{groups[task]}"} for task in tasks.split(",")], "benchmark")
    seconds = {}
    for name, work in (
        ("mixture", lambda: write_mixture(parts, folder / "dump", folder / "mixture")),
        ("statistics", lambda: know_statistics(parts, folder)),
    ):
        start = time.monotonic(), sum(os.times()[:4])
        work()
        seconds[f"{name}_wall_and_cpu_s"] = time.monotonic() - start[0], sum(os.times()[:4]) - start[1]
    return {**seconds, "peak_mb": megabytes("VmHWM")}


def know_statistics(parts: list[Part], folder: Path) -> None:
    known = write_statistics(
        parts,
        folder / "dump",
        folder / "stats",
        text_tokenizer=str(folder / "text_tokenizer"),
        text_encoder_conf={"config": {"model_type": "bert"}},
        nj=os.cpu_count() or 1,
    )
    assert known


def keep_lengths(_uid: str, data: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array([len(value)]) for name, value in data.items()}


MEASURES = {
    "epoch": measure_epoch,
    "coverage": measure_coverage,
    "dataset": measure_dataset,
    "statistics": measure_statistics,
}


def measure(kind: str, folder: Path, setting: str, rank: int = 0) -> dict[str, Any]:
    """Run a measure in a fresh process."""
    command = [
        sys.executable,
        __file__,
        "--measure",
        kind,
        "--folder",
        str(folder),
        "--setting",
        setting,
        "--rank",
        str(rank),
    ]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of examples")
    parser.add_argument("--only", default="", help="settings whose names begin so; coverage, dataset or statistics")
    parser.add_argument("--output", type=Path, help="figures as JSON")
    parser.add_argument("--work", type=Path, help="folder for the files that are made; 2.5 GB")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--setting", help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(MEASURES[args.measure](args.folder, args.setting, args.rank)))
        return
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        if "statistics".startswith(args.only):
            sizes = {group: size for group, size in MIXTURES["private"].items() if not group.startswith("slu")}
            write_dump(Path(work), {group: round(args.scale * size) for group, size in sizes.items()})
            for tasks in ("asr,mlm", "nlu"):
                title = f"statistics of {tasks}"
                figures[title] = report(title, measure("statistics", Path(work), tasks))
        folders = {}
        for name, sizes in MIXTURES.items() if args.only != "statistics" else ():
            for scale in (args.scale, args.scale / 20):
                folder = Path(work, f"{name}_{scale}")
                folder.mkdir()
                write_files(folder, make_lengths({group: round(scale * size) for group, size in sizes.items()}))
                folders[name, scale] = folder
        for setting, (mixture, world_size, *_) in SETTINGS.items():
            if not setting.startswith(args.only):
                continue
            for rank in sorted({0, world_size - 1}):
                figures[f"{setting}, rank {rank}"] = report(
                    f"{setting}, rank {rank}", measure("epoch", folders[mixture, args.scale], setting, rank)
                )
        for mixture in MIXTURES:
            setting = f"{mixture}, 1 rank"
            if "coverage".startswith(args.only):
                scaled = measure("coverage", folders[mixture, args.scale / 20], setting)
                figures[f"{mixture}, coverage of a twentieth"] = report(f"{mixture}, coverage of a twentieth", scaled)
        if "dataset".startswith(args.only):
            whole = measure("dataset", folders["private", args.scale], "private, 1 rank")
            figures["private, dataset and 4 workers"] = report("private, dataset and 4 workers", whole)
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def report(title: str, figures: dict[str, Any]) -> dict[str, Any]:
    print(f"\n{title}")
    for key, value in figures.items():
        print(f"  {key:24} {rounded(value)}", flush=True)
    return figures


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key} {rounded(of)}" for key, of in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(rounded(of)) for of in value)
    return f"{value:.4g}" if isinstance(value, float) else value


if __name__ == "__main__":
    main()
