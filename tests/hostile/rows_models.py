"""Commands that load a model: one toy, as ``run`` and as ``model.zip``. Importing ESPnet takes 15 s, so these are slow."""

import io
import zipfile
from pathlib import Path

import numpy as np

from tests.hostile.rows_data import AUDIO, SOUND, wav

HEAR = f"atat understand {SOUND} --model model.zip"
READ = "atat understand --text stop --model model.zip"
DECODE = "atat_inference --train_config run/config.yaml --model_file run/valid.acc.ave.pth --output_dir out"
TOY = f"{DECODE} --data_dir dump/toy/test"
PACK = "pack --train_config run/config.yaml --model_file run/valid.acc.ave.pth --outpath out.zip"


def repacked(**changed: bytes | None):
    """model.zip with members replaced, added or (None) left out; ``__`` is a slash, ``_`` a dot."""

    def change(content: bytes) -> bytes:
        names = {key.replace("__", "/").replace("_", "."): value for key, value in changed.items()}
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
            for name in [*old.namelist(), *(name for name in names if name not in old.namelist())]:
                if (value := names.get(name, old.read(name) if name in old.namelist() else None)) is not None:
                    new.writestr(name, value)
        return file.getvalue()

    return change


def torn(path: str, size: int):
    return {path: lambda old: old[:size]}


