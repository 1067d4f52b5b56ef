#!/usr/bin/env bash
# Sourced by a recipe's local/data.sh: corpus.sh CORPUS DEFAULT_SOURCE SOURCE DATA_DIR [OPTION…], from the repository's root.
set -euo pipefail

corpus=$1
source=${3:-$2}
data_dir=${4:?usage: local/data.sh <source> <data_dir> [options]}
options=("${@:5}")
python=${python:-python}

# Whether the corpus is to be fetched: it is not there, and its place is ours.
is_absent() { [[ ! -e "${source}" && "${source}" == downloads/* ]]; }

# fetch [OPTION…]: of `prepare fetch`.
fetch() { "${python}" -m espnet_atat.bin.prepare fetch --output_dir "${source}" "$@"; }

# by_hand HOW…: stop where there is no corpus, which no script can fetch.
by_hand() {
    [[ -n "${source}" && -e "${source}" ]] && return
    echo "error: ${source:-${corpus}}: not there; $*" >&2
    exit 2
}

prepare() {
    "${python}" -m espnet_atat.bin.prepare "${corpus}" "${source}" "${data_dir}" --replace ${options[@]+"${options[@]}"}
}
