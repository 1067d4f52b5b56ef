"""Opening packages: paths, and all that is refused."""

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from espnet_model_zoo.downloader import ModelDownloader

from espnet_atat.errors import UserError
from espnet_atat.package.reader import find_source, list_files, open_package, read_manifest
from espnet_atat.text.tokenizer import load_grown_words
from tests.package.conftest import CONFIG, FILES, MANIFEST, META


def config(**changes: object) -> dict[str, str]:
    return {"exp/config.yaml": yaml.safe_dump({**CONFIG, **changes})}


def meta(**changes: object) -> dict[str, str]:
    return {"meta.yaml": yaml.safe_dump({**META, **changes})}


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, count=np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


def test_its_files_are_there_while_it_is_open(make_zip, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    grown = {**config(grown_words="data/grown_words.txt"), "data/grown_words.txt": "a ▁a"}
    with open_package(make_zip(grown)) as package:
        resolved = yaml.safe_load(package.train_config.read_text())
        assert resolved["bpemodel"].startswith(str(tmp_path))
        assert resolved["text_tokenizer"] == str(package.text_tokenizer)
        assert package.model_file.read_text() == "weights"
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
    with pytest.raises(UserError, match="would lie outside of it"), open_package(folder):
        pass


@pytest.mark.parametrize(
    "name", ["../evil.txt", "exp/../../evil.txt", "/tmp/evil.txt", "exp\\..\\evil.txt", "C:evil.txt"]
)
def test_a_member_outside_is_refused_and_written_nowhere(make_zip, tmp_path, name):
    package = make_zip({name: "boo"})
    with pytest.raises(UserError, match="would lie outside of it"), open_package(package):
        pass
    assert not list(tmp_path.rglob("*evil*"))


def test_what_could_be_a_pickle_or_code_is_refused(make_zip):
    for name in ("exp/extra.pkl", "exp/model.pickle", "tokenization.py", "data/lib.so", "run.sh", "exp/noname"):
        with pytest.raises(UserError, match=f"'{name}' is none of the files"), open_package(make_zip({name: "x"})):
            pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exp/config.yaml": "a: !!python/object/apply:os.system [id]"}, "not plain YAML data"),
        (config(decoder_conf={"_target_": "os.system"}), "the key '_target_' names code"),
        (config(text_encoder_conf={"config": {"auto_map": {"A": "me/x--y.Z"}}}), "the key 'auto_map' names code"),
        (config(text_encoder_conf={"model": "someone/bert"}), "would fetch"),
        (config(init_param=["exp/other.pth"]), "'init_param' is not about what the model is"),
        (config(token_list="data/tokens.txt"), "holds no token list"),
        (config(bpemodel="../../etc/bpe.model"), "would lie outside"),
        (config(bpemodel="/etc/bpe.model"), "would lie outside"),
        (config(bpemodel="data/absent.model"), "'data/absent.model', which is not in it"),
        (config(grown_words="../../etc/words.txt"), "would lie outside"),
        ({**config(normalize_conf={"stats_file": "data/s.npz"}), "data/s.npz": pickled()}, r"s\.npz is not arrays of"),
        ({"data/text_tokenizer/tokenizer_config.json": '{"auto_map": {}}'}, "'auto_map' names code"),
        ({"data/text_tokenizer/tokenizer_config.json": "{"}, "not JSON at column 2"),
        ({"data/text_tokenizer/tokenizer.json": None}, r"no tokenizer\.json"),
        (meta(files={"model_file": "../model.pth"}), "would lie outside"),
        (meta(files={"model_file": "exp/config.yaml"}), "not weights"),
        (meta(files={}), "names no model_file"),
        (meta(yaml_files=["exp/config.yaml"]), "is a mapping of arguments to paths"),
        (
            meta(yaml_files={**META["yaml_files"], "lm_train_config": "exp/lm.yaml"}) | {"exp/lm.yaml": "lm: opt"},
            "lm is 'opt'",
        ),
        ({"meta.yaml": None}, r"holds no meta\.yaml"),
        ({"atat.yaml": None}, r"holds no atat\.yaml"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "form": 2})}, "not a manifest of form 1"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "colour": "red"})}, "unknown key 'colour'"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "name": 3})}, "name: is a text, found 3"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "decode": {"hook": "x"}})}, "unknown option 'hook'"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "results": [3]})}, "results, entry 1: is a mapping"),
        ({"atat.yaml": yaml.safe_dump({**MANIFEST, "results": [{"task": "slu"}]})}, "each with a set"),
    ],
)
def test_what_is_no_plain_package_is_refused(make_zip, changes, message):
    with pytest.raises(UserError, match=message), open_package(make_zip(changes)):
        pass


def test_links_doubles_damage_and_bombs_are_refused(make_zip, monkeypatch):
    link = zipfile.ZipInfo("data/link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    package = make_zip()
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="is a link"), open_package(package):
        pass
    package = make_zip()
    with zipfile.ZipFile(package, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("exp/model.pth", "others")
    with pytest.raises(UserError, match="occurs twice"), open_package(package):
        pass
    package = make_zip()
    package.write_bytes(package.read_bytes().replace(FILES["exp/model.pth"].encode(), b"wEights"))
    with pytest.raises(UserError, match="is damaged"), open_package(package):
        pass
    package.write_bytes(package.read_bytes()[:300])
    with pytest.raises(UserError, match="not a package"), open_package(package):
        pass
    monkeypatch.setattr("espnet_atat.package.safety.MAX_BYTES", 100)
    with pytest.raises(UserError, match="unpacked it is more than"), open_package(make_zip()):
        pass


def test_what_is_no_name_of_a_hub_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("absent.zip", "./absent", "a/b/c", "absent"):
        with pytest.raises(UserError, match="no such package, folder or hub name"):
            find_source(source)
