"""Stages 9 to 11: ESPnet's own statistics and training, run as planned in ``plan``."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from espnet_atat.config.encoder_input import EncoderInput
from espnet_atat.config.known_options import CPU_PROCESSES, FEATS_TYPE
from espnet_atat.data.mixture import Part, describe_shares, stream_options, write_mixture
from espnet_atat.data.statistics import write_statistics
from espnet_atat.errors import UserError
from espnet_atat.graph.launch import Machines, launch_training, train_in_processes
from espnet_atat.graph.logs import log_to
from espnet_atat.package.run_folder import dump_config, read_config
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.fbank import FFT_LENGTH, FRAME_LENGTH, FRAME_SHIFT, NUM_MELS
from espnet_atat.steps.plan import Training
from espnet_atat.steps.stage07_tokens import check_text_tokenizer
from espnet_atat.text.tokenizer import GROWN_WORDS_FILE
from espnet_atat.text.vocabulary import Vocabulary

#: ESPnet's own filterbank where the dump holds audio.
RAW_FRONTEND = {
    "input_size": None,
    "frontend": "default",
    "frontend_conf": {
        "fs": SAMPLE_RATE,
        "n_fft": FFT_LENGTH,
        "win_length": FRAME_LENGTH,
        "hop_length": FRAME_SHIFT,
        "n_mels": NUM_MELS,
    },
}
#: Weights of a mixture's groups, in the folder of stage 9.
GROUPS = "mixture/train/groups"
#: Modules that ESPnet's launcher starts, and their tasks: this project's, and ESPnet's own of a language model.
ATAT_TRAINER, LM_TRAINER = "espnet_atat.bin.atat_train", "espnet2.bin.lm_train"
TASK_CLASSES = {ATAT_TRAINER: ("espnet_atat.tasks.atat", "ATATTask"), LM_TRAINER: ("espnet2.tasks.lm", "LMTask")}


def collect_statistics(training: Training, folder: Path) -> Mapping[str, int]:
    """Stage 9: write the mixture, the shapes and the features' statistics.

    They follow from what stage 6 has left. Where a model reads audio, or a set of features has no sums, ESPnet reads
    all of it, in one run for both modalities.
    """
    facts = {}
    splits = {"train": training.mixtures.train, "valid": training.mixtures.valid}
    for split, parts in splits.items():
        counts = write_mixture(parts, training.dump, folder / "mixture" / split)
        facts[split] = sum(counts.values())
        print(f"  {split}: " + ", ".join(f"{group} {count}" for group, count in counts.items()))
    if not all(_write_known(training, parts, folder / "stats" / split) for split, parts in splits.items()):
        _read_everything(training, folder)
    print(f"  wrote {folder}")
    return facts


def _write_known(training: Training, parts: Sequence[Part], output: Path) -> bool:
    """Whether shapes and sums of a split were known."""
    config, sources = resolved_config(training), {part.source for part in parts}
    hears = training.encoder_input is not None  # states have their sums; nothing is normalised before an encoder
    if "speech" in sources and not hears and config.get("input_size") is None:  # a frontend computes the features
        return False
    if "text_in" in sources and config.get("text_encoder", "hugging_face") is None:  # ESPnet's run names an example
        return False
    return write_statistics(
        parts,
        training.dump,
        output,
        text_tokenizer=training.text_tokenizer,
        text_encoder_conf=config.get("text_encoder_conf"),
        text_pace=config.get("text_pace", 0.0),
        nj=training.nj,
    )


def _read_everything(training: Training, folder: Path) -> None:
    """ESPnet's ``--collect_stats``."""
    config = {key: value for key, value in resolved_config(training).items() if not key.startswith("normalize")}
    dump_config(config, folder / "statistics.yaml")
    options = [
        *("--config", str(folder / "statistics.yaml"), "--output_dir", str(folder / "stats")),
        *data_options(training),
        *token_options(training),
        *("--collect_stats", "true", "--ngpu", "0", "--batch_size", "20", "--num_workers", "0"),
    ]
    with log_to(folder / "statistics.log"):
        call_task(options)


def train(training: Training, folder: Path) -> Mapping[str, str]:
    """Stages 10 and 11: pretrain or fine-tune; an interrupted run continues from its last whole epoch."""
    check_text_tokenizer(training)
    options = [
        *data_options(training),
        *shape_options(training),
        *token_options(training),
        *transfer_options(training, folder),
    ]
    print(f"  share of the examples drawn: {describe_shares(training.statistics.place / GROUPS)}")
    processes = training.machines.cpu_processes or int(training.config.get(CPU_PROCESSES, 1))
    run_trainer(folder, resolved_config(training), training.seed, options, training.machines, processes)
    if not training.model_file.exists():
        raise UserError(
            f"{training.model_file}: training wrote no such model; it wrote "
            + ", ".join(sorted(path.name for path in folder.glob("*.pth")))
        )
    print(f"  wrote {training.model_file}")
    return {"model": training.model}


