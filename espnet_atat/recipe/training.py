"""Stages 9 to 11: ESPnet's own statistics and training, called with what a plan says."""

import logging
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from espnet_atat.atomic import atomic_write
from espnet_atat.config.layout import DUMP
from espnet_atat.config.mixture import MIXTURE_SEED
from espnet_atat.data.mixture import stream_options, write_mixture
from espnet_atat.errors import UserError
from espnet_atat.recipe.logs import log_to
from espnet_atat.recipe.plan import Training
from espnet_atat.recipe.processes import child_environment, die_with_parent, train_in_processes
from espnet_atat.recipe.tokens import check_text_tokenizer
from espnet_atat.text.tokenizer import GROWN_WORDS
from espnet_atat.text.vocabulary import Vocabulary

#: Samples between two frames of 10 ms: budgets in frames become budgets in samples where audio is read.
HOP = 160
#: ESPnet's own filterbank where the dump holds audio: 80 mel channels of 25 ms every 10 ms at 16 kHz.
RAW_FRONTEND = {
    "input_size": None,
    "frontend": "default",
    "frontend_conf": {"fs": 16000, "n_fft": 512, "win_length": 400, "hop_length": HOP, "n_mels": 80},
}
MODALITIES = ("speech", "text_in")
#: An option of a training YAML that is not ESPnet's: processes of training on the CPU (with GPUs, ``--ngpu`` says it).
CPU_PROCESSES = "cpu_processes"
#: Modules that ESPnet's launcher starts: this project's task, and ESPnet's own language model task.
ATAT_TRAINER = "espnet_atat.bin.atat_train"
LM_TRAINER = "espnet2.bin.lm_train"


@dataclass(frozen=True)
class Machines:
    """Where training runs: ESPnet's own options of the same names.

    Attributes:
        ngpu: of each machine; 0 is the CPU.
        command: of ``cmd.sh``: ``run.pl``, or ``slurm.pl …`` for other machines.
        cpu_processes: of training on the CPU, in place of what the training YAML says; None: as it says.
    """

    ngpu: int = 0
    num_nodes: int = 1
    command: str = "run.pl"
    cpu_processes: int | None = None

    @property
    def is_this_process(self) -> bool:
        return self.ngpu <= 1 and self.num_nodes == 1 and self.command == "run.pl"


def collect_statistics(training: Training) -> None:
    """Write the mixture and, in one run for both modalities, the shapes and the features' statistics."""
    start = time.monotonic()
    run = training.statistics
    with run.open() as folder:
        facts = {}
        for split, parts in (("train", training.mixtures.train), ("valid", training.mixtures.valid)):
            counts = write_mixture(parts, DUMP, folder / "mixture" / split, MIXTURE_SEED)
            facts[split] = sum(counts.values())
            print(f"  {split}: " + ", ".join(f"{group} {count}" for group, count in counts.items()))
        config = {key: value for key, value in resolved_config(training).items() if not key.startswith("normalize")}
        write_config(folder / "statistics.yaml", config)
        options = [
            *("--config", str(folder / "statistics.yaml"), "--output_dir", str(folder / "stats")),
            *data_options(training),
            *token_options(training),
            *("--collect_stats", "true", "--ngpu", "0", "--batch_size", "20", "--num_workers", "0"),
        ]
        with log_to(folder / "statistics.log"):
            call_task(options)
        run.finish(time.monotonic() - start, **facts)
    print(f"  wrote {folder}")


def train(training: Training, machines: Machines) -> None:
    """Pretrain or fine-tune; an interrupted run goes on from its last whole epoch."""
    start = time.monotonic()
    check_text_tokenizer(training)
    with training.run.open() as folder:
        write_config(folder / "train.yaml", resolved_config(training))
        options = [
            *("--config", str(folder / "train.yaml"), "--output_dir", str(folder), "--seed", str(training.seed)),
            *("--resume", "true"),
            *data_options(training),
            *shape_options(training),
            *token_options(training),
            *transfer_options(training, folder),
        ]
        print(f"  log: {folder}/train.log")
        processes = machines.cpu_processes or int(training.config.get(CPU_PROCESSES, 1))
        run_trainer(options, folder / "train.log", machines, processes)
        if not training.model_file.exists():
            raise UserError(
                f"{training.model_file}: training left no such model; there are "
                + ", ".join(sorted(path.name for path in folder.glob("*.pth")))
            )
        training.run.finish(time.monotonic() - start, model=training.model)
    print(f"  wrote {training.model_file}")


