#!/usr/bin/env bash
# Data dirs of Switchboard: local/data.sh <source> <data_dir> [options of prepare switchboard], from the repository's root.
# The corpus is sold, so nothing is fetched.
set -euo pipefail

source=${1:-}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ -z "${source}" || ! -e "${source}" ]]; then
    echo "error: ${source:-switchboard}: not there; Switchboard is LDC97S62 of the Linguistic Data Consortium; set SWITCHBOARD in db.sh to the folder" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare switchboard "${source}" "${data_dir}" --replace "$@"
