"""A speech encoder that transformers loads, as a module from samples to states.

An utterance's states do not depend on the others of its batch. Whisper's are computed together, with padding masked out
wherever a state could see it. Every other encoder of transformers normalises or convolves over padding somewhere, so
only utterances of one length go through it together, which need no padding; the others go one by one.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from espnet_atat.datadir import SAMPLE_RATE
from espnet_atat.errors import UserError, first_line
from espnet_atat.espnet_package import ESPNET, is_espnet, load_espnet_config
from espnet_atat.hub import load_hub_config, load_preprocessor, model_folder, saved_config, weight_files
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.espnet_speech import EspnetSpeech
from espnet_atat.model.exact_weights import load_state, take_weights
from espnet_atat.model.speech_frontends import make_frontend
from espnet_atat.model.speech_states import LAST_LAYER, TRAIN_NONE, WEIGHTED_SUM, SpeechStates, check_choices
from espnet_atat.model.whisper import WHISPER_TYPE, WhisperConfig, WhisperEncoder

if TYPE_CHECKING:
    from transformers import PretrainedConfig

#: Samples of a state where a configuration does not say it (``inputs_to_logits_ratio``).
SAMPLES_PER_STATE = {"whisper": 320, "wav2vec2-bert": 320, "moonshine": 384}
#: Fields of configurations that would change states in training at random, or make fewer of them.
PLAIN = {
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
    "encoder_layerdrop": 0.0,
    "add_adapter": False,
}


def load_speech_config(model: str | None, config: Mapping[str, Any] | None) -> Any:
    """An encoder's configuration, without what changes its states at random; of an ESPnet model, its own kind."""
    if (config or {}).get("model_type") == ESPNET or (config is None and is_espnet(model)):
        return load_espnet_config(model, config)
    if config is not None and config.get("model_type") == WHISPER_TYPE:
        return WhisperConfig.of(config)
    name = None
    if model is not None and config is None:
        name = str(model_folder(model))
        if (content := saved_config(model)).get("model_type") == WHISPER_TYPE:
            return WhisperConfig.of(content)
    found = load_hub_config("audio_encoder_conf", name, config)
    for key, value in PLAIN.items():
        if hasattr(found, key):
            setattr(found, key, value)
    return found


def samples_per_state(config: Any) -> int:
    """Hop of an encoder's states in samples."""
    if config.model_type == ESPNET:
        return int(config.samples_per_state)
    ratio = getattr(config, "inputs_to_logits_ratio", None)
    hop = SAMPLES_PER_STATE.get(config.model_type, ratio)
    if hop is None:
        raise UserError(f"audio_encoder_conf: a {config.model_type} does not say how long its states are")
    return int(hop)


