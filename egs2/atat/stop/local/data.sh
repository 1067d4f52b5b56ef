#!/usr/bin/env bash
# Data dirs of STOP: local/data.sh <source> <data_dir> [options of prepare stop], from the repository's root.
set -euo pipefail

source=${1:-downloads/STOP}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    echo "error: STOP is used under a licence that you have to agree to, so no script fetches it: see" \
        "https://facebookresearch.github.io/spoken_task_oriented_parsing/, unpack the folders stop and low_resource_splits" \
        "to downloads/STOP, or set STOP in db.sh to the folder that has them (see egs2/atat/stop/README.md)" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare stop "${source}" "${data_dir}" --replace "$@"
