#!/usr/bin/env bash
# Data dirs of Common Voice: local/data.sh <source> <data_dir> [options of prepare common_voice], from the repository's root.
# The corpus is behind a form, so nothing is fetched.
set -euo pipefail

source=${1:-}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ -z "${source}" || ! -e "${source}" ]]; then
    echo "error: ${source:-common_voice}: not there; Common Voice is behind a form at https://commonvoice.mozilla.org/datasets; set COMMON_VOICE in db.sh to the folder" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare common_voice "${source}" "${data_dir}" --replace "$@"