class PretrainedSpeech(SpeechStates):
    """Samples to states, by an encoder that transformers loads.

    Args:
        config: the encoder's.
        preprocessor: its ``preprocessor_config.json``.
        model: folder or hub name that the weights are taken from; None: fresh ones.
        layers: whose states: ``last``, the number of a layer (those above it are left out), or ``weighted``: a learnt
            weighted sum of all (Yang et al. 2021, SUPERB).
        trained: ``none``, ``all``, or the number of layers at the top. What is frozen uses no dropout.
        silence: seconds behind each utterance, of Whisper, which was trained on 30 s with silence behind the speech.
        gradient_checkpointing: keep of each trained layer what goes into it, and compute the rest again.
    """

    def __init__(
        self,
        config: "PretrainedConfig",
        preprocessor: Mapping[str, Any],
        model: str | None = None,
        layers: str | int = LAST_LAYER,
        trained: str | int = TRAIN_NONE,
        silence: float = 0.5,
        gradient_checkpointing: bool = False,
    ):
        super().__init__()
        check_choices(layers, trained)
        self.kind: str = config.model_type
        self.samples_per_state = samples_per_state(config)
        self.encoder: Any = _build(config, model).float()  # it may name half precision, as weights were saved
        channels = getattr(config, "num_mel_bins", 80)
        self.frontend = make_frontend(self.kind, self.encoder.main_input_name, preprocessor, channels, silence)
        if isinstance(layers, int):
            self._cut(layers)
        blocks = self._body().layers
        self.weights = nn.Parameter(torch.zeros(len(blocks) + 1)) if layers == WEIGHTED_SUM else None
        self.silence, self.gradient_checkpointing = silence, gradient_checkpointing
        if gradient_checkpointing and self.kind != WHISPER_TYPE:
            self.encoder.gradient_checkpointing_enable({"use_reentrant": False})
        self.freeze(self.encoder, trained, blocks, self._closing_norm())

    def forward(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`SpeechStates.forward`; a batch of Whisper's goes through it at once."""
        if self.kind != WHISPER_TYPE:
            return super().forward(speech, lengths)
        speech = speech * valid_frames(lengths, speech.shape[1])
        with torch.autocast(speech.device.type, enabled=False):  # a power spectrum needs float32
            mel, frames = self.frontend(speech.float(), lengths)  # (B, channels, T), zero behind each end
        positions = self.encoder.embed_positions.num_embeddings
        if mel.shape[2] > 2 * positions:
            most = positions * self.samples_per_state / SAMPLE_RATE - self.silence
            raise UserError(f"an utterance is longer than the {most:.1f} s that a Whisper hears: cut it")
        states, lengths = self.encoder(mel, frames, self.gradient_checkpointing)
        return self._chosen(states), lengths

    def unpadded(self, speech: Tensor) -> Tensor:
        with torch.autocast(speech.device.type, enabled=False):
            inputs = self.frontend(speech.float())
        try:
            outputs = self.encoder(inputs, output_hidden_states=self.weights is not None)
        except (RuntimeError, ValueError) as error:
            if speech.shape[1] >= 2 * self.samples_per_state:
                raise
            raise UserError(f"an utterance of {speech.shape[1]} samples is too short for a {self.kind}") from error
        return self._chosen(outputs.hidden_states if self.weights is not None else [outputs.last_hidden_state])

    def _chosen(self, states: Sequence[Tensor]) -> Tensor:
        """Of the states before the first layer and after each, (B, S, H): the last, or the weighted sum."""
        if self.weights is None:
            return states[-1]
        return torch.einsum("l,lbsh->bsh", self.weights.softmax(0).to(states[0].dtype), torch.stack(list(states)))

    def _body(self) -> Any:
        """What has the layers: the encoder, or a part of it."""
        body = self.encoder if hasattr(self.encoder, "layers") else getattr(self.encoder, "encoder", None)
        if not isinstance(getattr(body, "layers", None), nn.ModuleList):
            raise UserError(f"audio_encoder_conf: a {self.kind} does not expose its layers: it cannot be used")
        return body

    def _closing_norm(self) -> nn.Module | None:
        """The norm behind the last layer, if there is one; wav2vec 2.0's is in front unless it says otherwise."""
        body = self._body()
        is_behind = body is self.encoder or getattr(self.encoder.config, "do_stable_layer_norm", False)
        return getattr(body, "layer_norm", None) if is_behind else None

    def _cut(self, layers: int) -> None:
        """Leave out the layers above a number, and the norm that is for the last one's states."""
        body = self._body()
        if layers > (there := len(body.layers)):
            raise UserError(f"audio_encoder_conf: layers: {layers}, but the encoder has {there}")
        if layers < there:
            body.layers = body.layers[:layers]
            if self._closing_norm() is not None:
                body.layer_norm = nn.Identity()


def load_pretrained_speech(model: str, **options: Any) -> SpeechStates:
    """An encoder with its own weights, by folder or hub name; see :class:`PretrainedSpeech` for the options."""
    return build_speech(load_speech_config(model, None), load_preprocessor(model), model, **options)


def build_speech(config: Any, preprocessor: Mapping[str, Any], model: str | None, **options: Any) -> SpeechStates:
    """An encoder of transformers or of ESPnet, with the weights of ``model`` or fresh ones."""
    if config.model_type != ESPNET:
        return PretrainedSpeech(config, preprocessor, model, **options)
    return EspnetSpeech(config, model, **options)


def _build(config: Any, model: str | None) -> Any:
    """An encoder with the weights of a folder or hub name, or fresh ones."""
    if not isinstance(config, WhisperConfig):
        kind = _encoder_class(config)
        return kind(config) if model is None else _load(kind, config, model)
    encoder = WhisperEncoder(config)
    if model is not None:
        take_weights(encoder, _whisper_weights(model_folder(model)), model, "a Whisper")
    return encoder


def _whisper_weights(folder: Path) -> dict[str, Tensor]:
    """Of the encoder in a folder, without transformers, whose import would take most of the time of a small set."""
    weights: dict[str, Tensor] = {}
    for path in weight_files(folder):
        try:
            weights |= load_file(path) if path.suffix == ".safetensors" else load_state(path, path)
        except SafetensorError as error:
            raise UserError(f"{path}: not a whole file of weights ({first_line(error)})") from error
    # With a decoder beside it, an encoder's parameters are named by their place in the whole.
    names = {name: name.removeprefix("model.").removeprefix("encoder.") for name in weights}
    return {own: weights[name] for name, own in names.items() if not own.startswith(("decoder.", "proj_out."))}


def _encoder_class(config: "PretrainedConfig") -> Any:
    """The class of the encoder; of a model with a decoder too, only that of the encoder."""
    from transformers import MODEL_MAPPING

    if type(config) not in MODEL_MAPPING:
        raise UserError(f"audio_encoder_conf: transformers has no plain model of a {config.model_type}")
    kind: Any = MODEL_MAPPING[type(config)]
    if not config.is_encoder_decoder:
        return kind
    name = kind.__name__.replace("Model", "Encoder")
    found = getattr(import_module(kind.__module__), name, None)
    if found is None:
        raise UserError(f"audio_encoder_conf: transformers has no {name} for a {config.model_type}")
    return found


def _load(kind: Any, config: "PretrainedConfig", model: str) -> nn.Module:
    """An encoder with the weights of a folder; refuses one that lacks some."""
    folder = model_folder(model)
    # A checkpoint of encoder and decoder names the encoder's parameters by its place in the whole.
    mapping = {r"^(model\.)?encoder\.": ""} if config.is_encoder_decoder else None
    with _quiet():
        encoder, report = kind.from_pretrained(
            folder, config=config, key_mapping=mapping, dtype=torch.float32, output_loading_info=True
        )
    if missing := sorted(report["missing_keys"]):
        raise UserError(f"audio encoder {model!r}: its weights lack {missing[0]!r}, which its config.json needs")
    return encoder


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar, and its list of the decoder's weights."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
