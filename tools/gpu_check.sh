#!/usr/bin/env bash
# Try the paper's model on one GPU, within minutes: train, resume, decode, compare with the CPU; print the figures.
#
#   tools/gpu_check.sh                     mini's speech and texts, in a new folder below ${TMPDIR:-/tmp}
#   ATAT_CORPORA=DIR tools/gpu_check.sh    with the texts of DIR/top
#   tools/gpu_check.sh --cpu               a small model for two minutes, where there is no GPU
#   tools/gpu_check.sh --updates 200       further options are those of benchmarks/gpu_check.py
#   tools/gpu_check.sh --fetch wheels [FREEZE]  where there is a network: download what a machine without one lacks;
#                                          FREEZE: `pip freeze` of that machine, whose packages are not downloaded
#
# It needs a Python >= 3.12 with torch: $PYTHON, else that of tools/setup.sh, else python3. What that lacks is installed
# beside it, in the new folder: all wheels in $ATAT_WHEELS, by default ./wheels, else what is missing from the index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What training and decoding need, in the versions of constraints.txt, but torch, which has to fit the machine.
# A name in the first argument, lines of `pip freeze`, is installed already.
wanted() {
    grep -Ev '^(#|torch(audio)?==|triton==|nvidia-|cuda-|starlette|uvicorn|brotli|playwright|pytest|mypy|ruff|shellcheck|types-|boto|s3transfer)' \
        constraints.txt |
        grep -Ev '^(faster-whisper|ctranslate2|av|onnxruntime|pocketsphinx|audiomentations|hypothesis|pyarrow)==' |
        awk -F'[= ]' 'function key(name) { gsub(/[-_.]+/, "-", name); return tolower(name) }
            NR == FNR { there[key($1)]; next } !(key($1) in there)' "$1" -
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

case "${1:-}" in
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit ;;
esac

python=${PYTHON:-}
if [ -z "$python" ] && tools/setup.sh --check 2>/dev/null; then
    . ./path.sh
    python=$(command -v python)
fi
python=${python:-$(command -v python3)} || fail "no python3 on the path"

if [ "${1:-}" = --fetch ]; then
    wanted "${3:-/dev/null}" >"${2:?usage: tools/gpu_check.sh --fetch DIR [FREEZE]}.txt"
    "$python" -m pip wheel --no-deps --wheel-dir "$2" --requirement "$2.txt"
    exit
fi

"$python" -c 'import torch' 2>/dev/null || fail "$python has no torch; name one that has by PYTHON"
work=$(mktemp -d "${TMPDIR:-/tmp}/gpu_check.XXXXXX")
packages=
if ! "$python" -c 'import espnet2.tasks.abs_task, kaldiio, num2words, transformers' 2>/dev/null; then
    wheels=${ATAT_WHEELS:-wheels}
    packages=$work/packages # on the path, not in an environment: a Python with torch may be one itself
    if [ -d "$wheels" ]; then
        chosen=(--no-index "$wheels"/*)
    else
        "$python" -m pip freeze >"$work/freeze.txt"
        wanted "$work/freeze.txt" >"$work/wanted.txt"
        chosen=(--requirement "$work/wanted.txt")
    fi
    "$python" -m pip install --quiet --no-deps --target "$packages" "${chosen[@]}"
fi
mkdir "$work/check"
status=0
PYTHONPATH=$PWD${packages:+:$packages} HF_HUB_OFFLINE=1 "$python" benchmarks/gpu_check.py --output "$work/check" "$@" || status=$?
echo "report and logs: $work/check"
exit "$status"