def resolved_config(training: Training) -> dict[str, Any]:
    """The options of the YAML files with what only the plan knows."""
    config = {key: value for key, value in training.config.items() if key != CPU_PROCESSES}
    if training.raw:
        config |= RAW_FRONTEND | {"batch_bins": config.get("batch_bins", 1_000_000 // HOP) * HOP}
    if config.get("normalize") == "global_mvn":
        # Of the pretraining data in fine-tuning too: the encoder has learnt on features so normalised.
        stats = training.first.statistics.folder / "stats/train/feats_stats.npz"
        config["normalize_conf"] = {**config.get("normalize_conf", {}), "stats_file": str(stats)}
    if training.parent is not None and config.get("text_encoder", "hugging_face") is not None:
        # The encoder as it was built for pretraining: its weights come from the checkpoint, not from a hub again.
        saved = yaml.safe_load((training.parent.run.folder / "config.yaml").read_text(encoding="utf-8"))
        config["text_encoder_conf"] = saved["text_encoder_conf"]
    if training.keep is not None and "all" in (config.get("pretrained_parameters") or ()):
        # Fresh parameters train from the first update; frozen ones are in no group of the optimiser.
        frozen = tuple(config.get("freeze_param") or ())
        kept = [name for name in training.keep if not any(name == f or name.startswith(f"{f}.") for f in frozen)]
        named = [name for name in config["pretrained_parameters"] if name != "all"]
        config["pretrained_parameters"] = list(dict.fromkeys((*named, *kept)))
    return config


def data_options(training: Training) -> list[str]:
    """The streams of the written mixture."""
    return [
        option
        for split in ("train", "valid")
        for stream in stream_options(training.statistics.folder / "mixture" / split)
        for option in (f"--{split}_data_path_and_name_and_type", ",".join(stream))
    ]


def shape_options(training: Training) -> list[str]:
    """Shape files of the modalities that there are, and the weights of the groups."""
    folder = training.statistics.folder
    shapes = [
        option
        for split in ("train", "valid")
        for path in (folder / "stats" / split / f"{modality}_shape" for modality in MODALITIES)
        if path.is_file()
        for option in (f"--{split}_shape_file", str(path))
    ]
    return [*shapes, "--train_groups", str(folder / "mixture/train/groups")]


def token_options(training: Training) -> list[str]:
    """Token list, BPE model, words with pieces of their own, characters, text tokenizer."""
    folder = training.tokens.folder
    options = ["--token_list", str(folder / "tokens.txt"), "--bpemodel", str(folder / "bpe.model")]
    if (folder / GROWN_WORDS).is_file():
        options += ["--grown_words", str(folder / GROWN_WORDS)]
    if training.config.get("ctc_unit") == "char":
        options += ["--ctc_characters", str(folder / "characters.txt")]
    if training.text_tokenizer is not None:
        options += ["--text_tokenizer", training.text_tokenizer]
    return options


def transfer_options(training: Training, folder: Path) -> list[str]:
    """What a fine-tuning starts from: its parent's parameters, or those it keeps; rows mapped to a grown vocabulary."""
    if training.parent is None:
        return []
    from espnet_atat.train.transfer import initial_checkpoint, kept_checkpoint

    initial = folder / "initial.pt"
    if not training.grows:
        kept_checkpoint(training.parent.model_file, training.keep or (), initial)
        return ["--init_param", str(initial)]
    old, new = (Vocabulary.load(run.folder / "tokens.txt") for run in (training.parent.tokens, training.tokens))
    of_tokens = training.config.get("ctc_unit") == "token"
    initial_checkpoint(training.parent.model_file, old, new, initial, of_tokens, training.keep)
    return ["--init_param", str(initial), "--pretrained_vocabulary_size", str(len(old))]


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """Write options as a YAML file for ``--config``."""
    with atomic_write(path) as handle:
        yaml.safe_dump(dict(config), handle, sort_keys=False, allow_unicode=True)


def run_trainer(
    options: Sequence[str], log: Path, machines: Machines, cpu_processes: int = 1, trainer: str = ATAT_TRAINER
) -> None:
    """Train in this process, in several on the CPU or, over several GPUs or machines, through ESPnet's launcher.

    Args:
        cpu_processes: of :data:`ATAT_TRAINER` alone.
        trainer: :data:`ATAT_TRAINER` or :data:`LM_TRAINER`.

    Raises:
        UserError: the launched training failed; its log says why.
    """
    if machines.is_this_process and machines.ngpu == 0 and cpu_processes > 1:
        train_in_processes(options, log, cpu_processes)
        return
    if machines.is_this_process:
        with log_to(log):
            call_task([*options, "--ngpu", str(machines.ngpu)], trainer)
        return
    launch = [
        *(sys.executable, "-m", "espnet2.bin.launch", "--cmd", machines.command, "--log", str(log)),
        *("--ngpu", str(machines.ngpu), "--num_nodes", str(machines.num_nodes)),
        *("--init_file_prefix", str(log.parent / ".dist_init_"), "--multiprocessing_distributed", "true"),
        *("--", sys.executable, "-m", trainer, *options),
    ]
    print(f"  launched by {machines.command}; the log grows in {log}", flush=True)
    if subprocess.run(launch, check=False, env=child_environment(), preexec_fn=die_with_parent).returncode:
        raise UserError(f"{log}: training failed; see the end of it")


def call_task(options: Sequence[str], trainer: str = ATAT_TRAINER) -> None:
    """Call a task in this process, with the command in the log."""
    if trainer == LM_TRAINER:
        from espnet_atat.tasks.language_model import train_language_model

        train_language_model(options)
        return
    from espnet_atat.tasks.atat import ATATTask

    logging.info("python -m espnet_atat.bin.atat_train %s", shlex.join(options))
    ATATTask.main(cmd=list(options))
