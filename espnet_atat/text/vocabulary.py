"""The decoder's token list: control and task tokens, whole tags, then word pieces.

The front is fixed, and the list grows only at its end::

    <blank> <unk> <eos> <asr> <slu> <mlm> <nlu>  |  tags  |  word pieces  |  tokens of a later corpus …

so that the rows of a checkpoint keep their meaning when the vocabulary grows (paper, *Finetuning Phase*).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from espnet_atat.atomic import atomic_write
from espnet_atat.bounded import read_whole
from espnet_atat.errors import UserError, naming

BLANK = "<blank>"
UNKNOWN = "<unk>"
EOS = "<eos>"

#: The modality of the source that each task reads (paper, Figure 1).
TASK_SOURCE: Mapping[str, str] = {"asr": "speech", "slu": "speech", "mlm": "speech", "nlu": "text_in"}
TASKS: tuple[str, ...] = tuple(TASK_SOURCE)


def task_token(task: str) -> str:
    """The BOS token that asks the decoder for ``task``."""
    if task not in TASK_SOURCE:
        raise UserError(f"unknown task {task!r}: the tasks are {', '.join(TASKS)}")
    return f"<{task}>"


def task_labels(task: str) -> tuple[str, ...]:
    """The tasks of a label: one, or those of an ensemble, as ``nlu+slu``."""
    return tuple(task.split("+"))


CONTROL_TOKENS: tuple[str, ...] = (BLANK, UNKNOWN, EOS, *(task_token(task) for task in TASKS))


@dataclass(frozen=True)
class Vocabulary:
    """An immutable token list: :data:`CONTROL_TOKENS` first; no token twice, none empty or with white space."""

    tokens: tuple[str, ...]
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.tokens[: len(CONTROL_TOKENS)] != CONTROL_TOKENS:
            raise UserError(
                f"a token list starts with {' '.join(CONTROL_TOKENS)}, this one with "
                f"{' '.join(self.tokens[: len(CONTROL_TOKENS)])!r}: make it with bin.token_list"
            )
        object.__setattr__(self, "_ids", {})
        for line, token in enumerate(self.tokens, 1):
            if not token or token.split() != [token]:
                raise UserError(f"token list, line {line}: {token!r} is empty or holds white space")
            if self._ids.setdefault(token, line - 1) != line - 1:
                raise UserError(f"token list, line {line}: {token!r} occurs twice")

    @classmethod
    def build(cls, tags: Iterable[str], pieces: Iterable[str]) -> "Vocabulary":
        """Put control tokens, sorted tags and pieces (in the order given) into one list."""
        tags = sorted(set(tags))
        taken = {*CONTROL_TOKENS, *tags}
        return cls((*CONTROL_TOKENS, *tags, *(piece for piece in dict.fromkeys(pieces) if piece not in taken)))

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read a token list, one token a line."""
        try:
            with naming(path):
                return cls(tuple(read_whole(path).decode("utf-8").splitlines()))
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8: make the token list again") from error

    def save(self, path: str | Path) -> None:
        """Write one token a line, atomically."""
        with atomic_write(path) as handle:
            handle.writelines(f"{token}\n" for token in self.tokens)

    def grow(self, tokens: Iterable[str]) -> "Vocabulary":
        """A vocabulary with unseen ``tokens`` appended in order; every old token keeps its id."""
        return Vocabulary(tuple(dict.fromkeys((*self.tokens, *tokens))))

    def extends(self, other: "Vocabulary") -> bool:
        """Whether this list is ``other`` followed by new tokens (or nothing)."""
        return self.tokens[: len(other)] == other.tokens

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Ids of tokens, that of ``<unk>`` for one that is not in the list."""
        return [self._ids.get(token, self.unknown_id) for token in tokens]

    def spell(self, token: str) -> list[str]:
        """The token itself; a word that is none is split, from its start, into the longest tokens, or else characters.

        They need not be those of the BPE model, which a trained model does not bring.

        >>> Vocabulary.build([], ["▁mo", "o", "on"]).spell("▁moony")
        ['▁mo', 'on', 'y']
        """
        tokens: list[str] = []
        while token:
            end = next((end for end in range(len(token), 1, -1) if token[:end] in self), 1)
            tokens.append(token[:end])
            token = token[end:]
        return tokens

    def task_id(self, task: str) -> int:
        return self._ids[task_token(task)]

    @property
    def task_ids(self) -> dict[str, int]:
        """Task name to the id of its BOS token."""
        return {task: self.task_id(task) for task in TASKS}

    @property
    def unknown_id(self) -> int:
        return self._ids[UNKNOWN]

    @property
    def eos_id(self) -> int:
        return self._ids[EOS]
