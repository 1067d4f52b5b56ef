"""Opening packages: paths, and all that is refused."""

import io
import json
import os
import resource
import stat
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from espnet_model_zoo.downloader import ModelDownloader

from espnet_atat.errors import UserError
from espnet_atat.package.reader import find_source, list_files, open_package, read_manifest
from espnet_atat.text.tokenizer import load_grown_words
from tests.package.conftest import CONFIG, FILES, MANIFEST, META, zipped


def config(**changes: object) -> dict[str, str]:
    return {"exp/config.yaml": yaml.safe_dump({**CONFIG, **changes})}


def refused(package: Path, message: str) -> str:
    """What is said of a package that is not opened."""
    with pytest.raises(UserError, match=message) as caught, open_package(package):
        pass
    return str(caught.value)


def meta(**changes: object) -> dict[str, str]:
    return {"meta.yaml": yaml.safe_dump({**META, **changes})}


def test_its_files_are_there_while_it_is_open(make_zip, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    grown = {**config(grown_words="data/grown_words.txt"), "data/grown_words.txt": "a ▁a"}
    with open_package(make_zip(grown)) as package:
        resolved = yaml.safe_load(package.train_config.read_text())
        assert resolved["bpemodel"].startswith(str(tmp_path))
        assert resolved["text_tokenizer"] == str(package.text_tokenizer)
        assert package.model_file.read_bytes() == FILES["exp/model.pth"]
        assert package.manifest.corpora == ["mini"]
        assert load_grown_words(resolved["grown_words"]) == {"a": ("▁a",)}
        folder = package.model_file
    assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["small.zip"]


@pytest.fixture
def folder(make_zip, tmp_path):
    """The package, unpacked."""
    with zipfile.ZipFile(make_zip()) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_a_folder_is_read_where_it_lies(make_zip, folder):
    before = sorted(folder.rglob("*"))
    with open_package(folder) as package:
        assert package.model_file == folder / "exp/model.pth"
        assert read_manifest(folder) == package.manifest
    assert sorted(folder.rglob("*")) == before
    assert list_files(folder) == list_files(make_zip())


def test_a_package_that_says_what_it_was_made_from_is_still_read(make_zip):
    assert read_manifest(make_zip(manifest(made_from="0a1b"))) == read_manifest(make_zip())


@pytest.mark.filterwarnings("ignore:Expanding a local model")
@pytest.mark.parametrize("real", [True, False])
def test_what_espnet_model_zoo_unpacked_is_read_where_it_lies(make_zip, tmp_path, real):
    """It makes the paths in the configuration absolute."""
    statistics = io.BytesIO()
    np.savez(statistics, count=np.array([1.0]))
    configured = config(normalize_conf={"stats_file": "data/stats.npz"})
    packed = make_zip({**configured, "data/stats.npz": statistics.getvalue()})
    cache = tmp_path / "cache"
    cache.mkdir()
    (tmp_path / "link").symlink_to(cache)
    made = ModelDownloader(cache if real else tmp_path / "link").unpack_local_file(str(packed))
    written = yaml.safe_load(Path(made["train_config"]).read_text())
    assert Path(written["bpemodel"]).is_absolute()
    folder = Path(made["train_config"]).parents[1]
    with open_package(folder) as package:
        resolved = yaml.safe_load(package.train_config.read_text())
        assert package.model_file == folder / "exp/model.pth"
        assert resolved["bpemodel"] == str(folder / "data/bpe.model")
        assert resolved["normalize_conf"] == {"stats_file": str(folder / "data/stats.npz")}
    with open_package(folder.resolve()) as package:
        assert package.model_file == folder.resolve() / "exp/model.pth"


@pytest.mark.parametrize("name", ["/etc/passwd.txt", "{folder}/../evil.txt", "{folder}er/evil.txt"])
def test_an_absolute_path_that_is_not_below_the_folder_is_refused(folder, name):
    (folder / "exp/config.yaml").write_text(yaml.safe_dump({**CONFIG, "bpemodel": name.format(folder=folder)}))
    refused(folder, "would lie outside it")


@pytest.mark.parametrize(
    "name", ["../evil.txt", "exp/../../evil.txt", "/tmp/evil.txt", "exp\\..\\evil.txt", "C:evil.txt", "\x1b[2Jevil.txt"]
)
def test_a_member_outside_is_refused_and_written_nowhere(make_zip, tmp_path, name):
    refused(make_zip({name: "boo"}), "would lie outside it")
    assert not list(tmp_path.rglob("*evil*"))


def test_what_could_be_a_pickle_or_code_is_refused(make_zip):
    for name in ("exp/extra.pkl", "exp/model.pickle", "tokenization.py", "data/lib.so", "run.sh", "exp/noname"):
        refused(make_zip({name: "x"}), f"'{name}' is not a file that")


def bomb(levels: int = 9) -> str:
    """A kilobyte of YAML whose aliases unfold to ten to the number of levels."""
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *rows])


