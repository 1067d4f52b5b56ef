"""A folder of good inputs of every kind, which the rows of the table spoil one at a time."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from contextlib import chdir, redirect_stdout
from pathlib import Path

import kaldiio
import numpy as np
import sentencepiece

from espnet_atat.bin import pipeline, score, token_list
from espnet_atat.corpora.mini import SETS
from espnet_atat.datadir import DataDir
from espnet_atat.report.archives import write_archive
from tests.baselines.corpus import TARGETS
from tests.corpora.conftest import write_fsc, write_lines, write_noise, write_snips, write_wordnet
from tests.steps.world import make_world, write_recipe
from tests.steps.world import write_set as write_words

TREES = {
    "s-1": "[IN:PLAY play [SL:SONG blue moon ] ]",
    "s-2": "[IN:STOP stop ]",
    "s-3": "[IN:PLAY play [SL:SONG rain ] now ]",
    "t-1": "[IN:STOP stop it ]",
}
TEXT = {"s-1": "play blue moon", "s-2": "stop", "s-3": "play rain now", "t-1": "stop it"}
TABLE = {
    "title": "t", "recipe": "toy", "rows": [], "figures": [], "stage_times": {}, "note": None, "remarks": [],
    "baseline": {}, "cited": [], "paper": None,
}  # fmt: skip
MANIFEST = "form: 1\nname: toy\ntasks: {speech: slu, text_in: nlu}\n"
META = "files: {model_file: exp/model.pth}\nyaml_files: {train_config: exp/config.yaml}\n"
#: Members of a package that is well formed, with weights that are none.
PACKAGE = {
    "meta.yaml": META,
    "atat.yaml": MANIFEST,
    "exp/config.yaml": "token_list: [<blank>, a]\n",
    "exp/model.pth": "no weights",
}


def zip_of(
    members: Iterable[tuple[str | zipfile.ZipInfo, bytes | str]], compression: int = zipfile.ZIP_STORED
) -> bytes:
    """A zip of members, one after the other, whatever their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def special(name: str, mode: int) -> tuple[zipfile.ZipInfo, str]:
    """A member that is no plain file, as its mode says."""
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    return member, "x"


def make_good(root: Path) -> None:
    """Write everything below ``root``, which is the working directory of the rows."""
    make_world(root)
    with chdir(root):
        _data_dirs()
        _scores()
        _corpora(Path("corpora"))
        _recipes()
        with redirect_stdout(io.StringIO()):
            token_list.main(["--targets", "data/train/target", "--output_dir", "tokens", "--bpe_size", "30"])
            for each in ("train", "test"):
                words = {f"u{number}": tree for number, tree in enumerate(TARGETS)}
                write_words(Path("data", f"flat_{each}"), words)
            pipeline.main(["train", "crf", "--data_dirs", "data/flat_train", "--output_dir", "crf"])


def _data_dirs() -> None:
    for number, utt in enumerate(TEXT):
        write_noise(Path("audio", f"{utt}.wav"), seed=number)
    write_noise(Path("audio/8k.wav"), rate=8000)
    write_noise(Path("audio/stereo.wav"), channels=2)
    for name in ("train", "test"):
        DataDir(
            text=TEXT,
            target=TREES,
            wav={utt: f"audio/{utt}.wav" for utt in TEXT},
            utt2spk={utt: utt.partition("-")[0] for utt in TEXT},
        ).write(f"data/{name}")
    DataDir(text=TEXT, target=TREES).write("data/words")
    lines = []
    for utt, text in TEXT.items():
        words = text.split()
        times = [{"start": 0.3 * n / len(words), "end": 0.3 * (n + 1) / len(words)} for n in range(len(words))]
        entries = [{"word": word, **each, "case": "success"} for word, each in zip(words, times, strict=True)]
        lines.append(json.dumps({"utt_id": utt, "words": entries}))
    write_lines(Path("align.jsonl"), lines)


