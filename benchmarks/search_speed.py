"""How fast one utterance is searched, a batch is searched, ``atat understand`` answers, and ``atat demo`` is there.

    python benchmarks/search_speed.py [--run exp/runs/RUN] [--repeats 5]

The search is timed against ESPnet's ``BatchBeamSearch`` with ESPnet's own step of the decoder and its default cap: as
many tokens as encoder states, with end detection. Both get the same states of mini's recorded music test set, and must
give the same best hypotheses with the same scores. ``atat understand`` is timed from call to tree, ``atat demo`` until
its page answers HTTP, and until a first recording is understood. Both are CPU seconds, user and system.

Without ``--run``, the model of mini's ``pretrain.yaml`` is trained for some minutes on mini's recorded commands, so
that hypotheses are trees of realistic length. Times are medians over the repeats, ratios the medians of their ratios.
"""

import argparse
import logging
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch.nn.utils.rnn import pad_sequence

from espnet_atat.config.layout import load_config
from espnet_atat.data.collate import MixedCollate
from espnet_atat.data.preprocessor import MixturePreprocessor
from espnet_atat.decode.pretrained import load_pretrained
from espnet_atat.decode.result import Understanding
from espnet_atat.decode.understand import Speech2Understand
from espnet_atat.model.atat_model import Encoded
from espnet_atat.model.build import build_model
from espnet_atat.model.espnet import BatchBeamSearch, Hypothesis
from espnet_atat.speech.audio import read_audio
from espnet_atat.speech.fbank import fbank
from espnet_atat.tasks.atat import ATATTask
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer
from espnet_atat.text.vocabulary import Vocabulary

RECIPE = Path(__file__).parents[1] / "egs2/atat/mini"
ATAT = [sys.executable, "-m", "espnet_atat.bin.atat"]
BATCH = 16
TOLERANCE = 1e-3  # of a score, in nats


def read_set(name: str, limit: int) -> list[tuple[Path, str]]:
    """Recording and tree of the first utterances of a set of mini."""
    rows = (RECIPE / f"corpus/{name}.tsv").read_text(encoding="utf-8").splitlines()[1 : limit + 1]
    fields = [row.split("\t") for row in rows]
    return [(RECIPE / "corpus/audio" / name / f"{row[0]}.ogg", row[4]) for row in fields]


