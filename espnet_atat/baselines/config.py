"""Options of the two taggers, and whether the packages of the extra ``baselines`` are installed.

What each tagger is good for is in ``crf`` and ``bilstm_crf``, which are imported only once ``check_tagger`` has found
their package: before there is work that would be lost.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from espnet_atat.arguments import check_ranges, option
from espnet_atat.errors import UserError

REFUSED: Literal["refuse"] = "refuse"
OUTERMOST: Literal["outermost"] = "outermost"
ABOUT_NESTED = "a word has one tag, so trees of nested slots are refused, or cut to the outermost"
INSTALL = "pip install -c constraints.txt sklearn-crfsuite pytorch-crf faster-whisper (the extra baselines)"


@dataclass(frozen=True, kw_only=True)
class CrfConfig:
    """Linear-chain CRF by crfsuite's L-BFGS, which draws nothing at random."""

    c1: float = option(0.1, "weight of the L1 penalty, which empties most features", least=0, most=1e6)
    c2: float = option(0.1, "weight of the L2 penalty", least=0, most=1e6)
    max_iterations: int = option(
        100, "iterations of L-BFGS, for the tagger and for the intent classifier", least=1, most=1_000_000
    )
    nested: Literal["refuse", "outermost"] = option(REFUSED, ABOUT_NESTED, choices=(REFUSED, OUTERMOST))

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class BilstmConfig:
    """BiLSTM-CRF with an intent head."""

    embed_size: int = option(128, "units of a word's embedding", least=1, most=65_536)
    hidden_size: int = option(128, "units of the LSTM in each direction", least=1, most=65_536)
    dropout: float = option(0.5, "before and after the LSTM", least=0, most=0.95)
    unknown: float = option(
        0.25, "a word seen n times is read as unknown with probability unknown / (unknown + n)", least=0, most=1e6
    )
    epochs: int = option(15, "passes over the examples", least=1)
    batch_size: int = option(32, "sentences", least=1)
    lr: float = option(2e-3, "learning rate at the start; it falls linearly to 0", least=0, most=1e3)
    seed: int = option(1, "seed of weights, order and dropout", least=0, most=2**32 - 1)
    pretrain_epochs: int = option(0, "passes over the text of --pretrain_dirs, before", least=0)
    nested: Literal["refuse", "outermost"] = option(REFUSED, ABOUT_NESTED, choices=(REFUSED, OUTERMOST))

    def __post_init__(self) -> None:
        check_ranges(self)


Config = CrfConfig | BilstmConfig

#: Name of a tagger, on the command line and in ``model.json``, → class of its options.
CONFIGS: dict[str, type[CrfConfig] | type[BilstmConfig]] = {"crf": CrfConfig, "bilstm_crf": BilstmConfig}

#: Name of a tagger → module and package that it needs.
NEEDS = {"crf": ("sklearn_crfsuite", "sklearn-crfsuite"), "bilstm_crf": ("torchcrf", "pytorch-crf")}


def check_tagger(name: str) -> None:
    """Look for a tagger's package; nothing is imported."""
    module, package = NEEDS[name]
    if find_spec(module) is None:
        raise UserError(f"the tagger {name} needs {package}: {INSTALL}")
