"""The AT-AT model: what ESPnet's trainer calls (paper, Figure 2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any

import torch
from torch import Tensor, nn

from espnet_atat.errors import UserError
from espnet_atat.model.audio_encoder import BlocksEncoder
from espnet_atat.model.ctc import CTCHead
from espnet_atat.model.decoder import SharedDecoder
from espnet_atat.model.espnet import AbsESPnetModel, force_gatherable
from espnet_atat.model.halves import ModalityContrast, layer_outputs, mean_of_pieces, swap_words
from espnet_atat.model.text_encoder import TextEncoder

#: Pads targets; no token has this id.
IGNORE = -1
#: Options with which training encodes the transcripts of audio, to compare the two halves.
COMPARING = ("contrast_weight", "consistency_weight", "swap_rate")


@dataclass(frozen=True)
class Encoded:
    """States of one modality: ``states`` (B, S, D), ``lengths`` (B,)."""

    states: Tensor
    lengths: Tensor
    below: Sequence[Tensor] = ()  # behind layers below the last, topmost first, as far as they are compared


@dataclass(frozen=True)
class Decoded:
    """A decoder's pass over targets of L tokens: its loss and its states."""

    loss: Tensor  # (B,): label-smoothed cross entropy in nats, summed over tokens
    hits: Tensor  # (B,): tokens that would have been right
    logits: Tensor  # (B, L, V)
    blocks: Sequence[Tensor]  # behind each block: (B, L, D)


