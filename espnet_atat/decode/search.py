"""ESPnet's batched beam search, made to end when it should."""

import math

import torch

from espnet_atat.decode.constraint import FORBIDDEN_SCORE
from espnet_atat.decode.espnet_search import BatchBeamSearch, BatchHypothesis, Hypothesis

CONSTRAINT = "constraint"
LENGTH_BONUS = "length_bonus"


class UtteranceBeamSearch(BatchBeamSearch):
    """``BatchBeamSearch`` with other bookkeeping after each step; scores and pruning are ESPnet's.

    * With a constant cap on the length ESPnet's search has no end detection and walks to the cap. Here an utterance is
      done as soon as no running hypothesis can come among its ``nbest`` best: all scores but a length bonus are at most
      0, so a hypothesis only ever gets worse. That changes none of the ``nbest`` results. (With a length bonus above 0
      that bound comes late, and ESPnet's own criterion may stop the search before.)
    * A hypothesis that the constraint forbids is dropped at once, where the beam is wider than what is allowed.
    * An ended hypothesis keeps no states, and no utterance writes half a dozen lines to the log.

    Args:
        nbest: results wanted of each utterance.
        options: of ``BatchBeamSearch``.
    """

    def __init__(self, *, nbest: int, **options: object):
        super().__init__(**options)
        self.nbest = nbest
        self.bonus = max(0.0, self.weights.get(LENGTH_BONUS, 0.0))

    def _batch_select(self, hyps: BatchHypothesis, ids: list[int]) -> BatchHypothesis:
        # ESPnet copies all hypotheses of an utterance alone at every step, one by one.
        return hyps if len(ids) == len(hyps) else super()._batch_select(hyps, ids)

    def post_process(
        self,
        i: int,
        maxlen: int | list[int],
        minlen: int | list[int],
        maxlenratio: float,
        running_hyps: BatchHypothesis,
        ended_hyps: list[list[Hypothesis]],
    ) -> BatchHypothesis:
        if CONSTRAINT in self.scorers:
            allowed = (running_hyps.scores[CONSTRAINT] > FORBIDDEN_SCORE / 2).cpu()
            running_hyps = running_hyps.replace(active=running_hyps.active_mask() & allowed)
        running_hyps = super().post_process(
            i, maxlen, minlen, 0.0 if self.bonus else maxlenratio, running_hyps, ended_hyps
        )
        caps = maxlen if isinstance(maxlen, list) else [maxlen] * running_hyps.n_utt
        done = running_hyps.done_mask() | self._settled(running_hyps, ended_hyps, [cap - 1 - i for cap in caps])
        return running_hyps.replace(done=done)

    def _settled(self, running: BatchHypothesis, ended: list[list[Hypothesis]], left: list[int]) -> torch.Tensor:
        """Whether the best results of each utterance are final: (B,) bool. ``left``: steps to its cap."""
        if not len(running):  # an utterance alone, whose hypotheses have all ended
            return torch.ones(running.n_utt, dtype=torch.bool)
        if all(len(hypotheses) < self.nbest for hypotheses in ended):
            return torch.zeros(running.n_utt, dtype=torch.bool)
        scores = running.score
        if running.active is not None:
            scores = scores.masked_fill(~running.active.to(scores.device), -math.inf)  # (N,)
        best_running = scores.view(running.n_utt, -1).amax(1).tolist()
        settled = []
        for hypotheses, score, steps in zip(ended, best_running, left, strict=True):
            final = sorted((hypothesis.score for hypothesis in hypotheses), reverse=True)[: self.nbest]
            settled.append(len(final) == self.nbest and final[-1] >= score + self.bonus * steps)
        return torch.tensor(settled)

    @staticmethod
    def _release(hyp: Hypothesis) -> Hypothesis:
        """What is kept of an ended hypothesis: its tokens and scores."""
        scores = {name: float(score) for name, score in hyp.scores.items()}
        return hyp._replace(yseq=hyp.yseq.clone(), score=float(hyp.score), scores=scores, states={}, hs=[])

    def _log_best(self, b: int | None, nbest: list[Hypothesis], maxlen: int) -> None:
        pass
