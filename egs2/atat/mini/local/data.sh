#!/usr/bin/env bash
# Data dirs of mini: local/data.sh <source> <data_dir> [options of prepare mini], from the repository's root. First
# the claims of DATASHEET.md are verified from the files; a claim that fails stops it, with all figures printed.
set -euo pipefail

source=${1:-egs2/atat/mini/corpus}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if ! figures=$("${python}" egs2/atat/mini/local/check_corpus.py "${source}"); then
    printf '%s\n' "${figures}" >&2
    exit 1
fi
printf '%s\n' "${figures}" | tail -n 2
"${python}" -m espnet_atat.bin.prepare mini "${source}" "${data_dir}" --check none --replace "$@"
