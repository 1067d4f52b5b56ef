#!/usr/bin/env bash
# Data dirs of CMU AN4: local/data.sh <source> <data_dir> [options of prepare an4], from the repository's root.
# If <source> is empty, or below downloads/ and absent, the corpus is fetched.
set -euo pipefail

source=${1:-downloads/an4}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    "${python}" -m espnet_atat.bin.prepare fetch \
        --url "${AN4_URL:-http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz}" \
        --checksum "${AN4_CHECKSUM:-sha256:a0525579493735d32b60fb6fa5975dd0eaacde087b0a4eeb7f13b7ef33077b12}" \
        --output_dir "${source}"
fi
"${python}" -m espnet_atat.bin.prepare an4 "${source}" "${data_dir}" --replace "$@"
