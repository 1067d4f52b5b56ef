"""The encoder of an ESPnet ASR or OWSM-CTC model, with its own front end and normalisation: from samples to states."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.espnet_package import ESPNET_PREFIX, EspnetConfig, read_member
from espnet_atat.light_import import load_class
from espnet_atat.model.audio_encoder import valid_frames
from espnet_atat.model.espnet import PositionalEncoding
from espnet_atat.model.exact_weights import check_numbers, load_state
from espnet_atat.model.speech_states import LAST_LAYER, TRAIN_NONE, SpeechStates

#: ESPnet's modules that are chosen by name: option, names, classes.
CLASSES = {
    "frontend": {"default": "espnet2.asr.frontend.default.DefaultFrontend"},
    "specaug": {"specaug": "espnet2.asr.specaug.specaug.SpecAug"},
    "normalize": {
        "global_mvn": "espnet2.layers.global_mvn.GlobalMVN",
        "utterance_mvn": "espnet2.layers.utterance_mvn.UtteranceMVN",
    },
}
ENCODERS = {
    "transformer": "espnet2.asr.encoder.transformer_encoder.TransformerEncoder",
    "conformer": "espnet2.asr.encoder.conformer_encoder.ConformerEncoder",
    "branchformer": "espnet2.asr.encoder.branchformer_encoder.BranchformerEncoder",
    "e_branchformer": "espnet2.asr.encoder.e_branchformer_encoder.EBranchformerEncoder",
    "e_branchformer_ctc": "espnet2.asr.encoder.e_branchformer_ctc_encoder.EBranchformerCTCEncoder",
}


class EspnetSpeech(SpeechStates):
    """Samples to states, without padding.

    Args:
        config: the model's.
        model: that the weights are taken from, ``espnet:…``; None: fresh ones.
        layers: only ``last``.
        trained: ``none``, ``all``, or the number of blocks at the top. What is frozen uses no dropout.
        options: ``silence``, of Whisper, has no meaning here; ``gradient_checkpointing`` is refused if blocks train.
    """

    def __init__(
        self,
        config: EspnetConfig,
        model: str | None = None,
        layers: str | int = LAST_LAYER,
        trained: str | int = TRAIN_NONE,
        **options: Any,
    ):
        super().__init__()
        if options.get("gradient_checkpointing") and trained != TRAIN_NONE:
            raise UserError("audio_encoder_conf: gradient_checkpointing is not for an ESPnet model's blocks (trained)")
        if layers != LAST_LAYER:
            raise UserError(f"audio_encoder_conf: layers: {layers}: an ESPnet model gives its last layer's states")
        self.config, self.samples_per_state = config, config.samples_per_state
        given = config.options
        self.frontend = load_class(CLASSES["frontend"]["default"])(**(given["frontend_conf"] or {}))
        mels = self.frontend.output_size()
        self.normalize = _normalisation(given["normalize"], given["normalize_conf"] or {}, mels)
        self.encoder = _encoder(given["encoder"], input_size=mels, **(given["encoder_conf"] or {}))
        self._prompts(given)
        if model is not None:
            self._take(model)
        self.freeze(self, trained, self.encoder.encoders, getattr(self.encoder, "after_norm", None))

    def unpadded(self, speech: Tensor) -> Tensor:
        lengths = torch.full((len(speech),), speech.shape[1], device=speech.device)
        with torch.autocast(speech.device.type, enabled=False):
            feats, lengths = self.frontend(speech.float(), lengths)
            if self.normalize is not None:
                feats, lengths = self.normalize(feats.clone(), lengths)
        more = self._prompt(len(speech)) if self.config.vocabulary is not None else {}
        if getattr(self.encoder, "interctc_use_conditioning", False):
            more["ctc"] = self.ctc
        try:
            states = self.encoder(feats, lengths, **more)[0]
        except Exception as error:
            if type(error).__name__ != "TooShortUttError":  # ESPnet has one in each of several modules
                raise
            raise UserError(f"an utterance of {speech.shape[1]} samples is too short for the ESPnet encoder") from error
        states = states[0] if isinstance(states, tuple) else states
        found: Tensor = states[:, len(self.config.prefix) :]
        return found

    def _prompts(self, given: Any) -> None:
        """What tells OWSM-CTC's encoder language and task, and conditions it on what its CTC has heard."""
        size = self.config.hidden_size
        conditions = getattr(self.encoder, "interctc_use_conditioning", False)
        if self.config.vocabulary is None:
            if conditions:
                raise UserError("an ESPnet encoder with interctc_use_conditioning is supported for OWSM-CTC only")
            return
        conf = given["promptencoder_conf"]
        own = int(conf["output_size"])
        self.prompt_encoder = _encoder(given["promptencoder"], input_size=own, input_layer=None, **conf)
        self.embed = nn.Embedding(self.config.vocabulary, own)
        self.pos_enc = PositionalEncoding(own, 0.0)
        self.embed_proj = nn.Linear(own, size) if own != size else nn.Identity()
        self.prompt_proj = nn.Linear(own, size) if own != size else nn.Identity()
        self.ctc = load_class("espnet2.asr.ctc.CTC")(
            odim=self.config.vocabulary, encoder_output_size=size, **(given["ctc_conf"] or {})
        )
        if conditions:
            self.encoder.conditioning_layer = nn.Linear(self.config.vocabulary, size)

    def _prompt(self, rows: int) -> dict[str, Any]:
        device = self.embed.weight.device
        before = torch.tensor([self.config.previous] * rows, device=device)
        lengths = torch.full((rows,), before.shape[1], device=device)
        memory, lengths, _ = self.prompt_encoder(self.pos_enc(self.embed(before)), lengths)
        prefix = torch.tensor([self.config.prefix] * rows, device=device)
        return {
            "prefix_embeds": self.embed_proj(self.embed(prefix)),
            "memory": self.prompt_proj(memory),
            "memory_mask": valid_frames(lengths, int(lengths.max()))[:, None, :],
        }

    def _take(self, model: str) -> None:
        """The weights of the model's own modules; its decoder is left behind."""
        where = model.removeprefix(ESPNET_PREFIX)
        state = load_state(io.BytesIO(read_member(model, "weights")), where)
        own = self.state_dict()
        for name, tensor in own.items():
            if name not in state or state[name].shape != tensor.shape:
                found = f"is {tuple(state[name].shape)} in it" if name in state else "is not in it"
                raise UserError(f"{where}: {name} {found}: its weights are not of its configuration")
        taken = {name: state[name] for name in own}
        check_numbers(taken, where)
        self.load_state_dict(taken)


def _encoder(kind: str, **conf: Any) -> Any:
    if kind not in ENCODERS:
        raise UserError(f"an ESPnet encoder {kind!r}: there are here {', '.join(ENCODERS)}")
    return load_class(ENCODERS[kind])(**conf)


def _normalisation(kind: str | None, conf: Any, mels: int) -> nn.Module | None:
    """With statistics of nothing: the model's own are among its weights."""
    if kind is None:
        return None
    if kind != "global_mvn":
        module: nn.Module = load_class(CLASSES["normalize"][kind])(**conf)
        return module
    with tempfile.TemporaryDirectory(prefix="atat_") as folder:
        path = Path(folder, "stats.npz")
        np.savez(path, count=1, sum=np.zeros(mels), sum_square=np.ones(mels))
        module = load_class(CLASSES["normalize"][kind])(stats_file=path, **conf)
        return module.float()