def manifest(**changes: object) -> dict[str, str]:
    return {"atat.yaml": yaml.safe_dump({**MANIFEST, **changes})}


def tokenizer(name: str = "tokenizer_config", **content: object) -> dict[str, str]:
    return {f"data/text_tokenizer/{name}.json": json.dumps(content)}


def statistics(**arrays: object) -> dict[str, str | bytes]:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(each) for name, each in arrays.items()})
    return {**config(normalize_conf={"stats_file": "data/s.npz"}), "data/s.npz": buffer.getvalue()}


def language_model(**changes: object) -> dict[str, str | bytes]:
    files = {**META["files"], "lm_file": "exp/lm/model.pth"}
    names = meta(files=files, yaml_files={**META["yaml_files"], "lm_train_config": "exp/lm/config.yaml"})
    said = {"lm": "seq_rnn", "lm_conf": {"unit": 8}, "token_list": ["a"], **changes}
    return {**names, "exp/lm/model.pth": FILES["exp/model.pth"], "exp/lm/config.yaml": yaml.safe_dump(said)}


def reads(**fields: object) -> dict[str, str]:
    return config(text_encoder="hugging_face", text_encoder_conf={"config": {"model_type": "bert", **fields}})


def hears(kind: str = "hugging_face", conf: Mapping[str, object] | None = None, **fields: object) -> dict[str, str]:
    known = {"hidden_size": 8, "model_type": "whisper" if kind == "hugging_face" else "espnet", **fields}
    return config(audio_encoder=kind, audio_encoder_conf={"config": known, "preprocessor": {}, **(conf or {})})