class ESPnetATATModel(AbsESPnetModel):
    """Two encoders, one decoder; the task token is the decoder's first input.

    Args:
        audio_encoder: None for a text-only model.
        text_encoder: None for the E2E baseline.
        task_ids: task name to the id of its BOS token.
        frontend, specaug, normalize: ESPnet modules in front of the audio encoder.
        ctc: auxiliary CTC head on the audio encoder.
        ctc_weight: weight of the CTC loss of an audio example; the decoder's is 1 (added, not interpolated, so that
            the decoder's loss has the same scale for audio and text).
        contrast_weight, contrast_conf: of :class:`ModalityContrast` between the states of an audio example and those
            of its transcript; weight 0 in the paper.
        contrast_start: training batches before it and the consistency start: as long as audio states mean nothing, they
            would slow down a text encoder that is trained from scratch.
        consistency_weight: of :meth:`_consistency`: an audio example's target is decoded from its transcript too, and
            what the decoder makes of both must agree. 0 in the paper.
        swap_rate: share of the words of audio (not of *mlm*) that the decoder gets in training as states of their text,
            from the contrast start on; the CTC, over characters, says where they are. 0 in the paper.
        shorten_audio: the decoder gets one state for each word of audio that the CTC over characters finds (each token,
            of a CTC over tokens): the mean of its states. Not in the paper.
        lsm_weight: label smoothing (paper: 0.1).
        task_weights: factor on the loss of each task; 1 where not named.
        length_normalized_loss: average a target's loss over its tokens; else sum, as ESPnet does.
        state_noise: standard deviation of the noise that training adds to the states of text, in units of their root
            mean square, so that the decoder takes them for no more exact than those of audio. 0 in the paper.
        token_noise: share of the decoder's input tokens that training replaces by tokens of the batch's targets, never
            the task token (unigram noising, Xie et al. 2017): a decoder that cannot trust its history must attend to
            the input. 0 in the paper.
    """

    def __init__(
        self,
        decoder: SharedDecoder,
        audio_encoder: BlocksEncoder | None,
        text_encoder: TextEncoder | None,
        task_ids: Mapping[str, int],
        eos_id: int,
        frontend: nn.Module | None = None,
        specaug: nn.Module | None = None,
        normalize: nn.Module | None = None,
        ctc: CTCHead | None = None,
        ctc_weight: float = 0.0,
        contrast_weight: float = 0.0,
        contrast_conf: Mapping[str, Any] | None = None,
        contrast_start: int = 0,
        consistency_weight: float = 0.0,
        swap_rate: float = 0.0,
        shorten_audio: bool = False,
        lsm_weight: float = 0.1,
        task_weights: Mapping[str, float] | None = None,
        length_normalized_loss: bool = False,
        token_noise: float = 0.0,
        state_noise: float = 0.0,
    ):
        super().__init__()
        if audio_encoder is None and text_encoder is None:
            raise UserError("a model needs an audio encoder, a text encoder, or both")
        unknown = set(task_weights or ()) - set(task_ids)
        if unknown:
            raise UserError(f"task_weights: unknown task {min(unknown)!r}: the tasks are {', '.join(task_ids)}")
        if ctc_weight and ctc is None:
            raise UserError("ctc_weight is set but there is no CTC head: give ctc_unit char or token")
        comparing = list(compress(COMPARING, (contrast_weight, consistency_weight, swap_rate)))
        if comparing and (audio_encoder is None or text_encoder is None):
            raise UserError(f"{comparing[0]} needs an audio and a text encoder: set it to 0, or give both")
        if not 0 <= swap_rate <= 1:
            raise UserError(f"swap_rate is a share, 0 to 1; found {swap_rate}")
        if swap_rate and (ctc is None or ctc.separator is None or not ctc_weight):
            raise UserError("swap_rate needs a CTC that finds words: ctc_unit char, and a ctc_weight")
        if shorten_audio and not ctc_weight:
            raise UserError("shorten_audio needs a CTC that finds pieces: give ctc_unit, and a ctc_weight")
        if shorten_audio and swap_rate:
            raise UserError("shorten_audio and swap_rate: one of the two, set the other to false or 0")
        if not 0 <= token_noise < 1:
            raise UserError(f"token_noise is a share, 0 or more and below 1; found {token_noise}")
        if state_noise < 0:
            raise UserError(f"state_noise is a standard deviation, 0 or more; found {state_noise}")
        self.decoder = decoder
        self.audio_encoder = audio_encoder
        self.text_encoder = text_encoder
        self.frontend = frontend
        self.specaug = specaug
        self.normalize = normalize
        self.ctc = ctc
        self.ctc_weight = ctc_weight
        #: Whether training encodes the transcripts of audio, to compare the two halves.
        self.compares = bool(comparing)
        self.contrast = ModalityContrast(**(contrast_conf or {})) if contrast_weight else None
        self.contrast_weight = contrast_weight
        self.consistency_weight = consistency_weight
        self.swap_rate = swap_rate
        self.shorten_audio = shorten_audio
        self.contrast_start = contrast_start
        if self.compares and contrast_start:
            # Saved in checkpoints, for resumed runs. A float, because ESPnet's average over epochs sums integers.
            self.register_buffer("batches", torch.zeros(()))
        self.lsm_weight = lsm_weight
        self.length_normalized_loss = length_normalized_loss
        self.token_noise = token_noise
        self.state_noise = state_noise
        #: Whether audio and text pass through the decoder in one call: more padding, half the kernels.
        self.decodes_together = False
        self.task_ids = dict(task_ids)
        self.task_weights = {task: float((task_weights or {}).get(task, 1.0)) for task in task_ids}
        self.eos_id = eos_id
        self._optimizer: torch.optim.Optimizer | None = None
        self._norms: list[tuple[nn.Module, int | None]] = []  # BatchNorm layers, number of their optimizer group

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Load a checkpoint of a model with the contrast into one without it, which does not count batches."""
        if "batches" not in self._buffers:
            state_dict.pop(f"{prefix}batches", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def follow_frozen_groups(self, optimizer: torch.optim.Optimizer) -> None:
        """Freeze BatchNorm statistics while their parameters are frozen: at learning rate 0, or by ``freeze_param``.

        Args:
            optimizer: over this model's parameters; its groups' learning rates are read before each forward.
        """
        group_of = {p: i for i, group in enumerate(optimizer.param_groups) for p in group["params"]}
        self._optimizer = optimizer
        self._norms = [
            (module, group_of.get(module.weight))
            for module in self.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.weight is not None
        ]

    def forward(
        self,
        text: Tensor,
        text_lengths: Tensor,
        speech: Tensor | None = None,
        speech_lengths: Tensor | None = None,
        text_in: Tensor | None = None,
        text_in_lengths: Tensor | None = None,
        ctc_text: Tensor | None = None,
        ctc_text_lengths: Tensor | None = None,
        transcript: Tensor | None = None,
        transcript_lengths: Tensor | None = None,
        transcript_words: Tensor | None = None,
        speech_parts: Sequence[int] | None = None,
        text_in_parts: Sequence[int] | None = None,
        **_: object,
    ) -> tuple[Tensor, dict[str, Tensor | None], Tensor]:
        """Loss of a mixed batch. In ``text``, examples from audio come before those from text.

        Args:
            text: (Ba + Bt, L) targets: task token, then tokens, padded with -1.
            speech: (Ba, T, F) features, or (Ba, samples) of a model that hears; absent in a batch of text.
            text_in: (Bt, S) ids of the text tokenizer; absent in a batch of audio.
            ctc_text: (Ba, symbols) of the CTC; only with a CTC head.
            transcript: (Ba, S) words of the audio, as ids of the text tokenizer; only where the halves are compared.
            transcript_words: (Ba, S) the word that each of them belongs to, -1 of none; only with a swap rate.
            speech_parts: numbers of rows, of like length, that the audio encoder takes together; None: all.
            text_in_parts: likewise for the text encoder.

        Returns:
            loss averaged over examples, statistics (every key in every batch, NaN where a task is absent: DDP reduces
            each key), number of examples.
        """
        for module, group in self._norms:  # resuming replaces the optimizer's groups: look them up each time
            assert self._optimizer is not None
            module.train(self.training and group is not None and self._optimizer.param_groups[group]["lr"] > 0)
        audio = 0 if speech is None else len(speech)
        total = len(text)
        both: list[Encoded] = []
        decoded: list[Decoded] = []
        ctc_loss: Tensor | None = None
        contrast_loss: Tensor | None = None
        read: Encoded | None = None  # the audio's transcripts
        if speech is not None and speech_lengths is not None:
            below = self.contrast.depths - 1 if self.contrast is not None else 0
            encode = partial(self.encode_audio, below=below)
            encoded = _in_parts(encode, speech, speech_lengths, speech_parts)
            source = self.decoder_source(encoded)
            swaps = self.training and self.swap_rate > 0
            if swaps and (read := self._read(transcript, transcript_lengths, below)) is not None:
                assert ctc_text is not None
                assert ctc_text_lengths is not None
                assert transcript_words is not None
                may_read = text[:audio, 0].ne(self.task_ids.get("mlm", IGNORE))  # whose masked words are to be guessed
                source = self._swapped(encoded, read, ctc_text, ctc_text_lengths, transcript_words, may_read)
            both.append(source)
            if not self.decodes_together:
                decoded.append(self._decode(source, text[:audio], text_lengths[:audio]))
            if self.ctc is not None and self.ctc_weight:
                assert ctc_text is not None, "the preprocessor gives ctc_text where there is a CTC head"
                assert ctc_text_lengths is not None
                ctc_loss = self.ctc(encoded.states, encoded.lengths, ctc_text, ctc_text_lengths)
            if not swaps and (self.contrast is not None or self.consistency_weight):
                # Not before the decoding: the order decides which random numbers dropout draws.
                read = self._read(transcript, transcript_lengths, below)
            if read is not None and self.contrast is not None:
                assert transcript is not None
                contrast_loss = self._contrast(encoded, read, transcript)
        if text_in is not None and text_in_lengths is not None:
            encoded = self._with_noise(_in_parts(self.encode_text, text_in, text_in_lengths, text_in_parts))
            both.append(encoded)
            if not self.decodes_together:
                decoded.append(self._decode(encoded, text[audio:], text_lengths[audio:]))
        if self.decodes_together:
            decoded = [self._decode(_joined(both), text, text_lengths)]
        att_loss, hits = torch.cat([each.loss for each in decoded]), torch.cat([each.hits for each in decoded])
        consistency_loss: Tensor | None = None
        if read is not None and self.consistency_weight:
            consistency_loss = self._consistency(decoded[0], read, text[:audio], text_lengths[:audio])
        tasks = text[:, 0]
        weight = self._weights(tasks)
        # Outputs are the tokens after the task token, then <eos>: as many as inputs.
        per_example = att_loss / text_lengths if self.length_normalized_loss else att_loss
        loss = (weight * per_example).sum() / total
        stats = self._statistics(tasks, att_loss.detach(), hits, text_lengths)
        for name, factor, of_audio in (
            ("ctc", self.ctc_weight, ctc_loss),
            ("contrast", self.contrast_weight, contrast_loss),
            ("consistency", self.consistency_weight, consistency_loss),
        ):
            stats[f"loss_{name}"] = loss.new_full((), torch.nan) if of_audio is None else of_audio.detach().mean()
            if of_audio is not None:
                loss = loss + factor * (weight[:audio] * of_audio).sum() / total
        stats["loss"] = loss.detach()
        return force_gatherable((loss, stats, loss.new_tensor(total)), loss.device)

    def collect_feats(
        self, speech: Tensor | None = None, speech_lengths: Tensor | None = None, **_: object
    ) -> dict[str, Tensor]:
        """Features for ESPnet's statistics; empty for a batch of text."""
        if speech is None or speech_lengths is None:
            return {}
        feats, lengths = self._features(speech, speech_lengths)
        return {"feats": feats, "feats_lengths": lengths}

    def encode_audio(self, speech: Tensor, lengths: Tensor, below: int = 0) -> Encoded:
        """(Ba, T, F) features or pretrained states, or (Ba, samples) -> states; also of ``below`` further blocks."""
        if self.audio_encoder is None:
            raise UserError("this model has no audio encoder")
        feats, lengths = self._features(speech, lengths)
        if self.specaug is not None and self.training:
            feats, lengths = self.specaug(feats, lengths)
        if self.normalize is not None:
            feats, lengths = self.normalize(feats, lengths)
        blocks = list(self.audio_encoder.blocks.encoders)[-1 - below : -1] if below else []
        with layer_outputs(blocks) as found:
            states, lengths, _none = self.audio_encoder(feats, lengths)
        return Encoded(states, lengths, found)

    def encode_text(self, pieces: Tensor, lengths: Tensor, below: int = 0) -> Encoded:
        """(Bt, S) ids of the text tokenizer -> states; also of ``below`` further layers."""
        if self.text_encoder is None:
            raise UserError("this model has no text encoder: it was trained with --text_encoder none")
        return Encoded(*self.text_encoder(pieces.clamp(min=0), lengths, below))

    def decoder_source(self, encoded: Encoded) -> Encoded:
        """What the decoder reads of audio: its states, or one of each piece (``shorten_audio``)."""
        if not self.shorten_audio:
            return encoded
        return Encoded(*mean_of_pieces(encoded.states, self.audio_pieces(encoded)))

    def audio_pieces(self, encoded: Encoded) -> Tensor:
        """The state of :meth:`decoder_source` that each state of audio is in: (B, S), -1 in the padding."""
        if self.shorten_audio:
            assert self.ctc is not None
            return self.ctc.pieces(encoded.states, encoded.lengths)
        places = torch.arange(encoded.states.size(1), device=encoded.states.device)
        return places.where(places < encoded.lengths[:, None], -1)

    @property
    def hears(self) -> bool:
        """Whether it takes samples; else it takes only features."""
        return self.frontend is not None or (self.audio_encoder is not None and self.audio_encoder.hears)

    def _features(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        speech = speech[:, : int(lengths.max())]
        if self.frontend is not None:
            # Under --use_amp too: a power spectrum in bfloat16 is 0.07 nepers off in its log.
            with torch.autocast(speech.device.type, enabled=False):
                return self.frontend(speech.float(), lengths)
        if speech.dim() == 2 and self.audio_encoder is not None and self.audio_encoder.hears:
            return self.audio_encoder.hear(speech, lengths)
        # ESPnet's normalisation works in place; the caller's tensor is not ours to change.
        return speech.clone(), lengths

    def _decode(self, encoded: Encoded, text: Tensor, lengths: Tensor) -> Decoded:
        """Teacher forcing of the targets ``text`` (B, L), of these lengths."""
        text = text[:, : int(lengths.max())]
        inputs = text.clamp(min=0)  # <task> w1 … wn
        outputs = nn.functional.pad(text[:, 1:], (0, 1), value=IGNORE)
        outputs[torch.arange(len(text), device=text.device), lengths - 1] = self.eos_id  # w1 … wn <eos>
        if self.training and self.token_noise:
            inputs = self._add_noise(inputs, lengths)
        (logits, blocks), _ = self.decoder(encoded.states, encoded.lengths, inputs, lengths, return_all_hs=True)
        loss = nn.functional.cross_entropy(
            logits.transpose(1, 2), outputs, ignore_index=IGNORE, reduction="none", label_smoothing=self.lsm_weight
        )
        right = (logits.detach().argmax(-1) == outputs) & (outputs != IGNORE)
        return Decoded(loss.sum(1), right.sum(1), logits, blocks)

    def _read(self, transcript: Tensor | None, lengths: Tensor | None, below: int) -> Encoded | None:
        """States of the transcripts of audio, where the two halves are compared."""
        if transcript is None or lengths is None or not self._comparing_has_begun():
            return None
        return self.encode_text(transcript, lengths, below)

    def _contrast(self, heard: Encoded, read: Encoded, transcript: Tensor) -> Tensor:
        assert self.contrast is not None
        pairs = [(heard.states, read.states), *zip(heard.below, read.below, strict=True)]
        losses = [self.contrast(audio, heard.lengths, text, read.lengths, transcript) for audio, text in pairs]
        return torch.stack(losses).mean(0)

    def _swapped(
        self, heard: Encoded, read: Encoded, symbols: Tensor, symbols_lengths: Tensor, words: Tensor, rows: Tensor
    ) -> Encoded:
        """States of audio; in the ``rows``, (Ba,) bool, some words have the states of their text instead."""
        assert self.ctc is not None
        found = [
            swap_words(self.ctc, states[:length], ids[:number], text, of_word, self.swap_rate if row else 0.0)
            for states, length, ids, number, text, of_word, row in zip(
                heard.states, heard.lengths.tolist(), symbols.tolist(), symbols_lengths.tolist(), read.states,
                words.cpu(), rows.tolist(), strict=True,
            )
        ]  # fmt: skip
        lengths = torch.tensor([len(row) for row in found], device=heard.lengths.device)
        return Encoded(nn.utils.rnn.pad_sequence(found, batch_first=True), lengths)

    def _consistency(self, heard: Decoded, read: Encoded, text: Tensor, lengths: Tensor) -> Tensor:
        """How far the decoder is from making the same of an utterance heard and read: (Ba,), summed over tokens.

        The cross entropy of the target read, the symmetric divergence of the two distributions of each token (nats),
        and the mean squared distance of the normalised states behind each block.
        """
        again = self._decode(read, text, lengths)
        size = again.logits.shape[1]
        one, other = (each.logits[: len(text), :size].log_softmax(-1) for each in (heard, again))
        divergence = 0.5 * ((one.exp() - other.exp()) * (one - other)).sum(-1)  # (Ba, L)
        for a, b in zip(heard.blocks, again.blocks, strict=True):
            a, b = (nn.functional.layer_norm(x[: len(text), :size], x.shape[-1:]) for x in (a, b))
            divergence = divergence + (a - b).square().mean(-1)
        inside = torch.arange(size, device=lengths.device) < lengths[:, None]
        return again.loss + (divergence * inside).sum(1)

    def _with_noise(self, encoded: Encoded) -> Encoded:
        if not (self.training and self.state_noise):
            return encoded
        size = encoded.states.square().mean(-1, keepdim=True).sqrt()
        return Encoded(encoded.states + self.state_noise * size * torch.randn_like(encoded.states), encoded.lengths)

    def _add_noise(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """(B, L) decoder inputs, some of them replaced by tokens drawn from the batch; task tokens stay."""
        positions = torch.arange(inputs.shape[1], device=inputs.device)
        tokens = inputs[(positions > 0) & (positions < lengths[:, None])]
        if not len(tokens):
            return inputs
        others = tokens[torch.randint(len(tokens), inputs.shape, device=inputs.device)]
        replaced = (torch.rand(inputs.shape, device=inputs.device) < self.token_noise) & (positions > 0)
        return torch.where(replaced, others, inputs)

    def _comparing_has_begun(self) -> bool:
        if not self.compares or not self.contrast_start:
            return self.compares
        self.batches += int(self.training)
        return int(self.batches) > self.contrast_start

    def _weights(self, tasks: Tensor) -> Tensor:
        weights = torch.ones(len(tasks), device=tasks.device)
        for task, task_id in self.task_ids.items():
            weights = torch.where(tasks == task_id, self.task_weights[task], weights)
        return weights

    def _statistics(self, tasks: Tensor, loss: Tensor, hits: Tensor, lengths: Tensor) -> dict[str, Tensor | None]:
        """Loss per example and accuracy per token, over all tasks and for each."""
        stats: dict[str, Tensor | None] = {"loss_att": loss.mean(), "acc": hits.sum() / lengths.sum()}
        for task, task_id in self.task_ids.items():
            of_task = (tasks == task_id).to(loss.dtype)
            count = of_task.sum()  # 0 / 0 is NaN, which ESPnet's reporter leaves out of its means
            stats[f"loss_{task}"] = (loss * of_task).sum() / count
            stats[f"acc_{task}"] = (hits * of_task).sum() / (lengths * of_task).sum()
        return stats


def _in_parts(
    encode: Callable[[Tensor, Tensor], Encoded], rows: Tensor, lengths: Tensor, parts: Sequence[int] | None
) -> Encoded:
    """Encode rows (B, S, …) part by part, each without the padding that only others need; states are padded again."""
    if parts is None or len(parts) == 1:
        return encode(rows, lengths)
    cut = zip(rows.split(list(parts)), lengths.split(list(parts)), strict=True)
    return _joined([encode(part[:, : int(of.max())], of) for part, of in cut])


def _joined(parts: Sequence[Encoded]) -> Encoded:
    """The rows of all parts, padded to the longest."""
    if len(parts) == 1:
        return parts[0]
    longest = max(part.states.shape[1] for part in parts)
    # Of audio and text together, only audio may have others below, which nothing reads.
    layers = zip(*((part.states, *part.below) for part in parts), strict=False)
    states, *below = [
        torch.cat([nn.functional.pad(x, (0, 0, 0, longest - x.shape[1])) for x in layer]) for layer in layers
    ]
    return Encoded(states, torch.cat([part.lengths for part in parts]), below)
