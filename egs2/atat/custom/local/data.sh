#!/usr/bin/env bash
# Data dirs of your own data: local/data.sh <source> <data_dir> [options of prepare custom], from the repository's root.
set -euo pipefail

source=${1:-downloads/custom}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    echo "error: set CUSTOM in db.sh to your table (.csv, .tsv, .jsonl) or folder of data dirs" \
        "(see egs2/atat/custom/README.md)" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare custom "${source}" "${data_dir}" --replace "$@"