REFUSED = {
    # paths, and names of what would be fetched
    "characters of a file": (config(ctc_unit="char", ctc_characters="/dev/zero"), "ctc_characters: is a list"),
    "tokens of a file": (config(token_list="data/tokens.txt"), "token_list: is a list, found 'data/tokens.txt'"),
    "bpe above": (config(bpemodel="../../etc/bpe.model"), "would lie outside"),
    "bpe by path": (config(bpemodel="/etc/bpe.model"), "would lie outside"),
    "bpe absent": (config(bpemodel="data/absent.model"), "'data/absent.model', which is not in it"),
    "words above": (config(grown_words="../../etc/words.txt"), "would lie outside"),
    "weights above": (meta(files={"model_file": "../model.pth"}), "would lie outside"),
    "weights of yaml": (meta(files={"model_file": "exp/config.yaml"}), "not weights"),
    "lm alone": (meta(files={**META["files"], "lm_file": "exp/model.pth"}), r"meta\.yaml: lm_file and lm_train_config"),
    "lm of a hub": (language_model(lm="transformer_opt"), r"exp/lm/config\.yaml: lm: is one of seq_rnn, transformer"),
    "lm option": (language_model(lm_conf={"opt_name": "x"}), "lm_conf: unknown key 'opt_name'"),
    "text encoder of a hub": (config(text_encoder_conf={"model": "x/bert"}), "text_encoder_conf: unknown key 'model'"),
    "text encoder of none": (config(text_encoder="hugging_face", text_encoder_conf={}), "a package brings its encoder"),
    "kernels": (reads(attn_implementation="kernels-community/x"), "config: unknown key 'attn_implementation'"),
    "timm": (reads(model_type="timm_backbone"), "model_type: is one of bert"),
    "backbone": (hears(use_timm_backbone=True), "unknown key 'use_timm_backbone'"),
    "fetched ears": (hears(conf={"model": "x/y"}), r"names it \(model\) with its identity"),
    "ears of nothing": (hears(conf={"config": None}), "the key 'config' is missing"),
    "espnet's kernels": (hears("espnet", options={"encoder_conf": {"use_x": 1}}), "encoder_conf: unknown key 'use_x'"),
    "espnet's frontend": (hears("espnet", options={"frontend": "s3prl"}), "frontend: is default, found 's3prl'"),
    "tokenizer's file": (tokenizer(tokenizer_file="/etc/passwd"),
     r"tokenizer_config\.json: unknown key 'tokenizer_file'"),
    "tokenizer's code": (tokenizer(auto_map={}), "'auto_map' names code"),
    "a model beside it": ({"data/text_tokenizer/config.json": "{}"}, "'config.json' in text_tokenizer is not a file"),
    "tokenizer's regex": (tokenizer("tokenizer", pre_tokenizer={"Regex": "(a+)+b"}),
     r"regular expression '\(a\+\)\+b'"),
    "code": (config(decoder_conf={"_target_": "os.system"}), "decoder_conf: unknown key '_target_'"),
    "more weights": (config(init_param=["exp/other.pth"]), "unknown key 'init_param'"),
    # what is no plain YAML or JSON, or too much of it
    "object": ({"exp/config.yaml": "a: !!python/object/apply:os.system [id]"}, "the tag .*: not plain YAML data"),
    "bomb in meta.yaml": ({"meta.yaml": bomb()}, r"meta\.yaml: refused: line 2: the alias \*'a0'"),
    "bomb in config.yaml": ({"exp/config.yaml": bomb()}, r"config\.yaml: refused: line 2: the alias"),
    "bomb in versions": ({"atat.yaml": "form: 1\nversions: {" + bomb().replace("\n", ", ") + "}"},
     r"atat\.yaml: refused: .* alias"),
    "recursion": ({"exp/config.yaml": "a: &a [*a]"}, r"the alias \*'a'"),
    "depth": ({"exp/config.yaml": "a: " + "[" * 50_000}, "31 deep, at most 30"),
    "depth of json": ({"data/text_tokenizer/tokenizer.json": "[" * 50_000}, r"tokenizer\.json: .*inside each other"),
    "width of json": ({"data/text_tokenizer/tokenizer.json": f"[{'[],' * 700_000}1]"}, "more than 600000 lists"),
    "many values": ({"exp/config.yaml": "a:\n" + "- x\n" * 100_001}, "more than 100000 values"),
    "many bytes": ({"exp/config.yaml": "a: " + "x" * 2**22}, "more than the 4194304 of any such file"),
    "no utf-8": ({"exp/config.yaml": b"a: \xff"}, "not plain YAML data .*utf-8"),
    "no date": ({"exp/config.yaml": "a: 2001-99-99"}, "not plain YAML data .*month"),
    "digits": ({"exp/config.yaml": "a: " + "1" * 5000}, "not plain YAML data .*digit"),
    "no mapping": ({"exp/config.yaml": "- a"}, r"config\.yaml: holds no mapping"),
    "no json": ({"data/text_tokenizer/tokenizer_config.json": "{"}, "not JSON"),
    "key twice": ({"exp/config.yaml": "a: 1\na: 2"}, "'a' occurs twice"),
    # values
    "type": (config(input_size="x"), "input_size: is a whole number from 1 to 1,024, found 'x'"),
    "other features": (config(input_size=40), "input_size: is 80, the log mels of a recording"),
    "nothing": (reads(hidden_size=0), "hidden_size: is a whole number from 1 to 1,048,576, found 0"),
    "many layers": (config(decoder_conf={"num_blocks": 10**6}), "num_blocks: is a whole number from 1 to 256"),
    "nan": (config(model_conf={"ctc_weight": float("nan")}), "ctc_weight: is a number from .* found nan"),
    "beam": (manifest(decode={"beam_size": "x"}),
     r"atat\.yaml: decode: beam_size: is a whole number from 1 to 1,000, fo"),
    "constraint": (manifest(decode={"constrain_trees": "no"}), "decode: constrain_trees: is true or false, found 'no'"),
    "endless": (manifest(decode={"maxlen": 10**9}), "maxlen: is a whole number from 1 to 10,000"),
    "option": (manifest(decode={"hook": "x"}), "decode: unknown key 'hook'"),
    "escape": (manifest(title="\x1b[2Jfine"), r"atat\.yaml: refused: line .: a control character in '\\x1b\[2Jfine'"),
    "turned": (config(token_list=["\u202eabc"]), "a control character in '.u202eabc'"),
    "form": (manifest(form=2), "not a manifest of form 1"),
    "colour": (manifest(colour="red"), "unknown key 'colour'"),
    "name": (manifest(name=3), "name: is a text, found 3"),
    "versions": (manifest(versions={"torch": 2}), "versions: torch: is a text, found 2"),
    "result": (manifest(results=[3]), "results, entry 1: is a mapping"),
    "result of what": (manifest(results=[{"task": "slu"}]), "results, entry 1: the key 'config' is missing"),
    "figures": (
        manifest(results=[{"set": "a/b", "task": "slu", "config": "c", "utterances": 1, "figures": {"wer": 3}}]),
        "figures: wer: is a mapping, found 3",
    ),
    "no weights": (meta(files={}), "files: the key 'model_file' is missing"),
    "no files": (meta(yaml_files=["exp/config.yaml"]), "yaml_files: is a mapping"),
    "no meta.yaml": ({"meta.yaml": None}, r"holds no meta\.yaml"),
    "no atat.yaml": ({"atat.yaml": None}, r"holds no atat\.yaml"),
    "no tokenizer": ({"data/text_tokenizer/tokenizer.json": None}, r"no tokenizer\.json"),
    # numbers
    "0 bytes": ({"exp/model.pth": b""}, r"model\.pth: not a whole checkpoint"),
    "bomb of weights": ({"exp/model.pth": zipped({"m/data.pkl": b"", "m/data/0": bytes(2**20)}, zipfile.ZIP_DEFLATED)},
     r"model\.pth is compressed"),
    "index of weights": ({"exp/model.pth": zipped({"m/data.pkl": b"]" * 2**22})}, r"model\.pth is not weights"),
    "objects": (statistics(count=np.array([{}], dtype=object)), r"s\.npz is not arrays of numbers"),
    "nan in statistics": (statistics(sum=[1.0, np.nan]), r"s\.npz is not arrays of numbers \(some are not finite"),
    "bomb of statistics": (statistics(sum=np.zeros(2**18)), r"s\.npz has \d+ bytes of numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_plain_package_is_refused(make_zip, changes, message):
    start = time.process_time()
    said = refused(make_zip(changes), message)
    assert time.process_time() - start < 5
    assert "small.zip: " in said
    assert said.isprintable()


def test_links_doubles_and_halves_are_refused(make_zip):
    link = zipfile.ZipInfo("data/link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    package = make_zip()
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(package, "is a link")
    package = make_zip()
    with zipfile.ZipFile(package, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("exp/model.pth", "others")
    refused(package, "occurs twice")
    package = make_zip()
    package.write_bytes(package.read_bytes()[:300])
    refused(package, "not a package")
    package.write_bytes(b"")
    for opens in (open_package, list_files, read_manifest):
        with pytest.raises(UserError, match="not a package"):
            opens(package).__enter__() if opens is open_package else opens(package)


def damaged(packed: bytes, place: int, value: bytes) -> bytes:
    """A zip with other bytes in every header of a member, local (at place) and central (two bytes behind)."""
    for mark, at in ((b"PK\3\4", place), (b"PK\1\2", place + 2)):
        start = -1
        while (start := packed.find(mark, start + 1)) >= 0:
            packed = packed[: start + at] + value + packed[start + at + len(value) :]
    return packed


@pytest.mark.parametrize(
    ("spoil", "compression", "message"),
    [
        (lambda packed: packed.replace(b"weights", b"wEights"), zipfile.ZIP_STORED, "is damaged .*CRC"),
        (lambda packed: packed.replace(packed[60:70], b"\xff" * 10, 1), zipfile.ZIP_DEFLATED, "is damaged"),
        (lambda packed: packed, zipfile.ZIP_LZMA, "is compressed by method 14: pack it with deflate"),
        (lambda packed: packed, zipfile.ZIP_BZIP2, "is compressed by method 12"),
        (lambda packed: damaged(packed, 8, b"\x63\0"), zipfile.ZIP_STORED, "is compressed by method 99"),
        (lambda packed: damaged(packed, 6, b"\1\0"), zipfile.ZIP_STORED, "is encrypted"),
    ],
)
def test_a_damaged_zip_is_one_error(make_zip, spoil, compression, message):
    package = make_zip({"README.md": "card" * 100}, compression=compression)
    package.write_bytes(spoil(package.read_bytes()))
    refused(package, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data/zeros.txt": bytes(20 * 2**20)}, "unpacked it is more than 16 MiB"),
        ({f"data/{n}.txt": b"" for n in range(1001)}, "than 1000 files"),
        ({f"data/{n:_>900}.txt": b"" for n in range(1200)}, "more than 1000 members"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(make_zip, tmp_path, changes, message):
    refused(make_zip(changes, compression=zipfile.ZIP_DEFLATED), message)
    assert [path.name for path in tmp_path.iterdir()] == ["small.zip"]


def test_a_full_disk_names_the_file(make_zip):
    package = make_zip({"data/large.txt": bytes(2**20)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, hard))
    try:
        with pytest.raises(UserError, match=r"data/large\.txt: cannot be unpacked .* free some space"):
            open_package(package).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_pipe_is_no_package_and_no_file_of_one(folder, tmp_path):
    (folder / "atat.yaml").unlink()
    for pipe, message in ((folder / "atat.yaml", "holds no atat.yaml"), (tmp_path / "pipe.zip", "neither a file nor")):
        os.mkfifo(pipe)
        with pytest.raises(UserError, match=message):
            read_manifest(folder if pipe.parent == folder else pipe)


def test_what_is_no_name_of_a_hub_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("absent.zip", "./absent", "a/b/c", "absent"):
        with pytest.raises(UserError, match="no such package, folder or hub name"):
            find_source(source)
