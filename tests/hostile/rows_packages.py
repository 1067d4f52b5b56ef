"""Packages: zips, manifests and what they name, as ``atat info`` reads them. Nothing is built, no weights are read."""

import zipfile

from tests.hostile.world import MANIFEST, PACKAGE, special, zip_of

INFO = "atat info package.zip"


def package(*more: tuple[str | zipfile.ZipInfo, bytes | str], **changed: bytes | str | None) -> bytes:
    """The good package with members changed (``__`` is a slash, ``_`` before the suffix a dot) and some more."""
    names = {key.replace("__", "/").replace("_", "."): content for key, content in changed.items()}
    members = [*{**PACKAGE, **names}.items(), *more]
    return zip_of((name, content) for name, content in members if content is not None)


def encrypted() -> bytes:
    content = bytearray(package())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(signature, at + 4)
    return bytes(content)


def lying() -> bytes:
    """A member that announces more bytes than a disk has."""
    content = package()
    at = content.find(b"PK\1\2")
    return content[: at + 24] + b"\xf0\xff\xff\xff" + content[at + 28 :]


#: Content of package.zip, and what is said.
ZIPS = {
    "empty": (b"", "package.zip: not a package"),
    "a text": (b"hello", "package.zip: not a package"),
    "cut": (package()[:-30], "package.zip: not a package … or cut short"),
    "no member": (b"PK\5\6" + bytes(18), "package.zip: holds no atat.yaml"),
    "no manifest": (package(atat_yaml=None), "package.zip: holds no atat.yaml: not made by espnet_atat.bin.pack"),
    "a member upwards": (package(("../evil.md", "x")), "package.zip: refused: … '../evil.md' would lie outside"),
    "a member from the root": (package(("/evil.md", "x")), "package.zip: refused: … would lie outside"),
    "a drive": (package(("C:evil.md", "x")), "package.zip: refused: … would lie outside"),
    "backslashes": (package(("..\\evil.md", "x")), "package.zip: refused"),
    "code": (package(("code.py", "x")), "package.zip: refused: 'code.py' is not a file that a package may hold"),
    "a pickle": (package(("x.pkl", "x")), "package.zip: refused: 'x.pkl'"),
    "a link": (package(special("link.md", 0o120777)), "package.zip: refused: 'link.md' is a link"),
    "a pipe": (package(special("pipe.md", 0o010666)), "package.zip: refused: 'pipe.md'"),
    "a device": (package(special("device.md", 0o020666)), "package.zip: refused: 'device.md'"),
    "a member twice": (package(("atat.yaml", MANIFEST)), "package.zip: refused: 'atat.yaml' occurs twice"),
    "encrypted": (encrypted(), "package.zip: refused: … is encrypted"),
    "a bomb": (zip_of([("atat.yaml", MANIFEST + "#" * 50_000_000)], zipfile.ZIP_DEFLATED), "package.zip: refused"),
    "a lie about its size": (lying(), "package.zip"),
}
#: Content of its manifest.
MANIFESTS = {
    "empty": ("", "package.zip: atat.yaml: holds no mapping"),
    "not YAML": ("a: [", "package.zip: atat.yaml: refused: not plain YAML data"),
    "not UTF-8": (b"form: 1\nname: \xff\n", "package.zip: atat.yaml: refused: not plain YAML data"),
    "a list": ("- a\n", "package.zip: atat.yaml: holds no mapping"),
    "code": ("form: 1\nname: !!python/object/apply:os.system [ls]\n", "package.zip: atat.yaml: refused"),
    "another form": ("form: 2\nname: toy\n", "package.zip: atat.yaml: not a manifest of form 1: packed by another"),
    "no name": ("form: 1\n", "package.zip: atat.yaml: the key 'name' is missing"),
    "a name of numbers": ("form: 1\nname: 7\n", "package.zip: atat.yaml: name: is a text, found 7"),
    "an unknown key": (MANIFEST + "colour: red\n", "package.zip: atat.yaml: unknown key 'colour'"),
    "an unknown option": (MANIFEST + "decode: {speed: 9}\n", "decode: unknown … 'speed'"),
    "an option of texts": (MANIFEST + "decode: {beam_size: many}\n", "package.zip: atat.yaml: decode"),
    "trained on texts": (MANIFEST + "trained_on: [x]\n", "package.zip: atat.yaml: trained_on"),
    "trained on nothing": (MANIFEST + "trained_on: [{task: slu}]\n", "package.zip: atat.yaml"),
    "a result without figures": (MANIFEST + "results: [{set: a}]\n", "package.zip: atat.yaml"),
    "figures of texts": (MANIFEST + "results: [{set: a, task: slu, config: d, utterances: 1, figures: {em_full: x}}]\n", "package.zip: atat.yaml"),
    "an unknown task": (MANIFEST.replace("speech: slu", "speech: sing"), "package.zip: atat.yaml"),
    "tasks of lists": (MANIFEST.replace("speech: slu", "speech: [slu]"), "package.zip: atat.yaml: tasks"),
    "an encoder without a kind": (MANIFEST + "encoder: {x: y}\n", "package.zip: atat.yaml"),
    "a key twice": (MANIFEST + "name: other\n", "package.zip: atat.yaml: refused"),
    "deep": ("a: " + "[" * 3_000, "package.zip: atat.yaml: refused"),
    "laughs": (MANIFEST + "versions:\n  a: &a [x,x,x,x,x,x,x,x]\n" + "".join(f"  {b}: &{b} [{','.join(['*' + a] * 8)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)), "package.zip: atat.yaml … alias"),
    "a terminal's orders": (MANIFEST.replace("toy", '"\\e[2J"'), "package.zip: atat.yaml"),
}  # fmt: skip
ROWS: list = [(name, INFO, {"package.zip": content}, wanted) for name, (content, wanted) in ZIPS.items()]
ROWS += [
    (f"manifest, {name}", INFO, {"package.zip": package(atat_yaml=content)}, wanted)
    for name, (content, wanted) in MANIFESTS.items()
]
ROWS += [
    (f"folder, {name}", "atat info unpacked", {"unpacked/meta.yaml": PACKAGE["meta.yaml"], **files}, wanted)
    for name, files, wanted in (
        ("no manifest", {}, "unpacked: holds no atat.yaml: not made by espnet_atat.bin.pack"),
        ("not YAML", {"unpacked/atat.yaml": "["}, "unpacked: atat.yaml: refused: not plain YAML data"),
        ("not UTF-8", {"unpacked/atat.yaml": b"\xff"}, "unpacked: atat.yaml: refused"),
    )
]
ROWS += [
    ("a folder of nothing", "atat info audio", {}, "audio: holds no meta.yaml: not made by espnet_atat.bin.pack"),
    ("a recording", "atat info audio/s-1.wav", {}, "audio/s-1.wav: not a package"),
    ("a hidden name", "atat info ~/nowhere", {}, "~/nowhere: no such package, folder or hub name"),
    ("many slashes", "atat info a/b/c", {}, "a/b/c: no such package, folder or hub name (user/model)"),
]
