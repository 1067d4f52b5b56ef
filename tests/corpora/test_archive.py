"""Archives: unpacked only when their checksum is right and every member stays in the folder."""

import hashlib
import http.server
import io
import random
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from espnet_atat.bin import main_guard
from espnet_atat.bin.prepare import main
from espnet_atat.corpora.archive import extract, fetch, verify
from espnet_atat.errors import UserError
from tests.shell import program

OUTSIDE = ["../evil", "a/../../evil", "/evil", "C:/evil", "a\\..\\evil"]


def make_tar(path: Path, *names: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, 5 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"hello") if kind == tarfile.REGTYPE else None)
    return path


def make_zip(path: Path, *names: str, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, "hello")
    return path


def files_below(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_plain_archives_are_unpacked(tmp_path: Path) -> None:
    names = ("corpus/a.txt", "corpus/deep/b.txt", "c..d/..e")
    assert extract(make_tar(tmp_path / "a.tar.gz", *names), tmp_path / "tar") == 3
    assert extract(make_zip(tmp_path / "a.zip", *names), tmp_path / "zip") == 3
    assert files_below(tmp_path / "tar") == files_below(tmp_path / "zip") == sorted(names)


@pytest.mark.parametrize("name", OUTSIDE)
def test_members_outside_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "folder"
    for archive in (make_tar(tmp_path / "a.tgz", "good", name), make_zip(tmp_path / "a.zip", "good", name)):
        with pytest.raises(UserError, match="outside the folder"):
            extract(archive, folder)
    assert not folder.exists()
    assert files_below(tmp_path) == ["a.tgz", "a.zip"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(UserError, match="link or device"):
        extract(make_tar(tmp_path / "a.tgz", "x", kind=kind, link="/etc/passwd"), tmp_path / "folder")
    with pytest.raises(UserError, match="link or device"):
        extract(make_zip(tmp_path / "a.zip", "x", mode=stat.S_IFLNK | 0o777), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_what_is_no_archive_or_a_damaged_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_text("<html>")
    with pytest.raises(UserError, match=r"page.zip: neither a zip nor a tar"):
        extract(tmp_path / "page.zip", tmp_path / "folder")
    archive = make_zip(tmp_path / "a.zip", "x" * 40)
    archive.write_bytes(archive.read_bytes().replace(b"hello", b"hullo"))
    with pytest.raises(UserError, match=r"a.zip: damaged archive"):
        extract(archive, tmp_path / "folder")


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_checksums(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    digest = hashlib.new(algorithm, b"hello").hexdigest()
    verify(tmp_path / "a", f"{algorithm}:{digest}")
    with pytest.raises(UserError, match="incomplete or another file"):
        verify(tmp_path / "a", f"{algorithm}:{'0' * len(digest)}")
    with pytest.raises(UserError, match="give md5"):
        verify(tmp_path / "a", digest)


def test_a_download_with_another_checksum_and_a_page_in_its_place_leave_nothing(tmp_path: Path) -> None:
    source = tmp_path / "server" / "a.bin"
    source.parent.mkdir()
    source.write_bytes(b"hello")
    with pytest.raises(UserError, match="another file"):
        fetch(source.as_uri(), tmp_path / "got" / "a.bin", "sha256:00")
    (tmp_path / "a.zip").write_text("<html>log in first</html>")
    with pytest.raises(UserError, match=r"gave neither a zip nor a tar archive; download it by other means"):
        fetch((tmp_path / "a.zip").as_uri(), tmp_path / "got" / "a.zip", None)
    assert files_below(tmp_path / "got") == []
    fetch(source.as_uri(), tmp_path / "got" / "a.bin", f"sha256:{hashlib.sha256(b'hello').hexdigest()}")
    assert (tmp_path / "got" / "a.bin").read_bytes() == b"hello"


def test_a_download_that_breaks_off_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"PK")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Short) as server:
        server.timeout = 10
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(UserError, match=r"broke off at 2 of 100 bytes"):
            fetch(f"http://127.0.0.1:{server.server_port}/a.zip", tmp_path / "got" / "a.zip", None)
    assert files_below(tmp_path / "got") == []


def test_fetch_command_unpacks_once_and_checks_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = make_zip(tmp_path / "corpus.zip", "top/train.tsv")
    listing = tmp_path / "sums"
    listing.write_text(f"{hashlib.sha256(b'hello').hexdigest()}  top/train.tsv\n")
    argv = ["fetch", "--url", archive.as_uri(), "--output_dir", str(tmp_path / "downloads" / "top")]
    assert main_guard(main, argv) == 2
    assert "nothing is unpacked unchecked" in capsys.readouterr().err
    whole = listing.read_text()
    for text in (f"{'0' * 64}  top/train.tsv\n", f"{'0' * 64}  top/absent.tsv\n"):
        listing.write_text(text)
        with pytest.raises(UserError):
            main([*argv, "--file_checksums", str(listing)])
    assert not (tmp_path / "downloads" / "top").exists()
    listing.write_text(whole)
    main([*argv, "--file_checksums", str(listing)])
    assert (tmp_path / "downloads" / "top" / "top" / "train.tsv").read_text() == "hello"
    main([*argv, "--file_checksums", str(listing)])
    assert "exists already" in capsys.readouterr().out


def test_npm_packs_a_package_once_and_runs_nothing_of_it(tmp_path, monkeypatch):
    packed = make_tar(tmp_path / "packed.tgz", "package/a.txt")
    checksum = f"sha256:{hashlib.sha256(packed.read_bytes()).hexdigest()}"
    script = f'echo "$@" >>{tmp_path}/calls; cp {packed} name-1.0.tgz; echo name-1.0.tgz'
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin/npm', script).parent}:/usr/bin:/bin")
    for _ in range(2):
        fetch("npm:name@1.0", tmp_path / "downloads/name.tgz", checksum)
    assert (tmp_path / "calls").read_text() == "pack --silent --ignore-scripts name@1.0\n"
    assert files_below(tmp_path / "downloads") == ["name.tgz"]
    (tmp_path / "downloads/name.tgz").unlink()
    with pytest.raises(UserError, match=r"sha256 is .*, not 00; the download is incomplete or another file"):
        fetch("npm:name@1.0", tmp_path / "downloads/name.tgz", "sha256:00")
    assert files_below(tmp_path / "downloads") == []


@pytest.mark.parametrize(("script", "why"), [("echo hi >&2; echo E404 >&2; exit 1", "E404"), ("exit 0", "code 0")])
def test_what_npm_cannot_pack_is_one_error(tmp_path, monkeypatch, script, why):
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin/npm', script).parent}:/usr/bin:/bin")
    place = tmp_path / "downloads/name.tgz"
    with pytest.raises(UserError, match=rf"npm could not fetch name@1\.0 \({why}\); download it .* put it at {place}"):
        fetch("npm:name@1.0", place, None)
    assert files_below(tmp_path / "downloads") == []


def spoiled(path: Path, kind: str) -> Path:
    """An archive of 200 KB of noise, packed as the suffix says and spoiled in one way."""
    (path.parent / "noise").write_bytes(random.Random(0).randbytes(200_000))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.write(path.parent / "noise", "noise")
            if kind == "clash":
                zipped.writestr("noise/a", "x")
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as tarred:
            tarred.add(path.parent / "noise", "noise")
    content = bytearray(path.read_bytes())
    entry = content.find(b"PK\x01\x02")  # of a zip's list of members; its flags, its method
    if kind == "encrypted":
        content[6] |= 1
        content[entry + 8] |= 1
    elif kind == "method":
        content[8] = content[entry + 10] = 99
    elif kind == "damaged":
        content[100_000:100_050] = bytes(50)
    elif kind == "cut":
        del content[100_000:]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("a.zip", "encrypted", "member 'noise' is encrypted"),
        ("a.zip", "method", "damaged archive"),
        ("a.zip", "damaged", "damaged archive"),
        ("a.zip", "clash", "damaged archive"),
        ("a.zip", "cut", "neither a zip nor a tar"),
        ("a.tar.gz", "damaged", "damaged archive"),
        ("a.tar.gz", "cut", "damaged archive"),
        ("a.tar.xz", "damaged", "damaged archive"),
        ("a.tar.bz2", "damaged", "damaged archive|neither a zip nor a tar"),
    ],
)
def test_an_archive_that_cannot_be_unpacked_is_one_error(tmp_path, name, kind, message):
    with pytest.raises(UserError, match=rf"{name}: .*({message})"):
        extract(spoiled(tmp_path / name, kind), tmp_path / "out")
