#!/usr/bin/env bash
# Data dirs of SNIPS smart-lights: local/data.sh <source> <data_dir> [options of prepare snips], from the repository's
# root.
set -euo pipefail

source=${1:-downloads/snips_slu_data_v1.0}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    echo "error: SNIPS smart-lights is behind a form and cannot be fetched by a script: ask for it at" \
        "https://github.com/sonos/spoken-language-understanding-research-datasets," \
        "unpack it to downloads/snips_slu_data_v1.0, or set SNIPS in db.sh to its folder (see egs2/atat/snips/README.md)" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare snips "${source}" "${data_dir}" --replace "$@"