def _scores() -> None:
    write_lines(Path("ref"), (f"{utt} {tree}" for utt, tree in TREES.items()))
    write_lines(Path("hyp"), (f"{utt} {TREES['s-2']}" for utt in TREES))
    write_lines(Path("ids"), ["s-1", "s-2"])
    with redirect_stdout(io.StringIO()):
        for name in ("a", "b"):
            score.main(f"--ref ref --hyp hyp --output {name}.json --subset mine=ids".split())
    Path("table.json").write_text(json.dumps(TABLE))
    Path("page.md").write_text("<!-- table table: made by bin.table -->\n<!-- end of table table -->\n")
    write_archive(Path("table.jsonl.xz"), {"tables/table.json": json.dumps(TABLE)})
    kaldiio.save_ark("feats.ark", {"s-1": np.ones((3, 80), np.float32)}, scp="feats.scp")
    Path("package.zip").write_bytes(zip_of(PACKAGE.items()))


def _corpora(root: Path) -> None:
    write_fsc(root / "fsc", speakers=3)
    write_snips(root / "snips")
    write_wordnet(root / "wordnet")
    for part, folder, number in (("train", "an4_clstk", 4), ("test", "an4test_clstk", 1)):
        names = [f"{folder}/spk{n}/an{n}-spk{n}-b" for n in range(number)]
        write_lines(root / f"an4/etc/an4_{part}.fileids", names)
        stems = (name.rpartition("/")[2] for name in names)
        write_lines(root / f"an4/etc/an4_{part}.transcription", (f"<s> GO ON </s> ({stem})" for stem in stems))
        for name in names:
            write_noise(root / "an4/wav" / f"{name}.wav")
    chapter = root / "LibriSpeech/test-clean/7/9"
    write_lines(chapter / "7-9.trans.txt", ["7-9-0000 GO ON", "7-9-0001 STOP"])
    for number in range(2):
        write_noise(chapter / f"7-9-000{number}.flac")
    write_lines(root / "LibriSpeech/SPEAKERS.TXT", [";ID", "7 | F | test-clean | 1.0 | Ann"])
    for part in ("train", "eval", "test"):
        write_lines(root / f"top/{part}.tsv", ["Stop it\tStop it\t[IN:STOP Stop it ]"])
        head = "domain\tutterance\tsemantic_parse"
        write_lines(root / f"topv2/music_{part}.tsv", [head, "music\tStop it\t[IN:STOP Stop it ]"])
        head = "file_id\tdomain\tutterance\tseqlogical"
        write_lines(root / f"stop/manifests/{part}.tsv", [head, f"{part}/1.wav\tmusic\tstop\t[IN:STOP stop ]"])
        write_noise(root / f"stop/{part}/1.wav")
    for name in SETS:
        voice = "" if name.endswith("text") else name.partition("_")[0]
        row = f"{name}-1\t{voice}\t1.0\tstop it\t[IN:STOP stop it ]"
        write_lines(root / f"mini/{name}.tsv", ["utt_id\tvoice\tspeed\twords\ttree", row])
        if voice:
            write_noise(root / f"mini/audio/{name}/{name}-1.wav").rename(root / f"mini/audio/{name}/{name}-1.ogg")
    split = {"s-1": "train", "s-2": "dev", "s-3": "test"}
    rows = [f"../audio/{utt}.wav,{TEXT[utt]},{TREES[utt]},{part}" for utt, part in split.items()]
    write_lines(root / "mine.csv", ["audio,transcript,tree,split", *rows])
    write_lines(root / "mine.tsv", [row.replace(",", "\t") for row in ["audio,transcript,tree,split", *rows]])
    objects = ({"audio": f"../audio/{utt}.wav", "transcript": TEXT[utt], "split": part} for utt, part in split.items())
    write_lines(root / "mine.jsonl", map(json.dumps, objects))
    (root / "corpus.zip").write_bytes(zip_of([("corpus/readme.txt", "hello")]))
    with tarfile.open(root / "corpus.tar.gz", "w:gz") as tar:
        tar.add(root / "mine.csv", "corpus/mine.csv")


def _recipes() -> None:
    """A recipe for each corpus, whose data scripts are not run; and a sentencepiece model of somebody else."""
    write_recipe(Path(), "mine", {"recipe.yaml": "corpus: corpora/mine.csv"})
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.values()), model_prefix="other", vocab_size=30, hard_vocab_limit=False,
        minloglevel=2,
    )  # fmt: skip
