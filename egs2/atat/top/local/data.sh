#!/usr/bin/env bash
# Data dirs of Facebook TOP, TOPv2 or STOP: local/data.sh <source> <data_dir> [options of prepare top], from the
# repository's root. With an empty <source>, STOP of db.sh counts if it is set; else TOP is fetched into downloads/top.
set -euo pipefail

source=${1-}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

source=${source:-${STOP:-}}
if [ -z "${source}" ]; then
    "${python}" -m espnet_atat.bin.fetch \
        --url "${TOP_URL:-http://fb.me/semanticparsingdialog}" --archive semanticparsingdialog.zip \
        --file_checksums egs2/atat/top/local/sha256sums --output_dir downloads/top
    source=downloads/top/top-dataset-semantic-parsing
fi
"${python}" -m espnet_atat.bin.prepare top "${source}" "${data_dir}" "$@"
"${python}" -m espnet_atat.bin.validate "${data_dir}" --audio header
