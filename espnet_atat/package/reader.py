"""Opening a package: a zip, a folder it was unpacked to, or a name of espnet_model_zoo or the hub."""

import dataclasses
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_atat.bounded import read_small
from espnet_atat.errors import UserError, first_line
from espnet_atat.espnet_package import fetch_model
from espnet_atat.package.contents import Meta, read_lm, read_model
from espnet_atat.package.manifest import MANIFEST, Manifest
from espnet_atat.package.run_folder import dump_config
from espnet_atat.package.safety import check_member_name, check_statistics, check_tokenizer, check_weights, open_zip
from espnet_atat.plain_yaml import MAX_BYTES, load_plain
from espnet_atat.schema import read

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

    def names_in(self, message: str) -> str:
        """A message with the package's own names in place of where its files lie at the moment."""
        for path in filter(None, (self.train_config, self.model_file, self.lm_train_config, self.lm_file)):
            message = message.replace(str(path), path.name)
        return message


def is_package(source: str | Path) -> bool:
    """Whether something on disk looks like a package: any file, or a folder with ``meta.yaml``."""
    path = Path(source)
    return path.is_file() or (path / PACKAGE_META).is_file()


def find_source(source: str | Path) -> Path:
    """A path as it is; what has an address or a name of the hub (``user/model``, ``@revision`` behind) is fetched."""
    path = Path(source).expanduser()
    return fetch_model(str(source)) if is_remote(source) else path


def is_remote(source: str | Path) -> bool:
    """Whether a model is to be fetched. Raises ``UserError``: it is not there, and has no address or hub name."""
    if str(source) and Path(source).expanduser().exists():
        return False
    name = str(source)
    is_url = name.startswith(("https://", "http://"))
    if not is_url and (
        isinstance(source, Path) or name.startswith((".", "/", "~")) or name.endswith(".zip") or name.count("/") != 1
    ):
        raise UserError(f"{source}: no such package, folder or hub name (user/model)")
    return True


def read_manifest(source: str | Path) -> Manifest:
    """A package's manifest, without unpacking the rest."""
    path = find_source(source)
    if path.is_dir():
        return _manifest_of(path, str(source))
    with open_zip(path) as archive:
        if MANIFEST not in archive.namelist():
            raise UserError(f"{path}: holds no {MANIFEST}: not made by espnet_atat.bin.pack")
        if archive.getinfo(MANIFEST).file_size > MAX_BYTES:
            raise UserError(f"{path}: refused: {MANIFEST} has more than {MAX_BYTES} bytes")
        with _naming(path, MANIFEST, None):
            text = archive.read(MANIFEST)
    return Manifest.read(text, f"{path}: {MANIFEST}")


def list_files(source: str | Path) -> dict[str, int]:
    """The package's files and their sizes in bytes."""
    path = find_source(source)
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): file.stat().st_size for file in sorted(files)}
    with open_zip(path) as archive:
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
    """Write a zip's files below a folder, after their names, kinds and sizes were checked."""
    with open_zip(archive) as opened:
        for member in opened.infolist():
            with _naming(archive, member.filename, folder):
                opened.extract(member, folder)


@contextmanager
def _naming(archive: Path, member: str, folder: Path | None) -> Iterator[None]:
    """Name what is damaged in a zip, or where it was written to when the disk was full."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise UserError(f"{archive}: {member!r} in it is damaged ({first_line(error)}): copy it again") from error
    except OSError as error:
        if folder is None:
            raise
        raise UserError(
            f"{folder / member}: cannot be unpacked from {archive} ({error.strerror or error}): free some space there, "
            "or name another folder by TMPDIR"
        ) from error


def _read(folder: Path, scratch: Path, source: str) -> Package:
    manifest = _manifest_of(folder, source)
    where = f"{source}: {PACKAGE_META}"
    meta = read(Meta, load_plain(folder / PACKAGE_META, where), where)
    named = {**dataclasses.asdict(meta.files), **dataclasses.asdict(meta.yaml_files)}
    files = {argument: _inside(folder, name, source) for argument, name in named.items() if name is not None}
    config = _model_config(files["train_config"], folder, source, meta.yaml_files.train_config)
    for argument in ("model_file", "lm_file"):
        if argument in files:
            check_weights(files[argument], source)
    tokenizer = files.get("text_tokenizer")
    if tokenizer is not None:
        check_tokenizer(tokenizer, source)
    lm_config = files.get("lm_train_config")
    if lm_config is not None:
        where = f"{source}: {meta.yaml_files.lm_train_config}"
        read_lm(load_plain(lm_config, where), where)
    with _naming(Path(source), "exp/config.yaml", scratch):
        saved = dump_config({**config, "text_tokenizer": tokenizer and str(tokenizer)}, scratch / "config.yaml")
    return Package(
        source=source,
        manifest=manifest,
        train_config=saved,
        model_file=files["model_file"],
        text_tokenizer=tokenizer,
        lm_train_config=lm_config,
        lm_file=files.get("lm_file"),
    )


def _manifest_of(folder: Path, source: str) -> Manifest:
    for name in (PACKAGE_META, MANIFEST):
        if not (folder / name).is_file():
            raise UserError(f"{source}: holds no {name}: not made by espnet_atat.bin.pack")
    return Manifest.read(read_small(folder / MANIFEST, MAX_BYTES, f"{source}: {MANIFEST}"), f"{source}: {MANIFEST}")


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


def _model_config(path: Path, folder: Path, source: str, name: str) -> dict[str, Any]:
    """The training configuration with the paths in it made absolute."""
    config = read_model(load_plain(path, f"{source}: {name}"), f"{source}: {name}")
    for key in ("bpemodel", "grown_words"):
        if config.get(key) is not None:
            config[key] = str(_inside(folder, config[key], source))
    conf = config.get("normalize_conf") or {}
    if conf.get("stats_file") is not None:
        stats = _inside(folder, conf["stats_file"], source)
        check_statistics(stats, source)
        config["normalize_conf"] = {**conf, "stats_file": str(stats)}
    return config
