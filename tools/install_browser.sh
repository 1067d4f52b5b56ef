#!/usr/bin/env bash
# Install a headless Chromium for the tests of the page (tests/demo): 70 MB fetched, 220 MB on disk.
#
#   tools/install_browser.sh
#
# The npm package @sparticuz/chromium contains it with the libraries and fonts that it needs, so no root is required. It
# goes to $ATAT_MODELS/chromium, by default models/chromium below the environment. The archive's sha256 is checked. A
# second call changes nothing. Without npm nothing is installed, and those tests are skipped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${ATAT_VENV:-$root/.venv}
python=$venv/bin/python
if [ "$venv" = none ]; then python=$(command -v python) && venv=$("$python" -c 'import sys; print(sys.prefix)'); fi
out=${ATAT_MODELS:-$venv/models}/chromium
version=153.0.0
sha256=20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

case "${1:-}" in
    "") ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown option $1; there are none" ;;
esac
if [ "$(cat "$out/version" 2>/dev/null)" = "$version" ]; then exit; fi
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail "this Chromium is for Linux on x86_64; set ATAT_CHROMIUM to another"
[ -x "$python" ] || fail "no environment at $venv; run tools/setup.sh first, or set ATAT_VENV"
command -v npm >/dev/null ||
    fail "npm is not on the path, and Chromium comes in an npm archive; install Node.js with npm (Debian: apt install npm)"

rm -rf "$out" "$out.part"
mkdir -p "$out.part"
(cd "$out.part" && npm pack --silent "@sparticuz/chromium@$version" >/dev/null) || fail "npm could not fetch @sparticuz/chromium"
"$python" - "$out.part" "$sha256" "$out" <<'PYTHON'
import hashlib, io, pathlib, sys, tarfile
import brotli

part, sha256, out = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
(path,) = part.glob("*.tgz")
packed = path.read_bytes()
if hashlib.sha256(packed).hexdigest() != sha256:
    sys.exit(f"error: {path.name} has another sha256 than {sha256}: refused")
path.unlink()


def member(name):
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return brotli.decompress(archive.extractfile(f"package/bin/{name}.br").read())


browser = part / "chromium"
browser.write_bytes(member("chromium"))
browser.chmod(0o755)
for name in ("al2023.tar", "fonts.tar"):  # lib/, fonts/
    with tarfile.open(fileobj=io.BytesIO(member(name))) as archive:
        archive.extractall(part, filter="data")
(part / "fonts.conf").write_text(
    '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
    f"<fontconfig><dir>{out}/fonts</dir><cachedir>{out}/cache</cachedir></fontconfig>\n"
)
PYTHON
echo "$version" >"$out.part/version"
mv "$out.part" "$out"
echo "$out: Chromium of @sparticuz/chromium $version"
