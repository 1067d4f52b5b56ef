"""Whether another version of the code learns as well: what two clones made of the same configurations and data.

    python benchmarks/same_learning.py /path/to/the/other/clone [--recipe mini]

Run in one clone's root, after the same calls of ``run.sh`` in both. Training runs are the same where their folders are
(the hash is of all that decides them but the code): the lowest validation loss and the highest accuracy of each, here
against there. Then the exact match of every set that both have scored.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from espnet_atat.graph.work import is_complete, read_stamp

#: Figure → how the best of a run's epochs is found.
FIGURES: dict[str, Callable[[Iterable[float]], float]] = {"loss_att": min, "acc": max}


def best_of(run: Path) -> dict[str, float] | None:
    """A finished run's best validation figures; None where there is no TensorBoard file of it."""
    events = EventAccumulator(str(run / "tensorboard/valid"), size_guidance={"scalars": 0})
    if not is_complete(read_stamp(run)) or not (run / "tensorboard/valid").is_dir():
        return None
    events.Reload()
    if not set(FIGURES) <= set(events.Tags()["scalars"]):
        return None
    return {name: best(each.value for each in events.Scalars(name)) for name, best in FIGURES.items()}


def exact_match(path: Path) -> float:
    """In per cent; nan of a set without trees."""
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return 100 * figures["em_hypothesis"]["value"] if "em_hypothesis" in figures else float("nan")


def compare_runs(other: Path) -> None:
    losses, accuracies = [], []
    for run in sorted(Path("exp/runs").iterdir()):
        here, there = best_of(run), best_of(other / run)
        if here and there:
            losses.append(100 * (here["loss_att"] / there["loss_att"] - 1))
            accuracies.append(100 * (here["acc"] - there["acc"]))
            print(f"{run.name:60} loss {losses[-1]:+6.2f} %   accuracy {accuracies[-1]:+6.2f} points")
    if losses:
        loss, accuracy = statistics.mean(losses), statistics.mean(accuracies)
        higher, lower = sum(each > 0 for each in accuracies), sum(each < 0 for each in accuracies)
        print(f"{len(losses)} runs: loss {loss:+.2f} %, accuracy {accuracy:+.2f} points on average", end="; ")
        print(f"accuracy higher in {higher}, lower in {lower}")


def compare_sets(here: Path, there: Path) -> None:
    differences = []
    for path in sorted(here.glob("*/seed*/*/*/metrics.json")):
        other = there / path.relative_to(here)
        if other.is_file() and (difference := exact_match(path) - exact_match(other)) == difference:
            differences.append(difference)
            print(f"{path.parent.relative_to(here)!s:60} EM {difference:+6.1f} points")
    if differences:
        mean, low, high = statistics.mean(differences), min(differences), max(differences)
        print(f"{len(differences)} sets: EM {mean:+.1f} points on average, {low:+.1f} to {high:+.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the other clone's root")
    parser.add_argument("--recipe", default="mini")
    args = parser.parse_args()
    compare_runs(args.other)
    scored = Path("exp", args.recipe)
    compare_sets(scored, args.other / scored)


if __name__ == "__main__":
    main()
