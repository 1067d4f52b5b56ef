#!/usr/bin/env bash
# Data dirs of Facebook TOP or TOPv2: local/data.sh <source> <data_dir> [options of prepare top], from the
# repository's root. If <source> is empty, or below downloads/ and absent, TOP is fetched.
set -euo pipefail

source=${1:-downloads/top-dataset-semantic-parsing}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    # The owner publishes no checksum of the archive; those of the three tables are known.
    "${python}" -m espnet_atat.bin.prepare fetch \
        --url "${TOP_URL:-http://fb.me/semanticparsingdialog}" --archive semanticparsingdialog.zip \
        --file_checksums egs2/atat/top/local/sha256sums --output_dir "${source}"
fi
"${python}" -m espnet_atat.bin.prepare top "${source}" "${data_dir}" --replace "$@"
