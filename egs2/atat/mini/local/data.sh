#!/usr/bin/env bash
# Data dirs of mini: local/data.sh <source> <data_dir> [options of prepare mini], from the repository's root.
# check_corpus.py checks what DATASHEET.md says of the files; the tests run it.
set -euo pipefail

source=${1:-egs2/atat/mini/corpus}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
exec "${python:-python}" -m espnet_atat.bin.prepare mini "${source}" "${data_dir}" --check none --replace "$@"