def train(folder: Path, updates: int) -> Path:
    """Train the model of ``pretrain.yaml`` as far as it learns what trees look like; a folder as stage 10 leaves it."""
    folder.mkdir(parents=True)
    utterances = read_set("music_train", 700)
    make_target_model([tree for _, tree in utterances], 400, folder)
    vocabulary = Vocabulary.load(folder / "tokens.txt")
    characters = (folder / "characters.txt").read_text(encoding="utf-8").splitlines()
    config = ATATTask.get_default_config() | load_config(RECIPE / "conf/pretrain.yaml")
    config |= {"token_list": list(vocabulary.tokens), "ctc_characters": characters, "output_dir": str(folder)}
    config["model_conf"] = {"ctc_weight": 1.0, "lsm_weight": 0.1}
    torch.manual_seed(0)
    random.seed(0)
    model = build_model(Namespace(**config)).train()
    preprocess = MixturePreprocessor(
        False, TargetTokenizer(vocabulary, folder / "bpe.model"), CharTokenizer(characters), None
    )
    examples = [
        (str(n), preprocess(str(n), {"speech": fbank(read_audio(recording)), "text": f"<slu> {tree}"}))
        for n, (recording, tree) in enumerate(utterances)
    ]
    examples.sort(key=lambda example: len(example[1]["speech"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
    for update in range(updates):
        start = random.randrange(len(examples) - BATCH)
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, (update + 1) / 50, 3 * (1 - update / updates) + 0.05)
        loss, stats, _ = model(**MixedCollate()(examples[start : start + BATCH])[1])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if update % 50 == 49:
            print(f"update {update + 1}: accuracy {float(stats['acc']):.2f}", file=sys.stderr)
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.save(model.state_dict(), folder / "valid.acc.ave.pth")
    return folder


class Stock:
    """ESPnet's search of a model."""

    def __init__(self, understand: Speech2Understand):
        trained, config = understand.trained, understand.config
        self.vocabulary = trained.vocabulary
        task = trained.vocabulary.task_id(config.task)
        self.search = BatchBeamSearch(
            {"decoder": trained.model.decoder},
            {"decoder": 1.0},
            config.beam_size,
            len(trained.vocabulary),
            sos=task,
            eos=trained.vocabulary.eos_id,
            hyp_primer=[task],
        )

    def __call__(self, encoded: Encoded) -> list[list[Hypothesis]]:
        found: list[list[Hypothesis]] = self.search(x=encoded.states, x_lengths=encoded.lengths)
        return found


def encode(understand: Speech2Understand, inputs: list[np.ndarray]) -> Encoded:
    lengths = torch.tensor([len(each) for each in inputs])
    padded = pad_sequence(list(map(torch.from_numpy, inputs)), batch_first=True)
    return understand.trained.model.encode_audio(padded, lengths)


def timed(work: Callable[[Any], Any], inputs: list[Any]) -> tuple[float, list[Any]]:
    """CPU seconds, and what came out."""
    start = time.process_time()
    found = [work(each) for each in inputs]
    return time.process_time() - start, found


def compare(name: str, understand: Speech2Understand, inputs: list[Encoded], repeats: int) -> None:
    """Time both searches by turns, and check that they find the same."""
    vocabulary, stock = understand.trained.vocabulary, Stock(understand)
    times: list[tuple[float, float]] = []
    for _ in range(repeats + 1):
        ours, found = timed(lambda encoded: understand._search(encoded, hears=True), inputs)
        theirs, expected = timed(stock, inputs)
        times.append((ours, theirs))
    best = [nbest[0] for batch in found for nbest in batch]
    other = [Understanding.of(nbest[0], vocabulary, True) for batch in expected for nbest in batch]
    # A tree longer than ESPnet's cap is cut there; all others must be the same.
    caps = [int(length) for encoded in inputs for length in encoded.lengths]
    same = [
        a.tokens == b.tokens and abs(a.score - b.score) < TOLERANCE
        for a, b, cap in zip(best, other, caps, strict=True)
        if len(a.tokens) < cap
    ]
    lengths = [len(result.tokens) for result in best]
    ours, theirs = (statistics.median(column) / len(best) for column in zip(*times[1:], strict=True))
    ratios = sorted(b / a for a, b in times[1:])  # the first is a warm-up
    print(
        f"{name}: {1000 * ours:.1f} ms per utterance, BatchBeamSearch {1000 * theirs:.1f} ms: "
        f"{statistics.median(ratios):.2f} x as fast [{ratios[0]:.2f}, {ratios[-1]:.2f}]; "
        f"{sum(same)} of {len(same)} hypotheses equal, {statistics.median(lengths):.0f} tokens "
        f"[{min(lengths)}, {max(lengths)}], {statistics.median(caps):.0f} states"
    )


def first_recording() -> Path:
    return min((RECIPE / "corpus/audio/music_test").iterdir())


def time_command(run: Path, repeats: int) -> None:
    """CPU seconds of ``atat understand`` for one recording."""
    command = [*ATAT, "understand", "--model", str(run), str(first_recording())]
    seconds = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"atat understand: {spread(seconds)} s of CPU time")
    print(f"  {done.stdout.strip()}")


def time_page(run: Path, repeats: int) -> None:
    """CPU and wall seconds until ``atat demo`` answers HTTP, and until it has understood a first recording."""
    recording = first_recording().read_bytes()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*ATAT, "demo", "--model", str(run), "--port", str(port)]
    answers, ready = [], []
    for _ in range(repeats):
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
            try:
                while not answers_http(f"http://127.0.0.1:{port}/"):
                    assert page.poll() is None, "the page has ended"
                    time.sleep(0.01)
                answers.append((cpu_seconds(page.pid), time.monotonic() - start))
                assert page.stdout is not None
                next(line for line in page.stdout if line.startswith("open "))
                url = f"http://127.0.0.1:{port}/hear?model={run.name}&task=slu"
                with urllib.request.urlopen(url, recording, timeout=60) as answer:
                    assert 'class="answer"' in answer.read().decode(), "no answer"
                ready.append((cpu_seconds(page.pid), time.monotonic() - start))
            finally:
                page.terminate()
    for name, times in (("answers HTTP", answers), ("has understood a recording", ready)):
        cpu, wall = zip(*times, strict=True)
        print(f"atat demo {name}: {spread(cpu)} s of CPU time, {spread(wall)} s by the clock")


def answers_http(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process, from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} [{min(seconds):.2f}, {max(seconds):.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a package or the folder of a training run; default: train one")
    parser.add_argument("--updates", type=int, default=600, help="of the model that is trained here")
    parser.add_argument("--utterances", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        run = args.run
        if run is None:
            with torch.inference_mode(False):
                run = train(Path(scratch) / "run", args.updates)
        torch.set_num_threads(1)
        logging.getLogger("espnet2").setLevel(logging.ERROR)  # it says which hypotheses reach its cap
        # Without the CTC in the final choice, which ESPnet's search has not.
        understand = Speech2Understand.from_pretrained(
            load_pretrained(run), word_times=False, ctc_weight=0.0, vad="none"
        )
        recordings = [recording for recording, _ in read_set("music_test", args.utterances)]
        inputs = [segment.speech for each in recordings for segment in understand.segments(each)]
        compare("one by one", understand, [encode(understand, [each]) for each in inputs], args.repeats)
        inputs.sort(key=len)
        batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        compare(f"batches of {BATCH}", understand, [encode(understand, batch) for batch in batches], args.repeats)
        os.environ["OMP_NUM_THREADS"] = "1"  # as the command ``atat`` sets it
        time_command(run, args.repeats)
        time_page(run, args.repeats)


if __name__ == "__main__":
    main()
