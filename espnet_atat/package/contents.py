"""What a package may say: every key that there is, and its values. What is not listed here is refused.

A package may come from anyone. None of these values names code, a file outside the package, or anything to fetch; the
numbers are small enough for a model that can be trained. Where ESPnet or transformers read a text, it is one of the
choices here, or they compare it with their own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET, ESPNET_PREFIX
from espnet_atat.hub import HUGGING_FACE
from espnet_atat.schema import Within, check
from espnet_atat.text.pieces import FASTEST_PACE

SIZE = Annotated[int, Within(1, 2**20)]
LAYERS = Annotated[int, Within(1, 256)]
WHOLE = Annotated[int, Within(-(2**20), 2**31)]
RATE = Annotated[float, Within(0, 1)]
REAL = Annotated[float, Within(-1e9, 1e9)]
#: Tables are computed for so many positions, or so many frequencies.
POSITIONS = Annotated[int, Within(1, 20_000)]
BANDS = Annotated[int, Within(1, 1024)]
FEW = Annotated[int, Within(1, 64)]
MELS = 80  # as speech.fbank makes them
SECONDS = Annotated[float, Within(0, 60)]
PACE = Annotated[float, Within(0, FASTEST_PACE)]


def _each(hint: Any, names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), hint)


@dataclass(frozen=True, kw_only=True)
class Files:
    """Of ``meta.yaml``: Speech2Understand's arguments to files, from the package's root."""

    model_file: str
    text_tokenizer: str | None = None
    lm_file: str | None = None

    def __post_init__(self) -> None:
        for name in filter(None, (self.model_file, self.lm_file)):
            if PurePosixPath(name).suffix != ".pth":
                raise UserError(f"refused: {name!r} is not weights (.pth)")


@dataclass(frozen=True, kw_only=True)
class YamlFiles:
    """Likewise, to configurations."""

    train_config: str
    lm_train_config: str | None = None


@dataclass(frozen=True, kw_only=True)
class Meta:
    """``meta.yaml``; ESPnet writes all of it but the first two."""

    files: Files
    yaml_files: YamlFiles
    espnet: str | float | int | None = None
    python: str | None = None
    timestamp: float | None = None
    torch: str | float | None = None

    def __post_init__(self) -> None:
        if (self.files.lm_file is None) != (self.yaml_files.lm_train_config is None):
            raise UserError("lm_file and lm_train_config go together")


#: Options of ESPnet's encoders, of the blocks in ours too.
BLOCKS: Mapping[str, Any] = {
    **_each(LAYERS, "num_blocks"),
    **_each(
        SIZE,
        "attention_heads linear_units positionwise_conv_kernel_size cnn_module_kernel cgmlp_linear_units "
        "cgmlp_conv_kernel merge_conv_kernel",
    ),
    **_each(POSITIONS, "max_pos_emb_len"),
    **_each(WHOLE, "padding_idx"),
    **_each(RATE, "dropout_rate positional_dropout_rate attention_dropout_rate layer_drop_rate"),
    **_each(RATE | tuple[RATE, ...], "stochastic_depth_rate cgmlp_weight attn_branch_drop_rate"),
    **_each(tuple[WHOLE, ...], "interctc_layer_idx gradient_checkpoint_layers"),
    **_each(
        bool,
        "normalize_before concat_after interctc_use_conditioning qk_norm use_flash_attn use_sdpa macaron_style "
        "use_cnn_module zero_triu ctc_trim use_attn use_cgmlp use_linear_after_conv use_ffn macaron_ffn "
        "use_cross_attention",
    ),
    **_each(
        str,
        "pos_enc_layer_type rel_pos_type selfattention_layer_type attention_layer_type activation_type merge_method "
        "ffn_activation_type gate_activation positionwise_layer_type",
    ),
}
DECODER: Mapping[str, Any] = {
    **_each(LAYERS, "num_blocks"),
    **_each(SIZE, "attention_heads linear_units"),
    **_each(
        RATE,
        "dropout_rate positional_dropout_rate self_attention_dropout_rate src_attention_dropout_rate layer_drop_rate",
    ),
    **_each(bool, "normalize_before concat_after qk_norm use_flash_attn use_sdpa"),
    **_each(tuple[WHOLE, ...], "gradient_checkpoint_layers"),
}
FRONTEND: Mapping[str, Any] = {
    "fs": WHOLE | Literal["16k", "8k"],
    "n_fft": Annotated[int, Within(1, 8192)],
    **_each(SIZE, "win_length hop_length"),
    **_each(BANDS, "n_mels"),
    **_each(WHOLE, "fmin fmax"),
    **_each(bool, "center normalized onesided htk apply_stft"),
    "window": Literal["hann", "hamming", "blackman", "bartlett"],
}
NORMALIZE: Mapping[str, Any] = {**_each(bool, "norm_means norm_vars"), "eps": REAL, "stats_file": str}
SPECAUG: Mapping[str, Any] = {
    **_each(bool, "apply_time_warp apply_freq_mask apply_time_mask replace_with_zero"),
    **_each(WHOLE, "time_warp_window num_freq_mask num_time_mask"),
    **_each(WHOLE | tuple[WHOLE, ...], "freq_mask_width_range time_mask_width_range"),
    **_each(RATE | tuple[RATE, ...], "time_mask_width_ratio_range"),
    "time_warp_mode": str,
}
#: An audio encoder that is trained from scratch.
CONVOLVES: Mapping[str, Any] = {
    **_each(SIZE, "output_size cnn_kernel_size"),
    "cnn_channels": tuple[SIZE, ...],
    "cnn_pooling": tuple[tuple[FEW, ...], ...],
    "cnn_cpu_precision": str,
    "dropout_rate": RATE,
    "gradient_checkpointing": bool,
    "blocks_conf": BLOCKS,
}

ACTIVATION = Literal["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh", "mish"]
_ROPE_KEYS = {**_each(REAL, "rope_theta partial_rotary_factor"), "rope_type": Literal["default"]}
#: Fields of transformers' configurations that a text or speech encoder is built of.
_OF_TRANSFORMERS: Mapping[str, Any] = {
    **_each(
        LAYERS,
        "num_hidden_layers n_layers encoder_layers decoder_layers encoder_num_hidden_layers decoder_num_hidden_layers "
        "num_hidden_groups inner_group_num num_feat_extract_layers num_adapter_layers",
    ),
    **_each(
        SIZE,
        "vocab_size hidden_size intermediate_size embedding_size dim hidden_dim num_attention_heads n_heads "
        "max_position_embeddings num_key_value_heads d_model encoder_attention_heads encoder_ffn_dim "
        "encoder_num_attention_heads encoder_num_key_value_heads decoder_attention_heads decoder_ffn_dim "
        "decoder_num_attention_heads decoder_num_key_value_heads max_source_positions max_target_positions "
        "conv_depthwise_kernel_size conv_pos_kernel_size num_conv_pos_embeddings num_conv_pos_embedding_groups "
        "feature_projection_input_dim num_buckets max_bucket_distance output_hidden_size adapter_kernel_size "
        "adapter_stride adapter_attn_dim left_max_position_embeddings local_attention rotary_embedding_base "
        "global_attn_every_n_layers pooler_hidden_size relative_attention_num_buckets",
    ),
    **_each(BANDS, "num_mel_bins"),
    **_each(
        WHOLE,
        "type_vocab_size max_relative_positions position_buckets chunk_size_feed_forward pad_token_id mask_time_length "
        "mask_time_min_masks mask_feature_length mask_feature_min_masks right_max_position_embeddings "
        "pad_head_dim_to_multiple_of",
    ),
    **_each(
        RATE,
        "hidden_dropout_prob attention_probs_dropout_prob dropout attention_dropout activation_dropout hidden_dropout "
        "embedding_dropout mlp_dropout conformer_conv_dropout feat_proj_dropout final_dropout layerdrop "
        "encoder_layerdrop decoder_layerdrop mask_time_prob mask_feature_prob",
    ),
    **_each(
        REAL,
        "layer_norm_eps norm_eps initializer_range initializer_cutoff_factor init_std partial_rotary_factor rope_theta "
        "global_rope_theta local_rope_theta",
    ),
    **_each(
        bool,
        "attention_bias mlp_bias norm_bias tie_word_embeddings sinusoidal_pos_embds position_biased_input "
        "relative_attention share_att_key is_encoder_decoder conv_bias conv_pos_batch_norm do_stable_layer_norm "
        "feat_proj_layer_norm apply_spec_augment add_adapter use_intermediate_ffn_before_adapter scale_embedding",
    ),
    **_each(
        ACTIVATION,
        "activation hidden_act hidden_activation activation_function feat_extract_activation encoder_hidden_act "
        "decoder_hidden_act adapter_act",
    ),
    **_each(tuple[SIZE, ...], "conv_dim conv_kernel conv_stride"),
    **_each(Literal[False], "is_decoder add_cross_attention"),
    "position_embedding_type": Literal["absolute", "relative_key", "relative_key_query"],
    "position_embeddings_type": Literal["relative", "relative_key", "rotary"],
    "feat_extract_norm": Literal["group", "layer"],
    "norm_rel_ebd": Literal["layer_norm", "none"],
    "pos_att_type": str | tuple[str, ...],
    "layer_types": tuple[Literal["full_attention", "sliding_attention"], ...],
    "rope_parameters": {**_ROPE_KEYS, **_each(_ROPE_KEYS, "full_attention sliding_attention")},
}
#: Fields that are about heads, generation, training or whoever wrote the file: left out where a model is built.
_OF_NO_ENCODER = _each(
    None,
    "architectures _name_or_path dtype torch_dtype transformers_version id2label label2id problem_type num_labels "
    "tokenizer_class task_specific_params finetuning_task model_max_length use_cache return_dict output_attentions "
    "output_hidden_states output_past gradient_checkpointing bos_token_id eos_token_id cls_token_id sep_token_id "
    "decoder_start_token_id forced_decoder_ids suppress_tokens begin_suppress_tokens median_filter_width max_length "
    "classifier_dropout classifier_dropout_prob classifier_activation classifier_bias classifier_pooling "
    "classifier_proj_size pooler_dropout pooler_hidden_act qa_dropout seq_classif_dropout summary_activation "
    "summary_last_dropout summary_type summary_use_proj decoder_bias deterministic_flash_attn reference_compile "
    "repad_logits_with_grad sparse_prediction sparse_pred_ignore_index legacy ctc_loss_reduction ctc_zero_infinity "
    "use_weighted_layer_sum codevector_dim contrastive_logits_temperature diversity_loss_weight "
    "feat_quantizer_dropout num_codevector_groups num_codevectors_per_group num_ctc_classes num_negatives "
    "proj_codevector_dim tdnn_dilation tdnn_dim tdnn_kernel xvector_output_dim replace_prob "
    "freeze_feat_extract_train mask_channel_length mask_channel_min_space mask_channel_other mask_channel_prob "
    "mask_channel_selection mask_time_min_space mask_time_other mask_time_selection no_mask_channel_overlap "
    "no_mask_time_overlap net_structure_type gap_size num_memory_blocks down_scale_factor max_position type "
    "attention_type directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers "
    "pooler_size_per_head pooler_type",
)
READS: Mapping[str, Any] = {
    **_OF_TRANSFORMERS,
    "model_type": Literal[
        "bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "albert", "mpnet", "deberta",
        "deberta-v2", "modernbert",
    ],
}  # fmt: skip
HEARS: Mapping[str, Any] = {
    **_OF_TRANSFORMERS,
    "model_type": Literal["whisper", "wav2vec2", "hubert", "wavlm", "data2vec-audio", "wav2vec2-bert", "moonshine"],
}
#: Of ``preprocessor_config.json``, what the front ends here read.
PREPROCESSOR: Mapping[str, Any] = {
    "sampling_rate": SIZE,
    "do_normalize": bool,
    "num_mel_bins": BANDS,
    "stride": FEW,
}
#: An ESPnet ASR model's encoder.
_INPUT = Literal["conv2d", "conv2d1", "conv2d2", "conv2d6", "conv2d8", "conv1d1", "conv1d2", "conv1d3", "linear"]
_CTC = {
    **_each(RATE, "dropout_rate"),
    **_each(bool, "reduce ignore_nan_grad zero_infinity"),
    "ctc_type": Literal["builtin"],
    **_each(str, "brctc_risk_strategy brctc_group_strategy"),
    "brctc_risk_factor": REAL,
}
HEARS_BY_ESPNET: Mapping[str, Any] = {
    "model_type": Literal["espnet"],
    **_each(SIZE, "hidden_size samples_per_state vocabulary"),
    **_each(tuple[WHOLE, ...], "prefix previous"),
    "options": {
        "frontend": Literal["default"],
        "frontend_conf": FRONTEND,
        "normalize": Literal["global_mvn", "utterance_mvn"],
        "normalize_conf": {key: hint for key, hint in NORMALIZE.items() if key != "stats_file"},
        **_each(str, "encoder promptencoder"),
        "encoder_conf": {**BLOCKS, "output_size": SIZE, "input_layer": _INPUT},
        "promptencoder_conf": {**BLOCKS, "output_size": SIZE},
        "ctc_conf": _CTC,
    },
}


def _on_states(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """An audio encoder on top of a pretrained one."""
    return {
        "model": str,
        "identity": str,
        "config": config,
        "preprocessor": Mapping[str, Any],
        "layers": Literal["last", "weighted"] | LAYERS,
        "trained": Literal["none", "all"] | LAYERS,
        "silence": SECONDS,
        "stack": FEW,
        "blocks": Literal["transformer", "conformer", "e_branchformer"],
        "blocks_conf": BLOCKS,
        "dropout_rate": RATE,
        "output_size": SIZE,
        **_each(bool, "gradient_checkpointing reads_states"),
    }


#: ``audio_encoder_conf``, by ``audio_encoder``.
AUDIO: Mapping[str, Mapping[str, Any]] = {
    **_each(CONVOLVES, "transformer conformer e_branchformer"),
    HUGGING_FACE: _on_states(HEARS),
    ESPNET: _on_states(HEARS_BY_ESPNET),
}
#: The part of a training configuration that says what the model is; the rest says how it was trained.
MODEL: Mapping[str, Any] = {
    "token_list": tuple[str, ...],
    **_each(str, "bpemodel grown_words text_tokenizer"),
    "input_size": BANDS,
    "audio_encoder": Literal["transformer", "conformer", "e_branchformer", "hugging_face", "espnet"],
    "audio_encoder_conf": Mapping[str, Any],
    "text_encoder": Literal["hugging_face"],
    "text_encoder_conf": {"config": READS},
    "text_pace": PACE,
    "decoder_conf": DECODER,
    "ctc_unit": Literal["char", "token"],
    "ctc_characters": tuple[str, ...],
    "ctc_conf": {"subframes": FEW, "dropout_rate": RATE},
    "model_conf": {
        **_each(REAL, "ctc_weight contrast_weight consistency_weight swap_rate lsm_weight token_noise state_noise"),
        "contrast_start": WHOLE,
        "contrast_conf": {**_each(REAL, "temperature distance_weight"), "depths": FEW},
        "task_weights": Mapping[str, REAL],
        **_each(bool, "length_normalized_loss shorten_audio"),
    },
    "init": Literal["xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"],
    "pretrained_vocabulary_size": SIZE,
    "frontend": Literal["default"],
    "frontend_conf": FRONTEND,
    "specaug": Literal["specaug"],
    "specaug_conf": SPECAUG,
    "normalize": Literal["global_mvn", "utterance_mvn"],
    "normalize_conf": NORMALIZE,
    "version": str | float | int,
}
#: The same of ESPnet's language model; its networks are those that are built from nothing but their options.
LM: Mapping[str, Any] = {
    "token_list": tuple[str, ...],
    "token_type": Literal["bpe", "char", "word"],
    "lm": Literal["seq_rnn", "transformer"],
    "lm_conf": {
        **_each(LAYERS, "nlayers layer"),
        **_each(SIZE, "unit nhid embed_unit att_unit head"),
        **_each(RATE, "dropout_rate positional_dropout_rate attention_dropout_rate"),
        "tie_weights": bool,
        "ignore_id": WHOLE,
        "rnn_type": Literal["lstm", "gru", "rnn_tanh", "rnn_relu"],
        "pos_enc": Literal["sinusoidal"],
    },
    "model": Literal["lm", "lm_multitask"],
    "model_conf": {
        **_each(WHOLE, "ignore_id"),
        **_each(REAL, "lsm_weight"),
        **_each(bool, "length_normalized_loss"),
        **_each(str, "eos_sym"),
        "sos_syms": tuple[str, ...],
    },
    "init": MODEL["init"],
    "version": MODEL["version"],
}
_TOKENIZERS = "Bert Roberta XLMRoberta Camembert DistilBert Electra Albert MPNet Deberta DebertaV2 PreTrained"
#: ``tokenizer_config.json``; ``special_tokens_map.json`` has some of these keys. Special tokens may be mappings.
TOKENIZER: Mapping[str, Any] = {
    "tokenizer_class": Literal[
        "TokenizersBackend", *(f"{name}Tokenizer{end}" for name in _TOKENIZERS.split() for end in ("", "Fast"))
    ],
    "backend": Literal["tokenizers"],
    **_each(Any, "bos_token cls_token eos_token mask_token pad_token sep_token unk_token never_split"),
    **_each(Any, "added_tokens_decoder additional_special_tokens extra_special_tokens model_specific_special_tokens"),
    **_each(
        bool,
        "do_lower_case do_basic_tokenize do_lower strip_accents keep_accents remove_space tokenize_chinese_chars "
        "clean_up_tokenization_spaces is_local local_files_only add_prefix_space trim_offsets legacy use_fast "
        "clean_text split_special_tokens split_by_punct add_bos_token add_eos_token",
    ),
    **_each(float, "model_max_length max_length stride pad_to_multiple_of pad_token_type_id unk_id"),
    **_each(
        str,
        "padding_side truncation_side truncation_strategy errors wordpieces_prefix vocab_type name_or_path "
        "processor_class",
    ),
}
#: All regular expressions that tokenizers of these models have; another may take forever.
REGEXES = frozenset({" {2,}", r"\s{2,}|[\n\r\t]"})
#: A folder's or hub's name of a speech encoder: no path.
_ENCODER = re.compile(rf"({ESPNET_PREFIX})?(\w[\w.-]*/)?\w[\w.-]*")


def encoder_name(name: str) -> str:
    """A speech encoder's name in a package: of its folder, where it is a path."""
    if _ENCODER.fullmatch(name):
        return name
    prefix = ESPNET_PREFIX if name.startswith(ESPNET_PREFIX) else ""
    return prefix + PurePosixPath(name.removeprefix(ESPNET_PREFIX)).name