ROWS: list = [
    (f"understand, {name}", HEAR, files, wanted)
    for name, (files, wanted) in AUDIO.items()
    if name not in ("several channels", "a folder", "no path", "a pipe")
]
ROWS += [
    (f"{call} {options}", f"{call} {options}", {}, wanted)
    for call, options, wanted in (
        (HEAR, "--beam_size 0", "beam_size"),
        (HEAR, "--nbest 0", "nbest"),
        (HEAR, "--nbest 99", "more than the 30 tokens of the vocabulary"),
        (HEAR, "--ctc_weight 2", "ctc_weight"),
        (HEAR, "--ctc_weight nan", "ctc_weight"),
        (HEAR, "--lm_weight 0.5", "lm_weight"),
        (HEAR, "--task sing", "unknown task 'sing'"),
        (HEAR, "--task nlu+asr", "an ensemble has labels for trees (slu, nlu) or for words"),
        (HEAR, "--vad loud", "vad"),
        (HEAR, "--vad_margin -1", "vad_margin"),
        (HEAR, "--vad_margin 1e308", "vad_margin"),
        (HEAR, "--vad none --vad_margin 1", "vad_margin goes with vad"),
        ("atat understand --model model.zip", "--text ''", "no word in it"),
        ("atat understand --model model.zip", "--text ...", "no word in it"),
        ("atat transcribe audio --model model.zip", "", "audio"),
        ("atat transcribe nowhere.wav --model model.zip", "", "nowhere.wav"),
        (TOY, "--beam_size 0", "beam_size"),
        (TOY, "--nbest 9 --beam_size 2", "nbest"),
        (TOY, "--maxlen 0", "maxlen"),
        (TOY, "--penalty nan", "penalty"),
        (TOY, "--task sing", "unknown task 'sing'"),
        (TOY, "--vad loud", "vad"),
        (TOY, "--vad_margin 1", "vad_margin goes with vad"),
        (TOY, "--lm_weight 0.3", "lm"),
        (TOY, "--source speech --task nlu+asr", "an ensemble"),
        (DECODE, "--data_dir nowhere", "nowhere"),
        (DECODE, "--data_dir dump/toy/words", "dump/toy/words: neither feats.scp nor wav.scp: run stage 6"),
        (DECODE, "--data_path_and_name_and_type dump/toy/test/text,speech,text", "text"),
        (DECODE, "--data_path_and_name_and_type nowhere,text_in,text", "nowhere"),
        (PACK, "--metrics ref", "ref"),
        (PACK, "--trained_on mini", "--trained_on mini: expected TASK:SET"),
        (PACK, "--inference_config ref", "ref"),
        (PACK, "--license_file nowhere", "nowhere"),
        (PACK.replace("out.zip", "out.tar"), "", "out.tar: a package is a zip"),
        (PACK.replace("run/valid.acc.ave.pth", "ref"), "", "ref"),
        (PACK.replace("run/config.yaml", "ref"), "", "ref"),
        ("atat_train", "--nope 1", "nope"),
        ("atat_train", "--config nowhere.yaml", "nowhere.yaml"),
        ("atat_train", "--max_epoch two", "--max_epoch: invalid int value: 'two'"),
        ("pipeline understand --model_dir crf --data_dir data/flat_test --output_dir out", "--whisper /nowhere", "Whisper /nowhere"),
    )
]  # fmt: skip
ROWS += [
    (f"weights, {name}", READ, {"model.zip": change}, wanted)
    for name, change, wanted in (
        ("no pickle", repacked(exp__model_pth=b"no weights"), "model.zip"),
        ("empty", repacked(exp__model_pth=b""), "model.zip"),
        ("gone", repacked(exp__model_pth=None), "model.zip: meta.yaml names 'exp/model.pth', which is not in it"),
        ("no configuration", repacked(exp__config_yaml=b""), "model.zip: … config.yaml: holds no mapping"),
        ("a configuration that is none", repacked(exp__config_yaml=b"["), "model.zip: … config.yaml: refused"),
        ("an unknown key", repacked(exp__config_yaml=b"train_shape_file: x\n"), "model.zip: … 'train_shape_file'"),
        ("no tokens", repacked(exp__config_yaml=b"input_size: 80\n"), "no token list"),
        ("no meta.yaml", repacked(meta_yaml=None), "model.zip: holds no meta.yaml"),
        ("meta.yaml upwards", repacked(meta_yaml=b"files: {model_file: ../../ref}\nyaml_files: {train_config: exp/config.yaml}\n"), "model.zip: … ../../ref"),
        ("no BPE model", repacked(data__bpe_model=None), "'data/bpe.model', which is not in it"),
    )
]  # fmt: skip
ROWS += [
    ("demo, a model of text", "atat demo --model ref --port 0", {}, "ref"),
    ("features, no ark", TOY, {"dump/toy/test/data/feats.0000.ark": None}, "no such file: dump/toy/test/data/feats.0000.ark"),
    ("features, cut", TOY, torn("dump/toy/test/data/feats.0000.ark", 3000), "feats.0000.ark … cannot be read as Kaldi features"),
    ("features, no ark at all", TOY, {"dump/toy/test/data/feats.0000.ark": b"hello" * 9999}, "feats.0000.ark"),
    ("features, a pipe", TOY, {"dump/toy/test/feats.scp": "t0 touch evil |\nt1 x |\nt2 x |\n"}, "is not a place in an ark"),
    ("features, no place", TOY, {"dump/toy/test/feats.scp": "t0 ref\nt1 ref\nt2 ref\n"}, "is not a place in an ark, path:offset"),
    ("features, behind the end", TOY, {"dump/toy/test/feats.scp": "t0 ref:99999\nt1 ref:99999\nt2 ref:99999\n"}, "ref:99999"),
    ("features, twice", TOY, {"dump/toy/test/feats.scp": "t0 ref:9\nt0 ref:9\n"}, "feats.scp:2: id 't0' a second time"),
    ("features, frames of texts", TOY, {"dump/toy/test/utt2num_frames": "t0 x\nt1 1\nt2 1\n"}, "utt2num_frames: t0"),
    ("features, an id less", TOY, {"dump/toy/test/feats.scp": lambda old: old.split(b"\n")[0] + b"\n"}, "feats.scp"),
    ("stdin, not UTF-8", "atat understand --text - --model model.zip", {}, "UTF-8", {"stdin": b"stop\xff\n"}),
    ("stdin, no audio", "atat understand - --model model.zip", {}, "(8 bytes) cannot be read as audio", {"stdin": b"no audio"}),
    ("stdin, nothing", "atat understand - --model model.zip", {}, "", {"stdin": b""}),
    ("too short", HEAR, {SOUND: wav(np.zeros(100))}, SOUND),
    ("a checkpoint cut", TOY, torn("run/valid.acc.ave.pth", 5000), "run/valid.acc.ave.pth"),
    ("a checkpoint of text", TOY, {"run/valid.acc.ave.pth": "hello"}, "run/valid.acc.ave.pth"),
    ("a configuration of nothing", TOY, {"run/config.yaml": "{}\n"}, "run/config.yaml"),
    ("a configuration not UTF-8", TOY, {"run/config.yaml": b"\xff"}, "run/config.yaml"),
]  # fmt: skip


def add_model(run: Path, package: Path) -> None:
    """Copy the toy into the working directory; its paths are absolute, and stay."""
    for path in run.rglob("*"):
        if path.is_file():
            copy = Path("run") / path.relative_to(run)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes().replace(str(run).encode() + b"/", b"run/"))
    Path("model.zip").write_bytes(package.read_bytes())
