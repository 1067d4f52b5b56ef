"""Score predictions against references and give the content of ``metrics.json``.

The format of ``metrics.json``:

    form, espnet_atat     version of this format and of the package that wrote it
    kind                  ``trees`` or ``words``, as the reference is
    hypothesis            what counts as the hypothesis: ``frame`` or ``tags`` (see ``Hypothesis``); null for words
    reference, predicted  the files
    info                  further information from the caller, such as the text form
    utterances            number of utterances
    bootstrap             draws, seed and level of the intervals
    figures               key → title, value, numerator, denominator, utterances, interval, parts (see ``figures``)
    subsets               name → number of utterances and figures of a subset
    by_intent, by_slot    counts and shares (trees only)
    invalid               number of invalid predictions, and the errors of the first few, by id
    counts                utterance ids (sorted), the columns of counts that the figures are sums of, and the members
                          of each subset as positions in the ids: all that ``bin.compare`` needs
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from espnet_atat import __version__
from espnet_atat.errors import UserError
from espnet_atat.metrics.bracketing import NO_BRACKETS, as_top_reads, brackets, matching
from espnet_atat.metrics.breakdown import Breakdown
from espnet_atat.metrics.error_rates import edit_counts, load_bpe
from espnet_atat.metrics.figures import EDITS, measure
from espnet_atat.metrics.metrics_file import METRICS_FORM, write_metrics
from espnet_atat.metrics.predictions import Listing, check_same_ids, read_listing
from espnet_atat.metrics.semer import match_slots, semantic_errors
from espnet_atat.metrics.significance import CONFIDENCE, DRAWS, SEED
from espnet_atat.metrics.slu_f1 import slu_counts
from espnet_atat.semantics.frame import Frame, from_tree
from espnet_atat.semantics.tree import Tree, TreeError, is_tag, looks_like_tree, parse, strip_tags

#: What the hypothesis of a tree is: ``frame``, the intent and the multiset of (slot name, slot value); or ``tags``, the
#: intent and the multiset of slot names, no words. This is FSC's 3-tuple, where slot names contain the values
#: (``[SL:LOCATION_WASHROOM bathroom ]``).
Hypothesis = Literal["frame", "tags"]
HYPOTHESES: tuple[Hypothesis, ...] = get_args(Hypothesis)
#: What a valid tree, an exact match and a node of a prediction are: as METRICS of this project say, or as the scorer
#: that Facebook gives with TOP reads a line (``bracketing.as_top_reads``). All else is the same.
Scorer = Literal["strict", "top"]
SCORERS: tuple[Scorer, ...] = get_args(Scorer)
SCORER = "scorer"  # entry of ``info``, where it is not the strict one

INVALID_SHOWN = 20
Tokenise = Callable[[str], list[str]]


def score(
    ref: Mapping[str, str] | Listing,
    hyp: Mapping[str, str] | Listing,
    *,
    hypothesis: Hypothesis = "frame",
    scorer: Scorer = "strict",
    heard_words: Collection[str] | None = None,
    subsets: Mapping[str, Collection[str]] | None = None,
    bpemodel: str | Path | None = None,
    info: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Score predictions (id → tree or words) against references; an empty prediction is wrong.

    Args:
        ref: all trees or all plain words; which of the two is read off them. A listing that was read from a file lets
            messages name file and line.
        hyp: the same ids.
        scorer: of exact match, bracketing and tree validity; ``top`` is noted in ``info``.
        heard_words: adds the subsets ``heard`` (utterances whose reference words are all in it) and ``unheard``.
        subsets: name → ids of further subsets.
        bpemodel: sentencepiece model, for TER.
    """
    if hypothesis not in HYPOTHESES:
        raise UserError(f"unknown hypothesis {hypothesis!r}: choose {' or '.join(HYPOTHESES)}")
    if scorer not in SCORERS:
        raise UserError(f"unknown scorer {scorer!r}: choose {' or '.join(SCORERS)}")
    reference = ref if isinstance(ref, Listing) else Listing(ref, "references")
    predicted = hyp if isinstance(hyp, Listing) else Listing(hyp, "predictions")
    check_same_ids(reference, predicted)
    trees = references_are_trees(reference)
    tokenise = load_bpe(bpemodel) if bpemodel is not None else None
    utt_ids = sorted(reference.values)
    breakdown = Breakdown()
    invalid: dict[str, str] = {}
    table: list[dict[str, Any]] = []
    for utt_id in utt_ids:
        wanted, found = reference.values[utt_id], predicted.values[utt_id]
        equal = wanted.split() == found.split()  # as TOP is scored
        counts: dict[str, Any] = {"utterances": 1, "full_correct": int(equal)}
        if trees:
            tree = _reference_tree(reference, utt_id)
            try:
                guess = tree if counts["full_correct"] else parse(found)
            except TreeError as error:
                guess = None
                invalid[utt_id] = str(error)
            _count_tree(counts, tree, guess, hypothesis, breakdown)
            if scorer == "top":  # these anew, of the prediction as TOP's own scorer reads it
                read, tokens = as_top_reads(found), tree.tokens()
                counts |= {"full_correct": int(read == tokens), "valid": int(read is not None)}
                counts |= _count_nodes(tokens, read)
            counts |= count_edits(tree.words(), strip_tags(found), tokenise)
        else:
            counts |= count_edits(wanted.split(), found.split(), tokenise)
        table.append(counts)
    columns = {name: np.array([counts[name] for counts in table]) for name in table[0]}
    members = _subset_members(reference, utt_ids, heard_words, subsets or {})
    result = {
        "form": METRICS_FORM,
        "espnet_atat": __version__,
        "kind": "trees" if trees else "words",
        "hypothesis": hypothesis if trees else None,
        "reference": reference.name,
        "predicted": predicted.name,
        "info": dict(info or {}) | ({SCORER: scorer} if trees and scorer != "strict" else {}),
        "utterances": len(utt_ids),
        "bootstrap": {"draws": DRAWS, "seed": SEED, "level": CONFIDENCE},
        "figures": measure(columns),
        "subsets": {
            name: {
                "utterances": len(positions),
                "figures": measure({column: values[positions] for column, values in columns.items()}),
            }
            for name, positions in members.items()
        },
    }
    if trees:
        first = dict(list(invalid.items())[:INVALID_SHOWN])
        result |= {"by_intent": breakdown.by_intent(), "by_slot": breakdown.by_slot()}
        result["invalid"] = {"utterances": len(invalid), "first": first}
    result["counts"] = {
        "utt_ids": utt_ids,
        "columns": {name: values.tolist() for name, values in columns.items()},
        "subsets": members,
    }
    return result