def resolved_config(training: Training) -> dict[str, Any]:
    """The options of the YAML files with what only the plan knows."""
    config = {key: value for key, value in training.config.items() if key not in (CPU_PROCESSES, FEATS_TYPE)}
    if training.encoder_input is not None:
        config |= _encoder_options(training, training.encoder_input, config)
    elif training.raw:
        # A budget in frames becomes one in samples.
        config |= RAW_FRONTEND | {"batch_bins": config.get("batch_bins", 1_000_000 // FRAME_SHIFT) * FRAME_SHIFT}
    if config.get("normalize") == "global_mvn":
        # Of the pretraining data in fine-tuning too: the encoder has learnt on features so normalised.
        stats = training.first.statistics.place / "stats/train/feats_stats.npz"
        config["normalize_conf"] = {**config.get("normalize_conf", {}), "stats_file": str(stats)}
    if training.parent is not None and config.get("text_encoder", "hugging_face") is not None:
        # The encoder as it was built for pretraining: its weights come from the checkpoint, not from a hub again.
        config["text_encoder_conf"] = read_config(training.parent.run.place / "config.yaml")["text_encoder_conf"]
    if training.phase.keep is not None and "all" in (config.get("pretrained_parameters") or ()):
        # Fresh parameters train from the first update; frozen ones are in no group of the optimiser.
        frozen = tuple(config.get("freeze_param") or ())
        kept = [name for name in training.phase.keep if not any(name == f or name.startswith(f"{f}.") for f in frozen)]
        named = [name for name in config["pretrained_parameters"] if name != "all"]
        config["pretrained_parameters"] = list(dict.fromkeys((*named, *kept)))
    return config


def _encoder_options(training: Training, encoder_input: EncoderInput, config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model on top of a pretrained encoder: no front end, and a budget in states or in samples."""
    from espnet_atat.model.pretrained_speech import load_speech_config, samples_per_state

    conf = {**config["audio_encoder_conf"], "model": encoder_input.model}
    conf |= {"reads_states": encoder_input.stored, "identity": encoder_input.identity}
    if training.parent is not None:
        # The encoder as it was for pretraining: where it was a part of the model, its weights are in the checkpoint.
        saved = read_config(training.parent.run.place / "config.yaml")["audio_encoder_conf"]
        conf |= {key: saved[key] for key in ("config", "preprocessor", "model")}
    hop = samples_per_state(load_speech_config(encoder_input.model, None)) if encoder_input.stored else 1
    frames = config.get("batch_bins", 1_000_000 // FRAME_SHIFT)
    options = {
        "audio_encoder_init": None,
        "input_size": None,
        "frontend": None,
        "batch_bins": max(1, frames * FRAME_SHIFT // hop),
    }
    return {**options, "audio_encoder_conf": conf}


def data_options(training: Training) -> list[str]:
    """The streams of the written mixture."""
    return [
        option
        for split in ("train", "valid")
        for stream in stream_options(training.statistics.place / "mixture" / split)
        for option in (f"--{split}_data_path_and_name_and_type", ",".join(stream))
    ]


def shape_options(training: Training) -> list[str]:
    """Shape files of the modalities that there are, and the weights of the groups."""
    folder = training.statistics.place
    shapes = [
        option
        for split in ("train", "valid")
        for path in (folder / "stats" / split / f"{modality}_shape" for modality in ("speech", "text_in"))
        if path.is_file()
        for option in (f"--{split}_shape_file", str(path))
    ]
    return [*shapes, "--train_groups", str(folder / GROUPS)]


def token_options(training: Training) -> list[str]:
    """Token list, BPE model, words with pieces of their own, characters, text tokenizer."""
    folder = training.tokens.place
    options = ["--token_list", str(folder / "tokens.txt"), "--bpemodel", str(folder / "bpe.model")]
    if (folder / GROWN_WORDS_FILE).is_file():
        options += ["--grown_words", str(folder / GROWN_WORDS_FILE)]
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
        kept_checkpoint(training.parent.model_file, training.phase.keep or (), initial)
        return ["--init_param", str(initial)]
    old, new = (Vocabulary.load(node.place / "tokens.txt") for node in (training.parent.tokens, training.tokens))
    of_tokens = training.config.get("ctc_unit") == "token"
    initial_checkpoint(training.parent.model_file, old, new, initial, of_tokens, training.phase.keep)
    return ["--init_param", str(initial), "--pretrained_vocabulary_size", str(len(old))]


def run_trainer(
    folder: Path,
    config: Mapping[str, Any],
    seed: int,
    options: Sequence[str],
    machines: Machines,
    cpu_processes: int = 1,
    trainer: str = ATAT_TRAINER,
) -> None:
    """Train in this process, in several on the CPU or, on several GPUs or machines, through ESPnet's launcher."""
    dump_config(config, folder / "train.yaml")
    own = ["--config", str(folder / "train.yaml"), "--output_dir", str(folder), "--seed", str(seed), "--resume", "true"]
    options, log = [*own, *options], folder / "train.log"
    print(f"  log: {log}")
    if not machines.is_this_process:
        launch_training(trainer, options, log, machines)
    elif machines.ngpu == 0 and cpu_processes > 1:
        train_in_processes(trainer, options, log, cpu_processes)
    else:
        with log_to(log):
            call_task([*options, "--ngpu", str(machines.ngpu)], trainer)


def call_task(options: Sequence[str], trainer: str = ATAT_TRAINER) -> None:
    """Call a task in this process, with the command in the log."""
    module, name = TASK_CLASSES[trainer]
    task = getattr(import_module(module), name)
    logging.info("python -m %s %s", trainer, shlex.join(options))
    task.main(cmd=list(options))