def read_model(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A model's configuration, as it may be built; see :data:`MODEL`.

    Fields of pretrained encoders that are not about them are left out.
    """
    config = {key: value for key, value in content.items() if key != "audio_encoder_conf"}
    reads, hears = config.get("text_encoder_conf"), content.get("audio_encoder_conf") or {}
    if isinstance(reads, Mapping):
        config["text_encoder_conf"] = {**reads, **_built_of(READS, reads)}
    if isinstance(hears, Mapping):
        hears = {**hears, **_built_of({**HEARS, **HEARS_BY_ESPNET}, hears)}
    check(MODEL, {**config, "audio_encoder_conf": hears}, where)
    if config.get("token_list") is None:
        raise UserError(f"{where}: the configuration holds no token list")
    if config.get("text_encoder") is not None and not (config.get("text_encoder_conf") or {}).get("config"):
        raise UserError(f"{where}: text_encoder_conf: the key 'config' is missing: a package brings its encoder")
    kind = config.get("audio_encoder")
    if kind is None:
        hears = {key: value for key, value in hears.items() if key == "output_size"}  # the model's dimension
        check(CONVOLVES, hears, f"{where}: audio_encoder_conf")
    else:
        check(AUDIO[kind], hears, f"{where}: audio_encoder_conf")
        if AUDIO[kind] is CONVOLVES and config.get("frontend") is None and config.get("input_size") != MELS:
            raise UserError(f"{where}: input_size: is {MELS}, the log mels of a recording")
        if kind in (HUGGING_FACE, ESPNET):
            hears = _pretrained(hears, f"{where}: audio_encoder_conf")
    return {**config, "audio_encoder_conf": hears}


def read_lm(content: Mapping[str, Any], where: str) -> None:
    """Check a language model's configuration."""
    check(LM, content, where)
    if missing := [key for key in ("token_list", "lm", "lm_conf") if content.get(key) is None]:
        raise UserError(f"{where}: the key {missing[0]!r} is missing")


def _built_of(known: Mapping[str, Any], conf: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of transformers in ``conf`` without what is not about an encoder; null is as good as that."""
    config = conf.get("config")
    if not isinstance(config, Mapping):
        return {}
    return {
        "config": {
            key: value
            for key, value in config.items()
            if key not in _OF_NO_ENCODER and (value is not None or key in known)
        }
    }


def _pretrained(conf: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A pretrained encoder is in the package, or named with the hash of the files that the states were made by."""
    for key in ("config", "preprocessor"):
        if conf.get(key) is None:
            raise UserError(f"{where}: the key {key!r} is missing: a package brings its encoder's configuration")
    model = conf.get("model")
    named = [bool(conf.get(key)) for key in ("model", "reads_states")]
    if any(named) and not (all(named) and conf.get("identity")):
        raise UserError(f"{where}: refused: a package brings its encoder, or names it (model) with its identity")
    taken = {key: value for key, value in conf["preprocessor"].items() if key in PREPROCESSOR}
    check(PREPROCESSOR, taken, f"{where}: preprocessor")
    return {**conf, "preprocessor": taken, "model": model and encoder_name(model)}
