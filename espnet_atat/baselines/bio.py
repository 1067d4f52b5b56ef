"""Flat trees as one tag per word and one class per sentence, and back.

``[IN:PLAY_MUSIC play [SL:SONG paper moon ] ]`` is the tags ``O B-SONG I-SONG`` and the class ``[IN:PLAY_MUSIC ]``.
A slot that no word speaks is part of the class: ``[IN:INCREASE louder please [SL:OBJECT_VOLUME ] ]`` has the class
``[IN:INCREASE [SL:OBJECT_VOLUME ] ]``, a tree without words. On the way back such slots come at the end, where the
rules of Fluent Speech Commands have them; everything else comes back as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_atat.baselines.config import OUTERMOST, REFUSED
from espnet_atat.datadir import DataDir
from espnet_atat.errors import UserError
from espnet_atat.metrics.predictions import read_listing
from espnet_atat.semantics import frame
from espnet_atat.semantics.frame import Span
from espnet_atat.semantics.tree import Tree, TreeError, parse

OUTSIDE = "O"
BEGIN = "B-"
INSIDE = "I-"


@dataclass(frozen=True)
class Tagging:
    """The output of a tagger and a classifier for a sentence."""

    intent: str  # the class: the tree without its words and without the slots that words speak
    tags: tuple[str, ...]  # O, B-NAME or I-NAME of each word


@dataclass(frozen=True)
class TaggedSentence:
    """A transcript and what it means."""

    words: tuple[str, ...]
    tagging: Tagging


def tags_of_tree(tree: Tree, nested: str = REFUSED) -> TaggedSentence:
    """Words, tags and class of a valid tree; of a nested one, which may be refused, those of its outermost slots.

    Raises:
        TreeError: a nested tree, and ``nested`` is ``refuse``.
    """
    words: list[str] = []
    tags: list[str] = []
    unspoken: list[Span] = []
    for child in tree.children:
        if isinstance(child, str):
            words.append(child)
            tags.append(OUTSIDE)
            continue
        spoken = child.words()
        inner = next((node.label for node in child.children if isinstance(node, Tree)), None)
        if inner is not None and nested == REFUSED:
            raise TreeError(f"nested tree: [{inner} is inside [{child.label}, but a word has only one tag")
        if not spoken:
            unspoken.append(Span(child.name, 0, 0))
        words.extend(spoken)
        tags.extend((BEGIN if position == 0 else INSIDE) + child.name for position in range(len(spoken)))
    return TaggedSentence(tuple(words), Tagging(frame.to_tree(tree.name, (), unspoken).serialise(), tuple(tags)))


def tree_of_tags(words: Sequence[str], tagging: Tagging) -> Tree:
    """The flat tree of a sentence; stripping its tags gives ``words`` back."""
    if len(words) != len(tagging.tags):
        raise ValueError(f"{len(tagging.tags)} tags for {len(words)} words")
    known = parse(tagging.intent)
    unspoken = [Span(slot.name, len(words), len(words)) for slot in known.slots()]
    return frame.to_tree(known.name, words, spans(tagging.tags) + unspoken)


def spans(tags: Sequence[str]) -> list[Span]:
    """The slots that tags describe; an ``I-`` that continues nothing opens a slot, as CoNLL's scorer reads it."""
    found: list[Span] = []
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        name = tag[len(BEGIN) :]
        if tag.startswith(INSIDE) and found and found[-1].name == name and found[-1].end == position:
            found[-1] = found[-1]._replace(end=position + 1)
        else:
            found.append(Span(name, position, position + 1))
    return found


def read_examples(data_dirs: Sequence[str | Path], nested: str = REFUSED) -> list[TaggedSentence]:
    """The targets of data dirs by id in C order, one dir after the other; see :func:`tags_of_tree`."""
    examples = []
    for data_dir in data_dirs:
        path = Path(data_dir) / "target"
        if not path.is_file():
            raise UserError(
                f"{data_dir}: no file 'target'; a tagger learns from trees, so give a data dir that has them"
            )
        DataDir.load(data_dir)  # files that belong together
        targets = read_listing(path)
        if not targets.values:
            raise UserError(f"{path}: there are no utterances")
        for utt_id, line in sorted(targets.values.items()):
            try:
                examples.append(tags_of_tree(parse(line), nested))
            except TreeError as error:
                mend = f"leave such utterances out, or train with nested: {OUTERMOST}"
                raise UserError(f"{targets.where(utt_id)}: {error}; {mend}") from error
    return examples


def read_sentences(data_dirs: Sequence[str | Path]) -> list[list[str]]:
    """The words of data dirs' texts, by id in C order, one dir after the other; empty texts are left out."""
    sentences: list[list[str]] = []
    for data_dir in data_dirs:
        DataDir.load(data_dir)
        text = read_listing(Path(data_dir) / "text")
        found = [line.split() for _, line in sorted(text.values.items()) if line]
        if not found:
            raise UserError(f"{text.name}: no words in it")
        sentences.extend(found)
    return sentences
