"""The AT-AT task: joins data, model and training for ESPnet's own trainer."""

import argparse
import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.iterators.sequence_iter_factory import SequenceIterFactory
from espnet2.tasks.abs_task import AbsTask, IteratorOptions, optim_classes, scheduler_classes
from espnet2.train.distributed_utils import get_rank
from torch.utils.data import DataLoader

from espnet_atat.arguments import Parser
from espnet_atat.bounded import read_whole
from espnet_atat.data.collate import MixedCollate
from espnet_atat.data.dataset import MixtureDataset
from espnet_atat.data.epoch_plan import Budget, Planner
from espnet_atat.data.feature_augmentation import FeatureAugmentation
from espnet_atat.data.masks import ExampleMasker
from espnet_atat.data.parts import PART_COSTS
from espnet_atat.data.preprocessor import MixturePreprocessor
from espnet_atat.data.sampler import MixedBatchSampler, single_task_batches
from espnet_atat.data.shapes import load_groups
from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET
from espnet_atat.hub import HUGGING_FACE
from espnet_atat.model.atat_model import COMPARING, ESPnetATATModel
from espnet_atat.model.build import build_model, characters_of, vocabulary_of
from espnet_atat.model.hearing_encoder import HearingEncoder
from espnet_atat.model.pretrained_speech import load_speech_config, samples_per_state
from espnet_atat.model.text_encoder import load_text_tokenizer
from espnet_atat.speech.audio import SAMPLE_RATE
from espnet_atat.speech.augmentation.chain import Chain
from espnet_atat.speech.masking import LOG_MELS, Frames
from espnet_atat.speech.mfcc import SIZES, silence_of
from espnet_atat.tasks.checks import check_checkpoints, check_depths, check_encoders, check_modalities, check_targets
from espnet_atat.tasks.options import CLASS_CHOICES, add_task_options
from espnet_atat.text.pieces import max_pieces
from espnet_atat.text.tokenizer import CharTokenizer, TargetTokenizer, load_grown_words
from espnet_atat.train.adapter import check_adapter
from espnet_atat.train.asr_encoder import load_asr_encoder
from espnet_atat.train.checkpoint import EpochStart, repair_run
from espnet_atat.train.gpu_layers import use_gpu_layers
from espnet_atat.train.optimiser import parameter_groups
from espnet_atat.train.trainer import DeviceTrainer
from espnet_atat.train.unfreeze import WarmupUnfreezeLR

# ESPnet has no other way to register a scheduler than its table of names.
scheduler_classes["warmup_unfreeze"] = WarmupUnfreezeLR

# The functions of `logging` would set up the root logger, before ESPnet does in each training process.
logger = logging.getLogger(__name__)

#: The option of augmentation of audio.
WAVEFORM = "waveform_augment_conf"


