"""Opening a package: a zip, a folder it was unpacked to, or a name of espnet_model_zoo or the hub."""

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.errors import UserError, first_line
from espnet_atat.package.manifest import MANIFEST, Manifest
from espnet_atat.package.run_folder import dump_config
from espnet_atat.package.safety import (
    check_lm_config,
    check_member_name,
    check_members,
    check_model_config,
    check_statistics,
    check_tokenizer,
    load_packed_config,
)

PACKAGE_META = "meta.yaml"


@dataclass(frozen=True)
class Package:
    """A package whose files lie on disk, opened from ``source``. Paths are absolute; in the configurations too."""

    source: str
    manifest: Manifest
    train_config: Path
    model_file: Path
    text_tokenizer: Path | None = None
    lm_train_config: Path | None = None
    lm_file: Path | None = None


def is_package(source: str | Path) -> bool:
    """Whether something on disk looks like a package: any file, or a folder with ``meta.yaml``."""
    path = Path(source)
    return path.is_file() or (path / PACKAGE_META).is_file()


def find_source(source: str | Path) -> Path:
    """A path as it is; what has an address or a name of the hub (``user/model``, ``@revision`` behind) is fetched."""
    path = Path(source).expanduser()
    if path.exists():
        return path
    name = str(source)
    is_url = name.startswith(("https://", "http://"))
    if not is_url and (
        isinstance(source, Path) or name.startswith((".", "/", "~")) or name.endswith(".zip") or name.count("/") != 1
    ):
        raise UserError(f"{source}: no such package, folder or hub name (user/model)")
    return _fetch(name)


def _fetch(name: str) -> Path:
    """From the cache or the network: the zip of an address or a zoo entry, the folder of a hub repository."""
    from espnet_model_zoo.downloader import ModelDownloader

    try:
        return Path(ModelDownloader().download(name, quiet=True))
    except Exception as error:  # the client's, httpx's and requests' errors have no common base
        raise UserError(
            f"{name}: no such file or folder, and the hub does not have it ({first_line(error)})"
        ) from error


def read_manifest(source: str | Path) -> Manifest:
    """What a package says of itself, without unpacking it."""
    path = find_source(source)
    if path.is_dir():
        return _manifest_of(path, str(source))
    with _open_zip(path) as archive:
        check_members(archive.infolist(), path)
        if MANIFEST not in archive.namelist():
            raise UserError(f"{path}: holds no {MANIFEST}: not made by espnet_atat.bin.pack")
        return Manifest.read(archive.read(MANIFEST), f"{path}: {MANIFEST}")


def list_files(source: str | Path) -> dict[str, int]:
    """The package's files and their sizes in bytes."""
    path = find_source(source)
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): file.stat().st_size for file in sorted(files)}
    with _open_zip(path) as archive:
        return {member.filename: member.file_size for member in archive.infolist() if not member.is_dir()}


@contextmanager
def open_package(source: str | Path) -> Iterator[Package]:
    """Give a checked package, whose files exist while the block runs."""
    path = find_source(source)
    with tempfile.TemporaryDirectory(prefix="atat_") as scratch:
        folder = path
        if not path.is_dir():
            folder = Path(scratch) / "package"
            unpack(path, folder)
        yield _read(folder.absolute(), Path(scratch), str(source))


def unpack(archive: Path, folder: Path) -> None:
    """Write a zip's files below a folder, after all of them were checked."""
    with _open_zip(archive) as opened:
        check_members(opened.infolist(), archive)
        if broken := opened.testzip():
            raise UserError(f"{archive}: {broken!r} in it is damaged: copy it again")
        opened.extractall(folder)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: not a package (a zip of espnet_atat.bin.pack), or cut short: {error}") from error


def _read(folder: Path, scratch: Path, source: str) -> Package:
    manifest = _manifest_of(folder, source)
    meta = load_packed_config(folder / PACKAGE_META, source)
    named = {**_names(meta, "files", source), **_names(meta, "yaml_files", source)}
    files = {argument: _inside(folder, name, source) for argument, name in named.items()}
    for argument in ("train_config", "model_file"):
        if argument not in files:
            raise UserError(f"{source}: {PACKAGE_META} names no {argument}: not a package of an AT-AT model")
    if files["model_file"].suffix != ".pth":
        raise UserError(f"{source}: refused: model_file is {files['model_file'].name}, not weights (.pth)")
    config = _model_config(files["train_config"], folder, source)
    tokenizer = files.get("text_tokenizer")
    if tokenizer is not None:
        check_tokenizer(tokenizer, source)
    lm_config = files.get("lm_train_config")
    if lm_config is not None:
        check_lm_config(load_packed_config(lm_config, source), source)
    return Package(
        source=source,
        manifest=manifest,
        train_config=dump_config({**config, "text_tokenizer": tokenizer and str(tokenizer)}, scratch / "config.yaml"),
        model_file=files["model_file"],
        text_tokenizer=tokenizer,
        lm_train_config=lm_config,
        lm_file=files.get("lm_file"),
    )


def _manifest_of(folder: Path, source: str) -> Manifest:
    for name in (PACKAGE_META, MANIFEST):
        if not (folder / name).is_file():
            raise UserError(f"{source}: holds no {name}: not made by espnet_atat.bin.pack")
    return Manifest.read((folder / MANIFEST).read_bytes(), f"{source}: {MANIFEST}")


def _names(meta: Mapping[str, Any], key: str, source: str) -> dict[str, str]:
    names = meta.get(key)
    if not isinstance(names, dict) or not all(isinstance(each, str) for pair in names.items() for each in pair):
        raise UserError(f"{source}: {PACKAGE_META}: {key} is a mapping of arguments to paths")
    return names


def _inside(folder: Path, name: str, source: str) -> Path:
    """A file or folder of the package. By its name only: in the hub's cache files are links to elsewhere.

    espnet_model_zoo makes the names of what it unpacks absolute; those below the folder are as good as before.
    """
    if Path(name).is_absolute():
        path = Path(name).parent.resolve() / Path(name).name
        name = path.relative_to(folder.resolve()).as_posix() if path.is_relative_to(folder.resolve()) else name
    check_member_name(name if Path(name).suffix else f"{name}/", source)
    if not (folder / name).exists():
        raise UserError(f"{source}: {PACKAGE_META} names {name!r}, which is not in it")
    return folder / name


def _model_config(path: Path, folder: Path, source: str) -> dict[str, Any]:
    """The training configuration with the paths in it made absolute."""
    config = load_packed_config(path, source)
    check_model_config(config, source)
    for key in ("bpemodel", "grown_words"):
        if config.get(key) is not None:
            config[key] = str(_inside(folder, str(config[key]), source))
    conf = config.get("normalize_conf") or {}
    if isinstance(conf, dict) and conf.get("stats_file") is not None:
        stats = _inside(folder, str(conf["stats_file"]), source)
        check_statistics(stats, source)
        config["normalize_conf"] = {**conf, "stats_file": str(stats)}
    return config
