"""An audio encoder on top of a pretrained one: its states, stacked and projected, then ESPnet blocks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.hub import load_preprocessor, model_identity
from espnet_atat.model.audio_encoder import BlocksEncoder, valid_frames
from espnet_atat.model.pretrained_speech import (
    build_speech,
    load_pretrained_speech,
    load_speech_config,
    samples_per_state,
)
from espnet_atat.model.speech_states import LAST_LAYER, TRAIN_NONE, WEIGHTED_SUM, SpeechStates, check_choices

HOP = 160  # samples of the 10 ms that frames are counted in


class HearingEncoder(BlocksEncoder):
    """Pretrained speech states, LayerNorm, some states side by side, a linear layer, blocks of an ESPnet encoder.

    It takes samples, from which ``pretrained`` makes states, or states that stage 6 stored (``--feats_type encoder``).
    With ``reads_states`` it is trained on those, and ``pretrained`` is not a part of it: it is loaded from its folder
    when samples come, if its identity is the same. A package brings it.

    Args:
        output_size: model dimension D.
        model: folder or hub name of the pretrained encoder, or ``whisper-tiny.en-encoder`` … as installed here.
        config, preprocessor: what ``config.json`` and ``preprocessor_config.json`` say, as saved with a trained model;
            with them nothing is fetched unless ``model`` is given too.
        layers, trained, silence: see :class:`PretrainedSpeech`.
        stack: states side by side in one of this encoder's: 2 make one every 40 ms of 20 ms each, 4 one every 80 ms.
        blocks, blocks_conf: as in :class:`~espnet_atat.model.audio_encoder.AudioEncoder`; None: no blocks.
        dropout_rate: after the projection.
        gradient_checkpointing: of the blocks, and of the pretrained encoder's trained layers.
        reads_states: the training data are states.
        identity: hash of the pretrained encoder that made them.
    """

    hears = True

    def __init__(
        self,
        output_size: int = 256,
        model: str | None = None,
        config: Mapping[str, Any] | None = None,
        preprocessor: Mapping[str, Any] | None = None,
        layers: str | int = LAST_LAYER,
        trained: str | int = TRAIN_NONE,
        silence: float = 0.5,
        stack: int = 4,
        blocks: str | None = "conformer",
        blocks_conf: Mapping[str, Any] | None = None,
        dropout_rate: float = 0.1,
        gradient_checkpointing: bool = False,
        reads_states: bool = False,
        identity: str | None = None,
    ):
        super().__init__()
        check_choices(layers, trained)
        if reads_states and (trained != TRAIN_NONE or layers == WEIGHTED_SUM):
            raise UserError(
                "audio_encoder_conf: stage 6 stores the states of one layer of a frozen encoder (trained: none, "
                "layers: last or a number); otherwise read audio (feats_type: raw)"
            )
        if stack < 1:
            raise UserError(f"audio_encoder_conf: stack is a number of states from 1, found {stack}")
        self.config = load_speech_config(model, config)
        self.model = model
        self.options: dict[str, Any] = {"layers": layers, "trained": trained, "silence": silence}
        self.options["gradient_checkpointing"] = gradient_checkpointing
        self.preprocessor = dict(preprocessor) if preprocessor is not None else load_preprocessor(str(model))
        self.reads_states, self.identity = reads_states, identity
        self.stack = stack
        positions = getattr(self.config, "max_source_positions", float("inf"))  # a Whisper's, of its 30 s
        self.max_seconds = positions * samples_per_state(self.config) / (100 * HOP) - silence
        self.frames_per_state = samples_per_state(self.config) * stack / HOP
        self.size = output_size
        self.norm = nn.LayerNorm(self.config.hidden_size)
        self.project = nn.Linear(self.config.hidden_size * stack, output_size)
        self.dropout = nn.Dropout(dropout_rate)
        if blocks is None:
            self.positions, self.blocks = None, None
        else:
            self.build_blocks(blocks, output_size, blocks_conf, dropout_rate, gradient_checkpointing)
        self.pretrained: SpeechStates | None = None

    def attach(self) -> None:
        """Build the pretrained encoder, where it is a part of this one: after fresh parameters got their start."""
        if not self.reads_states:
            speech = build_speech(self.config, self.preprocessor, self.model, **self.options)
            self.pretrained = speech.train(self.training)

    def saved_conf(self) -> dict[str, Any]:
        """What a saved configuration says about the encoder: never a name, but where its states were read."""
        known = {"config": self.config.to_diff_dict(), "preprocessor": self.preprocessor}
        return {**known, "model": self.model if self.reads_states else None}

    def output_size(self) -> int:
        return self.size

    def hear(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (B, N) at 16 kHz and their numbers (B,) -> pretrained states (B, T, H) and theirs."""
        pretrained = self.pretrained if self.pretrained is not None else self._fetched()
        states: tuple[Tensor, Tensor] = pretrained(speech, lengths)
        return states

    def forward(self, feats: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, None]:
        """Pretrained states (B, T, H) and their lengths -> states (B, S, D), theirs, None (ESPnet's third value)."""
        if feats.shape[-1] != self.config.hidden_size:
            raise UserError(
                f"features of {feats.shape[-1]} dimensions, but this model hears by states of "
                f"{self.config.hidden_size}, or from audio: --feats_type encoder or raw"
            )
        x = self.norm(feats) * valid_frames(lengths, feats.shape[1])[..., None]
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % self.stack))
        x = x.unflatten(1, (-1, self.stack)).flatten(2)  # (B, T, H) -> (B, S, stack * H)
        lengths = (lengths + self.stack - 1) // self.stack
        x = self.dropout(self.project(x))
        return x if self.blocks is None else self.run_blocks(x, lengths), lengths, None

    def _fetched(self) -> SpeechStates:
        """The encoder that made the states of the training data, from its folder."""
        where = f"audio encoder {self.model!r}, whose states this model was trained on"
        if self.model is None:
            raise UserError("this model was trained on an encoder's states, and its configuration names no encoder")
        if (found := model_identity(self.model, fetch=False)) != self.identity:
            raise UserError(f"{where}: found {found}, not {self.identity}: another version of it; or pack the model")
        with torch.inference_mode(False):
            pretrained = load_pretrained_speech(self.model, **self.options)
            self.pretrained = pretrained.to(self.project.weight.device).eval()
        return self.pretrained
