"""Stage 7: the decoder's token list and BPE model, the CTC's characters, the text encoder's tokenizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from espnet_atat.config.layout import DUMP
from espnet_atat.config.mixtures import MIXTURE_SEED
from espnet_atat.data.targets import targets_of
from espnet_atat.errors import UserError
from espnet_atat.strict_json import read_json
from espnet_atat.text.bpe import make_target_model
from espnet_atat.text.growth import grow_folder
from espnet_atat.text.tokenizer import target_words
from espnet_atat.text.wordpiece import save_wordpiece, train_wordpiece

if TYPE_CHECKING:
    from espnet_atat.steps.plan import Training

#: In a token list's identity: tags that validation has and training has not.
KNOWN_TAGS = "known_tags"


def make_tokens(training: "Training", work: Path) -> Mapping[str, int]:
    """Make the token folder of a phase: of its own mixture, or grown from its parent's."""
    targets = targets_of(training.mixtures.train, DUMP, MIXTURE_SEED)
    print(f"  read {len(targets)} targets of {len(training.mixtures.train)} parts of {training.mixtures.name}")
    targets += training.tokens.identity.get(KNOWN_TAGS, [])
    facts = _grow(training, targets, work) if training.grows else _train(training, targets, work)
    print(f"  wrote {work}: " + ", ".join(f"{count} {what}" for what, count in facts.items()))
    return facts


def _train(training: "Training", targets: list[str], folder: Path) -> dict[str, int]:
    config = training.token_config
    facts = make_target_model(targets, config["bpe_size"], folder)
    if config.get("wordpiece_size") is not None:
        tokens = train_wordpiece((" ".join(target_words(target)) for target in targets), config["wordpiece_size"])
        save_wordpiece(tokens, folder / "text_tokenizer")
        facts["text pieces"] = len(tokens)
    return facts


def _grow(training: "Training", targets: list[str], folder: Path) -> dict[str, int]:
    assert training.parent is not None
    old, new = grow_folder(training.parent.tokens.place, targets, folder, training.grow_bpe)
    facts = {"tokens": len(new.vocabulary), "new tokens": len(new.vocabulary) - len(old.vocabulary)}
    if training.grow_bpe is not None:
        facts["words split anew"] = len(new.grown_words) - len(old.grown_words)
    return facts


def check_text_tokenizer(training: "Training") -> None:
    """A tokenizer of our own must not give ids that the text encoder has no row for."""
    rows = ((training.config.get("text_encoder_conf") or {}).get("config") or {}).get("vocab_size")
    path = Path(training.text_tokenizer or "", "tokenizer.json")
    if rows is None or not path.is_file():
        return
    size = len(read_json(path)["model"]["vocab"])
    if size > rows:
        raise UserError(
            f"text_encoder_conf: config: vocab_size is {rows}, but {path.parent} has {size} pieces: raise it"
        )
