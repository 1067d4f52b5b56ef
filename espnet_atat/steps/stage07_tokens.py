"""Stage 7: the decoder's token list and BPE model, the CTC's characters, the text encoder's tokenizer."""

from collections.abc import Mapping
from pathlib import Path

from espnet_atat.config.layout import DUMP
from espnet_atat.data.targets import targets_of
from espnet_atat.errors import UserError
from espnet_atat.steps.plan import KNOWN_TAGS, Training
from espnet_atat.strict_json import read_json
from espnet_atat.text.token_folder import grow_folder, train_folder


def make_tokens(training: Training, work: Path) -> Mapping[str, int]:
    """Make the token folder of a phase: of its own mixture, or grown from its parent's."""
    targets = targets_of(training.mixtures.train, DUMP)
    print(f"  read {len(targets)} targets of {len(training.mixtures.train)} parts of {training.mixtures.name}")
    targets += training.tokens.identity.get(KNOWN_TAGS, [])
    if training.grows:
        assert training.parent is not None
        facts = grow_folder(training.parent.tokens.place, targets, training.grow_bpe, work)
    else:
        config = training.token_config
        facts = train_folder(targets, config["bpe_size"], config.get("wordpiece_size"), work)
    print(f"  wrote {work}: " + ", ".join(f"{count} {what}" for what, count in facts.items()))
    return facts


def check_text_tokenizer(training: Training) -> None:
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
