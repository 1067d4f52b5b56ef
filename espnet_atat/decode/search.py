"""ESPnet's batched beam search, with end detection and cheaper steps."""

import math
from typing import Any

import torch
from torch import Tensor

from espnet_atat.decode.constraint import FORBIDDEN_SCORE
from espnet_atat.model.espnet import BatchBeamSearch, BatchHypothesis, Hypothesis

CONSTRAINT = "constraint"
LENGTH_BONUS = "length_bonus"
EMPTY_SCORE = -1.0e10  # ESPnet's, of a slot without a hypothesis


class UtteranceBeamSearch(BatchBeamSearch):
    """``BatchBeamSearch`` with its step and the bookkeeping after it rewritten; scores and pruning are ESPnet's.

    * With a cap of its own on the length ESPnet's search has no end detection and walks to it. Here an utterance is
      done as soon as no running hypothesis can come among its ``nbest`` best: all scores but a length bonus are at most
      0, so a hypothesis only ever gets worse. That changes none of the ``nbest`` results. (With a length bonus above 0
      that bound comes late, and ESPnet's own criterion may stop the search before.)
    * A hypothesis that the constraint forbids is dropped at once.
    * A step is a third of the operations, which are what a single utterance waits for: numbers cross from tensors to
      Python once, and an ended hypothesis of a single utterance keeps its slot, as in a batch.

    Args:
        nbest: results returned for each utterance.
        caps: tokens that a hypothesis of each utterance may have, ``<eos>`` included; ESPnet's ratios go unused.
        options: of ``BatchBeamSearch``.
    """

    def __init__(self, *, nbest: int, caps: list[int], **options: Any):
        super().__init__(**options)
        self.nbest = nbest
        self.caps = caps
        self.bonus = max(0.0, self.weights.get(LENGTH_BONUS, 0.0))

    def search(self, running_hyps: BatchHypothesis, x: Tensor, **options: Any) -> BatchHypothesis:
        """The K best hypotheses of each utterance, a token longer: running hypotheses (N) -> (B * K)."""
        if self.part_scorers:
            best: BatchHypothesis = super().search(running_hyps, x, **options)
            return best
        running, utterances, device = running_hyps, running_hyps.n_utt, x.device
        scores, states = self.score_full(running, x)
        # ESPnet makes an utterance's first hypothesis, and the first mask of a batch, on the CPU.
        total = running.score.to(device).unsqueeze(1)  # (N, 1), then (N, V)
        for name, score in scores.items():
            total = total + self.weights[name] * score
        if running.active is not None:
            total.masked_fill_(~running.active.to(device).unsqueeze(1), EMPTY_SCORE)
        score, chosen = total.view(utterances, -1).topk(self.beam_size)  # (B, K): hypothesis * V + token
        flat = chosen.view(-1)
        if utterances > 1:
            offsets = torch.arange(utterances, device=device) * (running.n_hyp_per_utt * self.n_vocab)
            flat = (chosen + offsets.unsqueeze(1)).view(-1)
        parents = flat // self.n_vocab
        tokens = flat - parents * self.n_vocab
        return BatchHypothesis(
            yseq=torch.cat((running.yseq.index_select(0, parents), tokens.unsqueeze(1)), 1),
            score=score.view(-1),
            length=torch.full_like(parents, running.yseq.size(1) + 1),
            scores={
                name: running.scores[name].to(device).index_select(0, parents) + score.reshape(-1).index_select(0, flat)
                for name, score in scores.items()
            },
            states={
                name: self._select_states(self.full_scorers[name], state, parents, None, chosen, True)
                for name, state in states.items()
            },
            n_utt=utterances,
            done=running.done,
        )

    def post_process(
        self,
        i: int,
        maxlen: list[int],
        minlen: list[int],
        maxlenratio: float,
        running_hyps: BatchHypothesis,
        ended_hyps: list[list[Hypothesis]],
    ) -> BatchHypothesis:
        """Set ended hypotheses aside, and say which slots still hold one and which utterances are done."""
        running = running_hyps
        scores, last = running.score.tolist(), running.yseq[:, -1].tolist()
        active = [score > EMPTY_SCORE / 2 for score in scores]
        if CONSTRAINT in self.scorers:
            allowed = [score > FORBIDDEN_SCORE / 2 for score in running.scores[CONSTRAINT].tolist()]
            active = [a and b for a, b in zip(active, allowed, strict=True)]
        done = running.done_mask().tolist()
        for b, ended in enumerate(ended_hyps):
            slots = range(b * running.n_hyp_per_utt, (b + 1) * running.n_hyp_per_utt)
            cut = i == maxlen[b] - 1
            for j in slots:
                if active[j] and not done[b] and (cut or last[j] == self.eos):
                    ended.append(self._ended(running, j, cut))
                    active[j] = False
            best = max((scores[j] for j in slots if active[j]), default=-math.inf)
            done[b] = done[b] or cut or self._settled(ended, best, i, maxlen[b] - 1 - i)
            if done[b]:
                active[slots.start : slots.stop] = [False] * len(slots)
        mask = None if all(active) else torch.tensor(active, device=running.score.device)
        return running.replace(active=mask, done=torch.tensor(done))

    def _ended(self, running: BatchHypothesis, j: int, cut: bool) -> Hypothesis:
        """What is kept of an ended hypothesis: its tokens and scores. At the cap ESPnet appends another ``<eos>``."""
        tokens = running.yseq[j]
        return Hypothesis(
            yseq=self.append_token(tokens, self.eos) if cut else tokens,
            score=float(running.score[j]),
            scores={name: float(score[j]) for name, score in running.scores.items()},
        )

    def _settled(self, ended: list[Hypothesis], best: float, i: int, left: int) -> bool:
        """Whether the best results are final, with the best running hypothesis' score, ``left`` steps to the cap."""
        if self.bonus and self.end_detected(ended, i):
            return True
        final = sorted((hypothesis.score for hypothesis in ended), reverse=True)[: self.nbest]
        return best == -math.inf or (len(final) == self.nbest and final[-1] >= best + self.bonus * left)

    def _length_bounds(self, *_: object) -> tuple[list[int], list[int]]:
        """Most and fewest tokens of each utterance."""
        return self.caps, [0] * len(self.caps)

    def _select_states(self, scorer: Any, *arguments: Any) -> Any:
        *most, batch_select = arguments
        # ESPnet would select one by one at the first step, whose one hypothesis becomes K: its CTC needs that.
        return super()._select_states(scorer, *most, batch_select or scorer in self.full_scorers.values())

    def _log_best(self, b: int | None, nbest: list[Hypothesis], maxlen: int) -> None:
        """ESPnet writes half a dozen lines for each utterance."""
