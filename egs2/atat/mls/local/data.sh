#!/usr/bin/env bash
# Data dirs of Multilingual LibriSpeech: local/data.sh <source> <data_dir> [options of prepare mls], from the repository's root.
# The corpus is of terabytes, so nothing is fetched.
set -euo pipefail

source=${1:-}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ -z "${source}" || ! -e "${source}" ]]; then
    echo "error: ${source:-mls}: not there; get mls_english from https://www.openslr.org/94/; set MLS in db.sh to the folder" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare mls "${source}" "${data_dir}" --replace "$@"
