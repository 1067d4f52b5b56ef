"""The perplexity of a text, by ESPnet's own language model task."""

from pathlib import Path

from espnet2.bin import lm_calc_perplexity

from espnet_atat.datadir import read_two_column


def measure_perplexity(
    train_config: Path, model_file: Path, text: Path, output_dir: Path, device: str = "cpu"
) -> tuple[float, int]:
    """Perplexity per token of a text (sentence id, tokens of the model), and the number of tokens.

    The end of a sentence counts as a token. ESPnet's files go to ``output_dir``: ``ppl``, and ``utt2ppl``.
    """
    options = [
        *("--train_config", str(train_config), "--model_file", str(model_file), "--output_dir", str(output_dir)),
        *("--data_path_and_name_and_type", f"{text},text,text", "--batch_size", "32", "--num_workers", "0"),
        *("--ngpu", str(int(device == "cuda"))),
    ]
    lm_calc_perplexity.main(options)
    tokens = sum(int(count) for count in read_two_column(output_dir / "utt2ntokens").values())
    return float((output_dir / "ppl").read_text(encoding="utf-8")), tokens
