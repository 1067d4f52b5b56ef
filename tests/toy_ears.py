"""Small speech encoders with random weights, one of each family that transformers has, as folders that it loads."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SIZE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
WAVEFORM = {
    **{**SIZE, "conv_dim": [8, 8, 8], "conv_kernel": [10, 8, 4], "conv_stride": [5, 8, 8]},
    **{"num_feat_extract_layers": 3, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4},
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
#: Name → ``config.json``. All have three layers of 32 units.
FAMILIES: dict[str, dict[str, Any]] = {
    "whisper": {
        **{"model_type": "whisper", "d_model": 32, "encoder_layers": 3, "encoder_attention_heads": 4},
        **{"encoder_ffn_dim": 48, "num_mel_bins": 80, "max_source_positions": 200},
    },
    "wav2vec2": {"model_type": "wav2vec2", **WAVEFORM},
    "wav2vec2 large": {"model_type": "wav2vec2", **WAVEFORM, **LARGE},
    "hubert": {"model_type": "hubert", **WAVEFORM},
    "wavlm": {"model_type": "wavlm", **WAVEFORM},
    "data2vec": {"model_type": "data2vec-audio", **WAVEFORM, "num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5},
    "w2v-bert": {"model_type": "wav2vec2-bert", **SIZE, "feature_projection_input_dim": 160},
    "moonshine": {
        **{"model_type": "moonshine", "hidden_size": 32, "intermediate_size": 48, "encoder_num_hidden_layers": 3},
        **{"encoder_num_attention_heads": 4, "encoder_num_key_value_heads": 4},
    },
}
PREPROCESSORS: dict[str, dict[str, Any]] = {
    "wav2vec2": {"do_normalize": True, "sampling_rate": 16000},
    "hubert": {"do_normalize": False, "sampling_rate": 16000},
    "moonshine": {"do_normalize": False, "sampling_rate": 16000},
}


def make_encoder(folder: Path, family: str = "whisper", seed: int = 0) -> Path:
    """Write the folder of an encoder, as ``tools/install_extra.sh ears`` does."""
    from espnet_atat.model.pretrained_speech import PretrainedSpeech, load_speech_config

    torch.manual_seed(seed)
    speech = PretrainedSpeech(load_speech_config(None, FAMILIES[family]), PREPROCESSORS.get(family, {}))
    for parameter in speech.encoder.parameters():  # the random start says next to nothing of the sound
        parameter.data += 0.05 * torch.randn_like(parameter)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(speech.encoder.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(FAMILIES[family]))
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSORS.get(family, {})))
    return folder