class ATATTask(AbsTask):
    """Audio-Text All-Task (Rongali et al., AAAI 2021)."""

    num_optimizers = 1
    class_choices_list = [*CLASS_CHOICES]  # noqa: RUF012 (ESPnet's own style)
    trainer = DeviceTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.error = MethodType(Parser.error, parser)  # type: ignore[method-assign]  # in one line
        # The mixed iterator is ESPnet's documented extension point; its attention plots assume one batch size.
        parser.set_defaults(iterator_type="task", num_att_plot=0, scheduler="warmup_unfreeze", optim="adam")
        parser.get_default("required").extend(["token_list", "bpemodel"])
        add_task_options(parser)

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        if args.ngpu > 1 and not args.distributed:
            way = "give --multiprocessing_distributed true, or train by run.sh --ngpu"
            raise UserError(f"--ngpu {args.ngpu}: {way}; DataParallel would cut the rows of mixed batches apart")
        if args.max_cache_size:
            raise UserError(f"--max_cache_size {args.max_cache_size}: this task caches no examples; leave it out")
        if not args.collect_stats and args.output_dir and not get_rank(args.dist_rank, args.dist_launcher):
            for line in repair_run(args.output_dir, args.best_model_criterion):
                logger.warning(line)
            check_checkpoints(args, vocabulary_of(args))
        super().main_worker(args)

    @classmethod
    def build_collate_fn(cls, args: argparse.Namespace, train: bool) -> Callable[..., Any]:
        # A further part is hardly worth its kernels on a GPU.
        return MixedCollate(args.max_parts if train else 1, PART_COSTS if args.ngpu else {})

    @classmethod
    def build_preprocess_fn(cls, args: argparse.Namespace, train: bool) -> MixturePreprocessor:
        grown_words = None if args.grown_words is None else load_grown_words(args.grown_words)
        tokenizer = TargetTokenizer(vocabulary_of(args), args.bpemodel, grown_words)
        ctc = CharTokenizer(characters_of(args)) if args.ctc_unit == "char" else tokenizer if args.ctc_unit else None
        text_tokenizer = None
        if args.text_encoder is not None:
            source = args.text_tokenizer or args.text_encoder_conf.get("model")
            if source is None:
                raise UserError("--text_tokenizer is needed where text_encoder_conf names no model")
            text_tokenizer = load_text_tokenizer(source)
        of_audio = args.waveform_augment_conf if train else {}
        # Statistics are those of the audio as it is: other masks are no reason to collect them again.
        masker = None
        if args.mask_conf and not args.collect_stats:
            masker = ExampleMasker.from_config(args.mask_conf, cls.frames(args))
        of_features = args.augment_conf if train else {}
        if args.audio_encoder in (HUGGING_FACE, ESPNET) and (beyond := sorted(of_features.keys() - {"stretch"})):
            raise UserError(f"augment_conf: {beyond[0]} applies only to log mels; states can only be stretched")
        return MixturePreprocessor(
            train,
            tokenizer,
            ctc,
            text_tokenizer,
            FeatureAugmentation(**of_features) if of_features else None,
            max_text_pieces=max_pieces((args.text_encoder_conf.get("config") or {}).get("max_position_embeddings")),
            transcripts=any(args.model_conf.get(option) for option in COMPARING),
            transcript_words=bool(args.model_conf.get("swap_rate")),
            text_pace=args.text_pace,
            waveform_augmentation=Chain.from_config(of_audio, WAVEFORM).check_sounds(WAVEFORM) if of_audio else None,
            masker=masker,
            text_mask_rate=args.text_mask_rate if train and args.text_encoder is not None else 0.0,
        )

    @staticmethod
    def frames(args: argparse.Namespace) -> Frames:
        """What the features of audio are: log mels, MFCC, or states of a pretrained encoder."""
        if args.audio_encoder not in (HUGGING_FACE, ESPNET):
            return replace(LOG_MELS, silence=silence_of(args.input_size)) if args.input_size in SIZES else LOG_MELS
        conf = args.audio_encoder_conf
        config = load_speech_config(conf.get("model"), conf.get("config"))
        return Frames.of_states(samples_per_state(config) / SAMPLE_RATE)

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return () if inference else ("text",)

    @classmethod
    def optional_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return ("speech", "text_in")

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetATATModel:
        model = build_model(args)
        check_adapter(args, model)
        if (asr := args.audio_encoder_init) is not None:
            if model.audio_encoder is None:
                raise UserError("--audio_encoder_init: the model has no audio encoder")
            if args.audio_encoder != ESPNET:  # which was built with its weights
                load_asr_encoder(model.audio_encoder, asr)
            args.audio_encoder_init = None  # a saved model has its weights in its own checkpoint
        if isinstance(model.audio_encoder, HearingEncoder):
            args.audio_encoder_conf = {**args.audio_encoder_conf, **model.audio_encoder.saved_conf()}
        check_depths(model)
        if model.text_encoder is not None:
            # A saved model is built from its own configuration; weights come from the checkpoint, never a hub.
            args.text_tokenizer = args.text_tokenizer or args.text_encoder_conf.get("model")
            args.text_encoder_conf = {"config": model.text_encoder.config.to_diff_dict()}
        return model

    @classmethod
    def build_optimizers(cls, args: argparse.Namespace, model: torch.nn.Module) -> list[torch.optim.Optimizer]:
        assert isinstance(model, ESPnetATATModel)
        if args.optim not in optim_classes:
            raise UserError(f"--optim {args.optim}: one of {', '.join(optim_classes)}")
        if args.exclude_weight_decay or args.sharded_ddp:
            raise UserError("--exclude_weight_decay and --sharded_ddp do not go with this task's parameter groups")
        scales = args.text_encoder_lr_scale, args.audio_encoder_lr_scale
        groups = parameter_groups(model, args.pretrained_parameters, *scales)
        conf = args.optim_conf
        if args.ngpu:
            use_gpu_layers(model)
            if args.optim in ("adam", "adamw"):
                conf = {"fused": True, **conf}
        optimizer = optim_classes[args.optim](groups, **conf)
        model.follow_frozen_groups(optimizer)
        return [optimizer]

    @classmethod
    def build_dataset(
        cls, args: argparse.Namespace, iter_options: IteratorOptions, keys_to_load: set[Any] | None = None
    ) -> MixtureDataset:
        dataset = MixtureDataset(
            iter_options.data_path_and_name_and_type,
            iter_options.preprocess_fn,
            float_dtype=args.train_dtype,
        )
        cls.check_task_requirements(dataset, args.allow_variable_data_keys, train=iter_options.train)
        check_encoders(dataset, args.audio_encoder, args.text_encoder)
        check_targets(dataset, vocabulary_of(args))
        return dataset

    @classmethod
    def build_task_iter_factory(
        cls, args: argparse.Namespace, iter_options: IteratorOptions, mode: str
    ) -> AbsIterFactory:
        """Mixed batches to train; batches of one task to validate, so that no task's figures hold another's."""
        if mode == "plot_att":
            raise UserError("--num_att_plot must be 0: ESPnet plots only batches of one modality")
        groups = load_groups(iter_options.shape_files, args.train_groups if mode == "train" else None)
        budget = Budget(frames=iter_options.batch_bins, pieces=args.text_batch_bins)
        rank, world_size = 0, 1
        if iter_options.distributed:
            rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        if mode == "train":
            number = iter_options.num_iters_per_epoch
            sampler = MixedBatchSampler(Planner(groups, budget, number, args.seed, world_size, args.max_parts), rank)
            epoch = sampler.generate(args.seed + 1)
            for line in sampler.describe(epoch):
                logging.info(f"[{mode}] {line}")
            check_modalities(sampler.lacking(epoch), args, world_size)
            batches: Any = sampler
        else:
            batches = single_task_batches(groups, budget, rank, world_size)
            logging.info(f"[{mode}] {len(batches)} batches of one task each")
        dataset = cls.build_dataset(args, iter_options)
        logging.info(f"[{mode}] dataset: {dataset}")
        masker = getattr(iter_options.preprocess_fn, "masker", None)
        if mode == "train" and masker is not None:
            logging.info(f"[{mode}] {masker.check(dataset.ids('speech') if dataset.has_name('speech') else ())}")
        factory = SequenceIterFactory(
            dataset=dataset,
            batches=batches,
            seed=args.seed,
            num_iters_per_epoch=None,  # the sampler's own epochs have that many batches
            shuffle=False,  # the sampler has shuffled them
            num_workers=args.num_workers,
            collate_fn=iter_options.collate_fn,
            pin_memory=args.ngpu > 0,
        )
        if mode != "train":
            return factory
        return EpochStart(factory, iter_options.preprocess_fn, args.output_dir if rank == 0 else None)

    @classmethod
    def build_streaming_iterator(
        cls,
        data_path_and_name_and_type: Collection[tuple[str, str, str]],
        preprocess_fn: Any,
        collate_fn: Any,
        key_file: str | None = None,
        batch_size: int = 1,
        dtype: Any = "float32",
        num_workers: int = 1,
        allow_variable_data_keys: bool = False,
        ngpu: int = 0,
        inference: bool = False,
        **_: Any,
    ) -> DataLoader:
        """Batches of one modality each for ``--collect_stats``, which then needs one run for all tasks together."""
        dataset = MixtureDataset(data_path_and_name_and_type, preprocess_fn, float_dtype=dtype)
        cls.check_task_requirements(dataset, allow_variable_data_keys, train=False, inference=inference)
        check_targets(dataset, preprocess_fn.tokenizer.vocabulary)
        wanted = set(dataset.ids("text"))
        if key_file is not None:
            wanted &= {line.split()[0] for line in read_whole(key_file).decode("utf-8").splitlines()}
        batches = []
        for modality in ("speech", "text_in"):
            ids = sorted(wanted.intersection(dataset.ids(modality))) if dataset.has_name(modality) else []
            batches += [ids[start : start + batch_size] for start in range(0, len(ids), batch_size)]
        return DataLoader(
            dataset, batch_sampler=batches, collate_fn=collate_fn, num_workers=num_workers, pin_memory=ngpu > 0
        )