def score_files(
    ref_path: str | Path | Sequence[str | Path],
    hyp_path: str | Path | Sequence[str | Path],
    output_path: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """:func:`score` of files; several a side are scored as one set, as the folds of a cross validation."""
    result = score(read_listing(ref_path), read_listing(hyp_path), **options)
    if output_path is not None:
        write_metrics(output_path, result)
    return result


def references_are_trees(reference: Listing) -> bool:
    first: dict[bool, str] = {}
    for utt_id, line in reference.values.items():
        first.setdefault(looks_like_tree(line), utt_id)
    if len(first) == 2:
        raise UserError(
            f"{reference.where(first[False])} is plain words {reference.values[first[False]]!r}, but "
            f"{reference.where(first[True])} is a tree; score trees and plain words apart"
        )
    return True in first


def count_edits(reference: list[str], predicted: list[str], tokenise: Tokenise | None) -> dict[str, int]:
    """Errors of words, of characters (spaces between words included), and of tokens on request."""
    sides = " ".join(reference), " ".join(predicted)
    by_unit = {"word": edit_counts(reference, predicted), "char": edit_counts(*sides)}
    if tokenise is not None:
        by_unit["token"] = edit_counts(tokenise(sides[0]), tokenise(sides[1]))
    return {
        f"{unit}_{name}": count
        for unit, edits in by_unit.items()
        for name, count in zip((*EDITS, "reference"), edits, strict=True)
    }


def read_hypothesis(tree: Tree, hypothesis: Hypothesis) -> Frame:
    frame = from_tree(tree)
    return frame.tags_only() if hypothesis == "tags" else frame


def _reference_tree(reference: Listing, utt_id: str) -> Tree:
    try:
        return parse(reference.values[utt_id])
    except TreeError as error:
        raise UserError(f"{reference.where(utt_id)} has a reference that is not a valid tree: {error}") from error


def _count_tree(
    counts: dict[str, Any], tree: Tree, guess: Tree | None, hypothesis: Hypothesis, breakdown: Breakdown
) -> None:
    """Add the counts that need trees; an invalid prediction (None) has no intent, no slots and no nodes."""
    frame, tokens = read_hypothesis(tree, hypothesis), tree.tokens()
    guessed, guessed_tokens = None, None
    alike = [guess is tree] * 2
    if guess is tree:  # most predictions are correct and need not be parsed
        guessed, guessed_tokens = frame, tokens
    elif guess is not None:
        guessed, guessed_tokens = read_hypothesis(guess, hypothesis), guess.tokens()
        alike = [
            tree.tokens(decoupled=True) == guess.tokens(decoupled=True),
            list(filter(is_tag, tokens)) == list(filter(is_tag, guessed_tokens)),
        ]
    guessed_slots = guessed.slots if guessed is not None else ()
    slots = match_slots(frame.slots, guessed_slots)
    counts |= {
        "valid": int(guess is not None),
        "intent_correct": int(guessed is not None and guessed.intent == frame.intent),
        "hypothesis_correct": int(guessed == frame),
        "decoupled_correct": int(alike[0]),
        "tags_correct": int(alike[1]),
        **{f"semantic_{edit}": n for edit, n in zip(EDITS, semantic_errors(frame, guessed, slots), strict=True)},
        "slots_matched": sum(match.matched for match in slots.values()),
        "slots_predicted": len(guessed_slots),
        "slots_reference": len(frame.slots),
        **slu_counts(frame.slots, guessed_slots),
        **_count_nodes(tokens, guessed_tokens),
    }
    breakdown.add(frame, guessed, counts, slots)


def _count_nodes(reference: list[str], predicted: list[str] | None) -> dict[str, int]:
    """Of two trees' tokens; None is an invalid prediction."""
    nodes = guessed = brackets(reference)
    if predicted is not reference:
        guessed = NO_BRACKETS if predicted is None else brackets(predicted)
    matched, subtrees_matched = matching(nodes, guessed)
    return {
        "nodes_matched": matched,
        "nodes_matched_trees": subtrees_matched,
        "nodes_predicted": guessed.nodes,
        "nodes_reference": nodes.nodes,
    }


def _subset_members(
    reference: Listing,
    utt_ids: list[str],
    heard_words: Collection[str] | None,
    subsets: Mapping[str, Collection[str]],
) -> dict[str, list[int]]:
    """Subset → positions of its utterances in ``utt_ids``."""
    members: dict[str, list[int]] = {}
    if heard_words is not None:
        known = frozenset(heard_words)
        heard = [known.issuperset(strip_tags(reference.values[utt_id])) for utt_id in utt_ids]
        members["heard"] = [position for position, is_heard in enumerate(heard) if is_heard]
        members["unheard"] = [position for position, is_heard in enumerate(heard) if not is_heard]
    positions = {utt_id: position for position, utt_id in enumerate(utt_ids)}
    for name, ids in subsets.items():
        if name in members:
            raise UserError(f"subset {name!r} is given twice; give each subset a name of its own")
        unknown = [utt_id for utt_id in ids if utt_id not in positions]
        if unknown:
            raise UserError(f"subset {name!r}: utterance {unknown[0]!r} is not in {reference.name}")
        members[name] = sorted({positions[utt_id] for utt_id in ids})
    return members
