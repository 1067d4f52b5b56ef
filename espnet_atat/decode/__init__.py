"""From a trained model to trees: ESPnet's batched beam search, its scorers, and the constraint to valid trees.

Symbols in shape comments (those of ``espnet2.legacy.nets.batch_beam_search``):

====  ==========================================================================
B     utterances decoded together
K     beam size
H     hypotheses held of each utterance: K; of a single utterance, 1 at the first step
N     B * H hypotheses, utterance-major: hypothesis k of utterance b is b * H + k
L     tokens of a hypothesis so far, the task token included
S     encoder states, padded to the longest utterance of the batch
D     model dimension
V     decoder vocabulary
====  ==========================================================================
"""
