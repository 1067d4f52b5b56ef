#!/usr/bin/env bash
# Data dirs of SLURP: local/data.sh <source> <data_dir> [options of prepare slurp], from the repository's root.
set -euo pipefail

source=${1:-downloads/slurp}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    echo "error: SLURP's text is a repository, its audio is on Zenodo, and no checksum of either is known here: clone" \
        "https://github.com/pswietojanski/slurp to downloads/slurp, unpack slurp_real.tar.gz and slurp_synth.tar.gz of" \
        "https://zenodo.org/record/4274930 to its folder audio, or set SLURP in db.sh (see egs2/atat/slurp/README.md)" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare slurp "${source}" "${data_dir}" --replace "$@"
